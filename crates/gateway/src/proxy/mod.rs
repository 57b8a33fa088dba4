//! The way to an upstream and back.
//!
//! The transport is hyper and the pooling client of hyper-util. `axum-reverse-proxy`, which stands on the
//! same two, was tried and is not used, for it cannot be told what is demanded here: an idle bound on
//! upgraded connections, trailers over HTTP/1.1 (it takes `Trailer` away, without which hyper sends none),
//! and an answer of its own (413) to a body that turns out too large on the way.

mod answers;
mod arriving;
mod circuits;
mod clients;
mod connect;
mod download;
mod exchange;
mod hop;
mod lanes;
mod leeways;
mod stream_end;
pub(crate) mod tls;
mod tunnel;
mod upgrade;
mod upload;
mod upstreams;

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use futures_util::TryFutureExt as _;
use futures_util::future::Either;
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};
use hyper_util::client::legacy as client;
use portcullis_circuit_breaker::Permit;
use portcullis_circuit_breaker::http::WatchedBody;
use portcullis_core::{
    Clock, ConfigError, HttpOutcomes, Identity, Protocol, RequestContext, ResponseBody, SystemClock,
};
use portcullis_trace::{Client as TraceClient, TraceContextLayer};
use tokio::time::Instant;
use tower::{Layer as _, Service};

use self::answers::NoAnswer;
use self::arriving::Arriving;
pub(crate) use self::circuits::{Circuits, UpstreamHealth};
pub(crate) use self::clients::Clients;
use self::clients::Pool;
use self::download::Download;
use self::exchange::{Cause, Exchange};
use self::lanes::Lease;
pub(crate) use self::leeways::Leeways;
use self::stream_end::{Looks, StreamEnd};
use self::upload::Upload;
use self::upstreams::{Origin, Upstreams};
use crate::config::{HostToUpstream, Route, UpstreamProtocol};
use crate::metrics::RouteTally;
use crate::revoking::Watching;
use crate::server::watch::watch;
use crate::trace::Layers;

/// Forwards the requests of one route.
///
/// The path goes as it came, and so does everything else but the fields that are for one hop. Bodies are
/// streamed both ways at once, with their trailers. A WebSocket becomes a tunnel.
///
/// # Clone
/// Clones share the upstreams and whose turn it is.
#[derive(Clone)]
pub(crate) struct Proxy {
    shared: Arc<Shared>,
}

struct Shared {
    upstreams: Upstreams,
    clients: Clients,
    leeways: Leeways,
    watching: Option<Watching>,
    tally: RouteTally,
    trace: Option<TraceContextLayer<TraceClient>>,
    http2: bool,
    own_host: bool,
    timeout: Duration,
    idle_timeout: Duration,
    max_body: Option<u64>,
}

type Answer = Response<ResponseBody<Download<WatchedBody<Arriving, HttpOutcomes>>>>;

// === impl Proxy ===

impl Proxy {
    /// # Errors
    /// If an upstream is no origin, which one that was parsed is.
    pub(crate) fn new(
        route: &Route,
        (clients, circuits): (&Clients, &Circuits),
        leeways: &Leeways,
        watching: Option<&Watching>,
        tally: RouteTally,
        trace: Option<&Layers>,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            shared: Arc::new(Shared {
                upstreams: Upstreams::new(&route.upstreams, clients.traffic(), circuits)?,
                clients: clients.clone(),
                leeways: leeways.clone(),
                watching: watching.cloned(),
                tally,
                trace: trace.map(|layers| layers.client.clone()),
                http2: route.protocol == UpstreamProtocol::Http2,
                own_host: route.host == HostToUpstream::Upstream,
                timeout: route.timeout,
                idle_timeout: route.idle_timeout,
                max_body: route.max_body,
            }),
        })
    }
}

impl Service<Request<Body>> for Proxy {
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let protocol = Protocol::of(request.headers());
            let context = RequestContext::find(request.extensions()).cloned();
            Ok(match shared.forward(request, protocol).await {
                Ok(answer) => answer,
                Err(no_answer) => {
                    let refusal = no_answer.refusal();
                    if let Some(context) = &context {
                        context.note_refusal();
                    }
                    shared.tally.no_answer(refusal.reason(), no_answer.fault());
                    refusal.response(protocol)
                }
            })
        })
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").finish_non_exhaustive()
    }
}

