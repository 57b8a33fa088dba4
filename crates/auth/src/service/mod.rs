//! The auth middleware: extract, verify, attach the identity, or refuse.

mod future;
mod judge;
mod layer;
mod settings;

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use portcullis_core::{Head, Observer, Protocol, ResponseBody};
use tower_service::Service;

pub use future::ResponseFuture;
pub use layer::AuthLayer;

use crate::Verifier;
use future::Pending;
use judge::{Conclusion, Step};
use settings::Settings;

/// The middleware that [`AuthLayer`] puts round a service.
///
/// # Clone
/// Clones share the verifier with its keys and caches, the observer and the outage budget.
#[derive(Clone)]
pub struct Auth<S, V, O = ()> {
    inner: S,
    shared: Arc<Shared<V, O>>,
}

/// What clones share, behind one pointer: servers make a clone for each request, and every counter that all
/// processors count in costs each of them.
struct Shared<V, O> {
    verifier: V,
    observer: O,
    settings: Arc<Settings>,
}

// === impl Auth ===

impl<S, V, O> Auth<S, V, O> {
    /// The service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside, to be changed.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside, without the middleware.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, V, O, ReqBody, ResBody> Service<Request<ReqBody>> for Auth<S, V, O>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    V: Verifier,
    O: Observer + Clone,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, S::Future, Request<ReqBody>, O>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let shared = &*self.shared;
        let step = shared
            .settings
            .judge(&shared.verifier, &shared.observer, Head::of(&request));
        match step {
            Step::Done(Conclusion::Pass(pass)) => {
                let private = shared.settings.apply(pass, &mut request);
                ResponseFuture::calling(self.inner.call(request), private)
            }
            Step::Done(Conclusion::Refuse(refusal)) => {
                // What the readied instance reserved goes back with it: keep the clone.
                self.inner = self.inner.clone();
                ResponseFuture::refused(refusal, Protocol::of(request.headers()))
            }
            Step::Ask(token) => {
                // Readiness belongs to *this* instance: send it into the future, keep the clone.
                let clone = self.inner.clone();
                let service = std::mem::replace(&mut self.inner, clone);
                let verdict = shared.settings.ask(shared.verifier.clone(), token);
                let settings = Arc::clone(&shared.settings);
                let observer = shared.observer.clone();
                ResponseFuture::asking(
                    verdict,
                    Pending {
                        service,
                        request,
                        settings,
                        observer,
                    },
                )
            }
        }
    }
}

impl<S, V, O> fmt::Debug for Auth<S, V, O>
where
    S: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
