//! The future of one request through the middleware.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue, Request, Response};
use pin_project::pin_project;
use portcullis_core::{Head, Observer, Protocol, Refusal, ResponseBody};
use tower_service::Service;

use super::judge::Conclusion;
use super::settings::Settings;
use crate::{Gate, Verdict};

/// The response of [`Auth`](super::Auth).
///
/// Dropping it releases everything that readiness of the inner service had reserved.
#[pin_project]
pub struct ResponseFuture<S, F, R, O> {
    #[pin]
    state: State<S, F, R, O>,
}

#[pin_project(project = StateProj)]
enum State<S, F, R, O> {
    /// The token is good, or needs not be: the inner service works.
    Calling {
        #[pin]
        future: F,
        /// Whether the token was in the target, so that no shared cache may keep the answer.
        private: bool,
    },
    /// The answer is ours.
    Refused(Refusal, Protocol),
    /// The verdict needs I/O: the readied instance and the request wait.
    Asking(Boxed<S, R, O>),
}

/// The one box of the slow path: all of it, so that the fast path moves little.
type Boxed<S, R, O> = Pin<Box<Asking<S, R, O, dyn Future<Output = Verdict> + Send>>>;

#[pin_project]
struct Asking<S, R, O, V: ?Sized> {
    pending: Option<Pending<S, R, O>>,
    #[pin]
    verdict: V,
}

/// What waits while the verdict is asked for.
pub(super) struct Pending<S, R, O> {
    pub(super) service: S,
    pub(super) request: R,
    pub(super) settings: Arc<Settings>,
    pub(super) observer: O,
}

// === impl ResponseFuture ===

impl<S, F, R, O> ResponseFuture<S, F, R, O> {
    pub(super) const fn calling(future: F, private: bool) -> Self {
        Self {
            state: State::Calling { future, private },
        }
    }

    pub(super) const fn refused(refusal: Refusal, protocol: Protocol) -> Self {
        Self {
            state: State::Refused(refusal, protocol),
        }
    }

    pub(super) fn asking(
        verdict: impl Future<Output = Verdict> + Send + 'static,
        pending: Pending<S, R, O>,
    ) -> Self {
        let pending = Some(pending);
        Self {
            state: State::Asking(Box::pin(Asking { pending, verdict })),
        }
    }
}

impl<S, O, ReqBody, ResBody> Future for ResponseFuture<S, S::Future, Request<ReqBody>, O>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    O: Observer,
{
    type Output = Result<Response<ResponseBody<ResBody>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProj::Calling { future, private } => {
                    return future.poll(cx).map_ok(|mut response| {
                        if *private {
                            keep_private(response.headers_mut());
                        }
                        response.map(ResponseBody::inner)
                    });
                }
                StateProj::Refused(refusal, protocol) => {
                    return Poll::Ready(Ok(refusal.response(*protocol)));
                }
                StateProj::Asking(asking) => {
                    let asking = asking.as_mut().project();
                    let verdict = ready!(asking.verdict.poll(cx));
                    // `pending` is there until this arm has run once, and it replaces the state.
                    let Some(Pending {
                        mut service,
                        mut request,
                        settings,
                        observer,
                    }) = asking.pending.take()
                    else {
                        return Poll::Pending;
                    };
                    let gate = Gate::new(Head::of(&request), settings.admission());
                    let next = match settings.conclude(&observer, &gate, verdict) {
                        Conclusion::Pass(pass) => {
                            let private = settings.apply(pass, &mut request);
                            State::Calling {
                                future: service.call(request),
                                private,
                            }
                        }
                        Conclusion::Refuse(refusal) => {
                            State::Refused(refusal, Protocol::of(request.headers()))
                        }
                    };
                    state.set(next);
                }
            }
        }
    }
}

/// RFC 6750 section 2.3: the answer to a request whose target holds the token is for nobody else.
#[cold]
fn keep_private(headers: &mut HeaderMap) {
    let kept = |value: &HeaderValue| {
        value.as_bytes().split(|byte| *byte == b',').any(|one| {
            let one = one.trim_ascii();
            one.eq_ignore_ascii_case(b"no-store") || one.eq_ignore_ascii_case(b"private")
        })
    };
    if !headers.get_all(CACHE_CONTROL).iter().any(kept) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
    }
}

impl<S, F, R, O> fmt::Debug for ResponseFuture<S, F, R, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