// === impl Shared ===

impl Shared {
    async fn forward(
        &self,
        mut request: Request<Body>,
        protocol: Protocol,
    ) -> Result<Answer, NoAnswer> {
        let declared = http_body::Body::size_hint(request.body()).lower();
        if self.max_body.is_some_and(|most| declared > most) {
            return Err(NoAnswer::Over(Cause::TooLarge));
        }
        let (origin, mut permit) = self.upstreams.next()?;
        // The route says what its upstreams speak, and never a client. A WebSocket is HTTP/1.1.
        let websocket = upgrade::is_wanted(&request);
        let http2 = !websocket && self.http2;
        // Over HTTP/1.1 trailers would end the body well, and nobody might read them.
        let trailers = protocol == Protocol::Grpc && request.version() == Version::HTTP_2;
        let client_upgrade = websocket.then(|| hyper::upgrade::on(&mut request));
        let begun = Instant::now();
        let end = self.stream_end(&request, begun);
        let exchange = Exchange::new(begun, self.timeout, self.idle_timeout, end);
        let exchange = Arc::new(exchange);
        // Whoever polls this drives the answer too.
        watch(exchange.clone());
        let request = self.outgoing(request, origin, http2, websocket, &exchange, &mut permit);
        let lease = if http2 {
            origin.lanes.lease()
        } else {
            Lease::default()
        };
        let pool = if http2 {
            self.clients.http2(lease.lane)
        } else {
            self.clients.http1()
        };
        let sending = pin!(self.send(pool, request));
        let mut response = match until_over(sending, &exchange).await {
            Ok(Ok(response)) => response,
            Err(cause) => {
                let why = NoAnswer::Over(cause);
                return Err(no_answer(why, &exchange, origin, permit, None));
            }
            Ok(Err(error)) => {
                let why = match exchange.over() {
                    Some(cause) => NoAnswer::Over(cause),
                    None if error.is_connect() => NoAnswer::Unreachable,
                    None => NoAnswer::Failed,
                };
                return Err(no_answer(why, &exchange, origin, permit, Some(&error)));
            }
        };
        exchange.head_came();
        let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        if switched {
            let Some(client) = client_upgrade.filter(|_| upgrade::is_granted(&response)) else {
                return Err(no_answer(NoAnswer::Failed, &exchange, origin, permit, None));
            };
            let upstream = hyper::upgrade::on(&mut response);
            let end = self.clients.tunnels().clone();
            tunnel::open(client, upstream, exchange.after_upgrade(), end);
        }
        hop::strip_response(response.headers_mut());
        if switched {
            upgrade::announce(response.headers_mut());
        }
        // The server says which it speaks.
        *response.version_mut() = Version::HTTP_11;
        // Over HTTP/1.1 there is no gRPC, whatever the client calls it.
        let judged_as = if http2 { protocol } else { Protocol::Http };
        let response = WatchedBody::of(response, permit, HttpOutcomes::new(), judged_as);
        Ok(response
            .map(|body| ResponseBody::inner(Download::new(body, http2, trailers, exchange, lease))))
    }

