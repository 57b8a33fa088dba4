//! The middleware that demands something of an identity: scopes, roles, a recent or strong
//! authentication.

mod answers;
mod demands;
mod future;
mod layer;
mod recheck;
mod settings;
mod shortfall;

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use portcullis_core::{Clock, Head, Observer, Protocol, ResponseBody, SystemClock};
use tower_service::Service;

pub use future::RequireFuture;
pub use layer::RequireLayer;
pub use shortfall::Shortfall;

use settings::{Judged, Settings};

/// The middleware that [`RequireLayer`] puts round a service.
///
/// Decides without waiting and without an allocation: the answers are prepared.
///
/// # Clone
/// Clones share the prepared answers and the observer.
#[derive(Clone)]
pub struct Require<S, O = (), C = SystemClock> {
    inner: S,
    shared: Arc<Shared<O, C>>,
}

/// What clones share, behind one pointer: servers make a clone for each request.
struct Shared<O, C> {
    settings: Arc<Settings>,
    observer: O,
    clock: C,
}

// === impl Require ===

impl<S, O, C> Require<S, O, C> {
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

impl<S, O, C, ReqBody, ResBody> Service<Request<ReqBody>> for Require<S, O, C>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    O: Observer,
    C: Clock,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = RequireFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let shared = &*self.shared;
        let judged = shared
            .settings
            .judge(&shared.observer, &shared.clock, Head::of(&request));
        match judged {
            Judged::Pass => RequireFuture::calling(self.inner.call(request)),
            Judged::As(identity) => {
                identity.attach(request.extensions_mut());
                RequireFuture::calling(self.inner.call(request))
            }
            Judged::Refuse(refusal) => {
                // What the readied instance reserved goes back with it: keep the clone.
                self.inner = self.inner.clone();
                RequireFuture::refused(refusal, Protocol::of(request.headers()))
            }
        }
    }
}

impl<S, O, C> fmt::Debug for Require<S, O, C>
where
    S: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Require")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
