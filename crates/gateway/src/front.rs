//! What happens to every request before its route takes it, and what is said about it after.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, Ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::Body;
use futures_util::future::Either;
use http::header::SET_COOKIE;
use http::{HeaderName, Method, Request, Response};
use portcullis_core::{ConfigError, RequestContext};
use portcullis_trace::TraceServer;
use tower::util::{self, BoxCloneSyncService, MapResponse, Oneshot};
use tower::{Layer as _, Service, ServiceExt};
use tower_http::request_id::{PropagateRequestId, SetRequestId};

use crate::access::Access;
use crate::config::{self, Config, HostPattern};
use crate::cors::{self, CrossOrigin};
use crate::metrics::{Metrics, Tally};
use crate::peers::Peers;
use crate::refused::Refused;
use crate::request_id::Fresh;
use crate::routes::Routes;
use crate::screen::{self, Rules, Screen};
use crate::trace::Layers;
use crate::via::Via;
use crate::{host, request_id};

/// A route with everything that stands before its upstream.
pub(crate) type RouteService = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// Everything that stands before the routes, outermost first:
///
/// | | does |
/// |---|---|
/// | log | one [line](Access) when the answer is there, or when nobody waits for it any more |
/// | trace, if configured | makes the request part of one, and keeps from others what upstreams say of their time |
/// | request id | takes the one of a trusted peer or makes one, for the upstream and for every response |
/// | [`Screen`] | refuses what comes round again, wrong hosts and headers; cleans the others |
/// | [`CrossOrigin`], if configured | answers preflights, writes what browsers want to read, on refusals too |
/// | [`Routing`] | finds the route of a request, or refuses it |
///
/// # Clone
/// Clones share the routes.
#[derive(Clone)]
pub(crate) struct Front {
    rules: Arc<Rules>,
    tally: Arc<Tally>,
    layers: Option<Layers>,
    stack: util::Either<TraceServer<Stack, Arc<Metrics>>, Stack>,
}

/// What comes after the trace.
type Stack = SetRequestId<PropagateRequestId<Screen<Inner>>, Fresh>;

/// With CORS, or without.
type Inner = util::Either<CrossOrigin<Settled>, Settled>;

type Settled = MapResponse<Routing, fn(Response<Body>) -> Response<Body>>;

/// Finds the route of a request, or refuses it.
#[derive(Clone)]
struct Routing {
    shared: Arc<Shared>,
}

struct Shared {
    hosts: Option<Vec<HostPattern>>,
    routes: Routes<Entry>,
}

pub(crate) struct Entry {
    /// The pattern, for logs.
    pub(crate) pattern: Arc<str>,
    pub(crate) service: RouteService,
}

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

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

// === impl Front ===

impl Front {
    /// Before the routes of the proxy.
    pub(crate) fn new(
        config: &Config,
        routes: Routes<Entry>,
        tally: Arc<Tally>,
        trace: Option<&Layers>,
        via: Via,
    ) -> Result<Self, ConfigError> {
        let cors = config.cors.as_ref();
        Self::with_cors(config, cors, Some(via), routes, tally, trace)
    }

    /// Before routes at whose end nothing is asked for, but whether it may be. There browsers read
    /// nothing, and a preflight is the business of whoever asks.
    pub(crate) fn for_questions(
        config: &Config,
        routes: Routes<Entry>,
        tally: Arc<Tally>,
        trace: Option<&Layers>,
    ) -> Result<Self, ConfigError> {
        Self::with_cors(config, None, None, routes, tally, trace)
    }

