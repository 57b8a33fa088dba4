//! What happens to every request before its route takes it, and what is said about it after.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::Body;
use http::{Method, Request, Response};
use portcullis_core::{Protocol, RequestContext};
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt};

use crate::host;
use crate::refused::Refused;
use crate::routes::Routes;

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
            shared: Arc::new(Shared { routes }),
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
            Err(refused) => Err(refused),
        };
        Box::pin(async move {
            let response = match routed {
                Ok(response) => match response.await {
                    Ok(response) => response,
                    Err(never) => match never {},
                },
                Err(refused) => {
                    context.set_verdict(refused.refusal().reason());
                    refused.response(protocol)
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
    fn route<B>(&self, request: &Request<B>) -> Result<&Entry, Refused> {
        if !host::is_right(request) {
            return Err(Refused::BadHost);
        }
        find(&self.routes, request.method(), request.uri().path())
    }
}

/// The route of a request, or why there is none.
///
/// For the proxy and for forward-auth alike: what one refuses the other does not let pass.
pub(crate) fn find<'a, T>(
    routes: &'a Routes<T>,
    method: &Method,
    path: &str,
) -> Result<&'a T, Refused> {
    routes.find(method, path)
}