    /// Sends a request, with the trace that it is part of.
    fn send<'a>(
        &self,
        pool: &'a Pool,
        request: Request<Upload>,
    ) -> impl Future<Output = Result<Response<Arriving>, client::Error>> + use<'a> {
        match &self.trace {
            Some(layer) => {
                let traced = layer.layer(pool).call(request);
                Either::Left(traced.map_ok(|response| response.map(Arriving::from)))
            }
            None => {
                let plain = pool.request(request);
                Either::Right(plain.map_ok(|response| response.map(Arriving::from)))
            }
        }
    }

    fn stream_end<B>(&self, request: &Request<B>, now: Instant) -> Option<StreamEnd> {
        let identity = Identity::of(request.extensions())?;
        let leeway = self.leeways.for_caller(identity);
        let looks = self.watching.as_ref().map(|watching| Looks {
            watch: watching.watch(identity, request.method().is_safe()),
            every: watching.every(),
        });
        StreamEnd::of(identity, looks, leeway, now, SystemClock.wall())
    }

    /// The request as the upstream gets it.
    fn outgoing(
        &self,
        request: Request<Body>,
        origin: &Origin,
        http2: bool,
        websocket: bool,
        exchange: &Arc<Exchange>,
        permit: &mut Option<Permit>,
    ) -> Request<Upload> {
        let (head, body) = request.into_parts();
        let whole = http_body::Body::is_end_stream(&body);
        // As long as the client sends, the upstream is not slow.
        let sending = permit
            .as_mut()
            .filter(|_| !whole)
            .and_then(Permit::uploading);
        let upload = Upload::new(body, self.max_body, Arc::clone(exchange));
        let mut outgoing = Request::new(upload.telling(sending));
        *outgoing.method_mut() = head.method;
        let (client_authority, target) = {
            let parts = head.uri.into_parts();
            (parts.authority, parts.path_and_query)
        };
        *outgoing.uri_mut() = origin.target(target);
        let mut headers = head.headers;
        hop::strip_request(&mut headers, http2);
        if websocket {
            upgrade::announce(&mut headers);
        } else if !http2 && !whole && !headers.contains_key(CONTENT_LENGTH) {
            // hyper leaves the body out where none is usual, unless it is told.
            headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        self.set_host(&mut headers, client_authority.as_ref(), origin, http2);
        *outgoing.headers_mut() = headers;
        outgoing
    }

    /// Over HTTP/2 the host is in the target, which the connection was made to (RFC 9113 section 8.3.1): a
    /// field that says another would make the request malformed. `X-Forwarded-Host` tells both.
    fn set_host(
        &self,
        headers: &mut HeaderMap,
        authority: Option<&http::uri::Authority>,
        origin: &Origin,
        http2: bool,
    ) {
        if http2 {
            headers.remove(HOST);
        } else if self.own_host {
            headers.insert(HOST, origin.host.clone());
        } else if let Some(authority) = authority
            && let Ok(host) = HeaderValue::from_str(authority.as_str())
        {
            // Of HTTP/2, or of a target in absolute form, which outranks `Host` (RFC 9112 section 3.2.2).
            headers.insert(HOST, host);
        } else if !headers.contains_key(HOST) {
            headers.insert(HOST, origin.host.clone());
        }
    }
}

/// Waits for a response, or for the end of its exchange.
async fn until_over<F: Future>(
    mut sending: Pin<&mut F>,
    exchange: &Exchange,
) -> Result<F::Output, Cause> {
    poll_fn(|cx| {
        if let Poll::Ready(response) = sending.as_mut().poll(cx) {
            return Poll::Ready(Ok(response));
        }
        match exchange.wait_for_upstream(cx.waker()) {
            Some(cause) => Poll::Ready(Err(cause)),
            None => Poll::Pending,
        }
    })
    .await
}

/// Says why there is no answer, where it is a matter of ours.
fn no_answer(
    why: NoAnswer,
    exchange: &Exchange,
    origin: &Origin,
    permit: Option<Permit>,
    error: Option<&dyn Error>,
) -> NoAnswer {
    exchange.response_done();
    if let Some(permit) = permit {
        match why.fault() {
            Some(_) => permit.failure(),
            // The client's doing.
            None => permit.ignore(),
        }
    }
    let reason = why.refusal().reason();
    let error = error.map(chain);
    let error = error.as_deref();
    match why {
        NoAnswer::Unreachable | NoAnswer::Failed | NoAnswer::Over(Cause::UpstreamLate) => {
            tracing::warn!(target: "portcullis::proxy", upstream = %origin, reason, error, "no answer");
        }
        // The client's doing, or what was said when the circuit moved: it could fill the log.
        NoAnswer::Over(_) | NoAnswer::CircuitOpen(_) => {
            tracing::debug!(target: "portcullis::proxy", upstream = %origin, reason, error, "no answer");
        }
    }
    why
}

/// An error with its causes: the first alone says little.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