    /// What counts its requests.
    pub(crate) fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    fn with_cors(
        config: &Config,
        cors: Option<&config::Cors>,
        via: Option<Via>,
        routes: Routes<Entry>,
        tally: Arc<Tally>,
        trace: Option<&Layers>,
    ) -> Result<Self, ConfigError> {
        let server = &config.server;
        let rules = Arc::new(Rules {
            peers: Peers::new(&server.trusted_proxies)?,
            proto: if server.tls.is_some() {
                "https"
            } else {
                "http"
            },
            via,
        });
        let routing = Routing {
            shared: Arc::new(Shared {
                hosts: server.hosts.clone(),
                routes,
            }),
        };
        let inner = match cors {
            Some(cors) => {
                let settled = routing.map_response(settle_with_cors as fn(_) -> _);
                Inner::Left(CrossOrigin::new(cors, settled))
            }
            None => Inner::Right(routing.map_response(settle as fn(_) -> _)),
        };
        let screen = Screen::new(Arc::clone(&rules), inner);
        let stack = SetRequestId::new(
            PropagateRequestId::new(screen, request_id::HEADER),
            request_id::HEADER,
            Fresh,
        );
        let stack = match trace {
            Some(layers) => util::Either::Left(layers.server.layer(stack)),
            None => util::Either::Right(stack),
        };
        Ok(Self {
            rules,
            tally,
            layers: trace.cloned(),
            stack,
        })
    }
}

/// Takes from a response the request id, which the gateway says instead, and marks what is secret.
fn settle(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.remove(request_id::HEADER);
    if headers.contains_key(SET_COOKIE) {
        for (_, value) in headers.iter_mut().filter(|(name, _)| **name == SET_COOKIE) {
            value.set_sensitive(true);
        }
    }
    response
}

fn settle_with_cors(mut response: Response<Body>) -> Response<Body> {
    cors::remove(response.headers_mut());
    settle(response)
}

impl Service<Request<Body>> for Front {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        match &mut self.stack {
            util::Either::Left(traced) => traced.poll_ready(cx),
            util::Either::Right(stack) => stack.poll_ready(cx),
        }
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let arrived = Instant::now();
        let context = RequestContext::ensure(request.extensions_mut(), || arrived).clone();
        let method = request.method().clone();
        let mut counting = self.tally.begin(&context, &method);
        let peer = screen::peer(&request);
        let trusted = self.rules.peers.has(peer);
        let layers = self.layers.as_ref();
        let hides_timing = layers.is_some_and(|layers| layers.hides_timing(peer));
        let id = request_id::settle(request.headers_mut(), trusted);
        let access = Access::new(context, method, id, arrived);
        let response = match &mut self.stack {
            util::Either::Left(traced) => Either::Left(traced.call(request)),
            util::Either::Right(stack) => Either::Right(stack.call(request)),
        };
        Box::pin(async move {
            let mut response = match response {
                Either::Left(traced) => traced.await?.map(Body::new),
                Either::Right(response) => response.await?,
            };
            if hides_timing {
                response.headers_mut().remove(SERVER_TIMING);
            }
            counting.answered(response.status());
            access.answered(response.status());
            Ok(response)
        })
    }
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").finish_non_exhaustive()
    }
}

// === impl Routing ===

impl Service<Request<Body>> for Routing {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future =
        Either<Oneshot<RouteService, Request<Body>>, Ready<Result<Response<Body>, Infallible>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self.shared.route(&request) {
            Ok(entry) => {
                if let Some(context) = RequestContext::find(request.extensions()) {
                    context.set_route(Arc::clone(&entry.pattern));
                }
                Either::Left(entry.service.clone().oneshot(request))
            }
            Err(refused) => Either::Right(screen::refuse(&request, &refused)),
        }
    }
}

// === impl Shared ===

impl Shared {
    fn route(&self, request: &Request<Body>) -> Result<&Entry, Refused> {
        let host = host::of(request);
        if !host::is_served(self.hosts.as_deref(), host) {
            return Err(Refused::UnknownHost);
        }
        find(&self.routes, request.method(), request.uri().path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_that_are_set_are_marked_and_ids_of_others_taken_away() {
        let response = Response::builder()
            .header("set-cookie", "a=1")
            .header("set-cookie", "b=2")
            .header("x-request-id", "theirs")
            .header("access-control-allow-origin", "*");
        let settled = settle(response.body(Body::empty()).unwrap());
        let headers = settled.headers();
        let cookies: Vec<_> = headers.get_all("set-cookie").iter().collect();
        assert!(cookies.len() == 2 && cookies.iter().all(|cookie| cookie.is_sensitive()));
        assert!(!headers.contains_key("x-request-id"));
        assert_eq!(headers["access-control-allow-origin"], "*");
        let settled = settle_with_cors(settled);
        assert!(
            !settled
                .headers()
                .contains_key("access-control-allow-origin")
        );
    }
}
