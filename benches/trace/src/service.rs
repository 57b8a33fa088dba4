//! The services round which the layers are put: one that answers, and one that makes a call for each request.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Response};
use http_body_util::Full;
use portcullis_core::{RequestContext, TraceContext};
use tower::Service;

use crate::request::{Asked, Template};

pub(crate) type Answer = Response<Full<Bytes>>;

const BODY: &[u8] = b"{\"id\":4711,\"items\":[{\"sku\":\"0815\",\"count\":2}],\"state\":\"open\"}";

/// Whoever answers: ready at once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transport {
    /// None while time is taken.
    seen: Option<Arc<Mutex<Seen>>>,
}

/// What came to a [`Transport`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) headers: HeaderMap,
    /// The span of the request that it was called for.
    pub(crate) current: Option<TraceContext>,
}

/// Makes a call for each request that it is asked.
#[derive(Clone, Debug)]
pub(crate) struct Handler<S> {
    client: S,
    template: Arc<Template>,
}

// === impl Transport ===

impl Transport {
    /// One that is watched, and what it saw last.
    pub(crate) fn watched() -> (Self, impl Fn() -> Seen) {
        let seen = Arc::<Mutex<Seen>>::default();
        let last = Arc::clone(&seen);
        let last = move || {
            let seen = last.lock().unwrap_or_else(PoisonError::into_inner);
            seen.clone()
        };
        (Self { seen: Some(seen) }, last)
    }
}

impl<B> Service<http::Request<B>> for Transport {
    type Response = Answer;
    type Error = Infallible;
    type Future = Ready<Result<Answer, Infallible>>;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        if let Some(seen) = &self.seen {
            *seen.lock().unwrap_or_else(PoisonError::into_inner) = Seen {
                headers: request.headers().clone(),
                current: RequestContext::current().and_then(|context| context.trace_context()),
            };
        }
        let mut answer = Response::new(Full::new(Bytes::from_static(BODY)));
        let json = HeaderValue::from_static("application/json");
        answer.headers_mut().insert(CONTENT_TYPE, json);
        ready(Ok(answer))
    }
}

// === impl Handler ===

impl<S> Handler<S> {
    pub(crate) fn new(client: S) -> Self {
        Self {
            client,
            template: Arc::new(Template::outgoing()),
        }
    }
}

impl<S, B> Service<http::Request<B>> for Handler<S>
where
    S: Service<Asked>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.client.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: http::Request<B>) -> S::Future {
        let call = self.template.make();
        // What came in is there until the call is made, as where a handler reads it.
        let future = self.client.call(call);
        drop(request);
        future
    }
}
