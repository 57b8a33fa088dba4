//! What happens to every request before its route takes it, and what is said about it after.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::Body;
use http::{Request, Response};
use portcullis_core::{Protocol, Refusal, RefusalKind, RequestContext};
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt};

use crate::host;
use crate::routes::{Match, Routes};

/// A route with everything that stands before its upstream.
pub(crate) type RouteService = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// Finds the route of a request, or refuses it.
///
/// # Clone
/// Clones share the routes.
#[derive(Clone)]
pub(crate) struct Front {
    shared: Arc<Shared>,
}

struct Shared {
    routes: Routes<Entry>,
    nowhere: Refusal,
    ambiguous: Refusal,
    bad_host: Refusal,
}

pub(crate) struct Entry {
    /// The pattern, for logs.
    pub(crate) pattern: Arc<str>,
    pub(crate) service: RouteService,
}

// === impl Front ===

impl Front {
    pub(crate) fn new(routes: Routes<Entry>) -> Self {
        Self {
            shared: Arc::new(Shared {
                routes,
                nowhere: Refusal::builder(RefusalKind::NotFound, "no_route")
                    .detail("Nothing is served under this path.")
                    .build(),
                ambiguous: Refusal::builder(RefusalKind::BadRequest, "ambiguous_path")
                    .detail("The path can be read in more than one way.")
                    .build(),
                bad_host: Refusal::builder(RefusalKind::BadRequest, "bad_host")
                    .detail("Name one host, and nothing else, in Host.")
                    .build(),
            }),
        }
    }
}

impl Service<Request<Body>> for Front {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let arrived = Instant::now();
        let context = RequestContext::ensure(request.extensions_mut(), || arrived).clone();
        let method = request.method().clone();
        let protocol = Protocol::of(request.headers());
        let routed = match self.shared.route(&request) {
            Ok(entry) => {
                context.set_route(Arc::clone(&entry.pattern));
                Ok(entry.service.clone().oneshot(request))
            }
            Err(refusal) => Err(refusal.clone()),
        };
        Box::pin(async move {
            let response = match routed {
                Ok(response) => match response.await {
                    Ok(response) => response,
                    Err(never) => match never {},
                },
                Err(refusal) => {
                    context.set_verdict(refusal.reason());
                    refusal.response::<Body>(protocol).map(Body::new)
                }
            };
            // The pattern and never the path: paths and queries hold what people would not log.
            tracing::info!(
                target: "portcullis::access",
                %method,
                route = context.route().unwrap_or("-"),
                status = response.status().as_u16(),
                verdict = context.verdict().unwrap_or("-"),
                issuer = context.identity().map_or("-", |identity| identity.issuer()),
                took_ms = u64::try_from(arrived.elapsed().as_millis()).unwrap_or(u64::MAX),
                "request"
            );
            Ok(response)
        })
    }
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").finish_non_exhaustive()
    }
}

// === impl Shared ===

impl Shared {
    fn route<B>(&self, request: &Request<B>) -> Result<&Entry, &Refusal> {
        if !host::is_right(request) {
            return Err(&self.bad_host);
        }
        match self.routes.find(request.uri().path()) {
            Match::Route(_, entry) => Ok(entry),
            Match::Nowhere => Err(&self.nowhere),
            Match::Ambiguous => Err(&self.ambiguous),
        }
    }
}
