//! What every request goes through before it is anybody's.

use std::convert::Infallible;
use std::future::Ready;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::ConnectInfo;
use futures_util::future::Either;
use http::{Request, Response};
use portcullis_core::{Protocol, RequestContext};
use tower::Service;

use crate::forwarded::{self, Asked};
use crate::peers::Peers;
use crate::refused::Refused;
use crate::{client_headers, host, trailers};

/// Refuses what names its host wrongly or says what nobody may say; takes away what clients may not say;
/// says where the request comes from.
///
/// # Clone
/// Clones share the peers.
#[derive(Clone, Debug)]
pub(crate) struct Screen<S> {
    rules: Arc<Rules>,
    inner: S,
}

/// What is known of the listener.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) peers: Peers,
    /// What clients speak: `http` or `https`.
    pub(crate) proto: &'static str,
}

// === impl Rules ===

impl Rules {
    fn apply(&self, request: &mut Request<Body>) -> Result<(), Refused> {
        let host = host::named(request)?;
        let peer = peer(request);
        let mut asked = Asked {
            proto: self.proto,
            host,
        };
        let headers = request.headers_mut();
        let way = self.peers.client(peer, headers);
        if self.peers.has(peer) {
            asked = asked.told_by(headers);
        }
        client_headers::clean(headers)?;
        forwarded::tell(headers, &way, &asked);
        if let (Some(client), Some(context)) =
            (way.client, RequestContext::find(request.extensions()))
        {
            context.set_client(client);
        }
        let body = std::mem::take(request.body_mut());
        *request.body_mut() = trailers::clean(body);
        Ok(())
    }
}

/// The peer of the connection. The listener always knows it; nobody trusts the address of nobody.
pub(crate) fn peer<B>(request: &Request<B>) -> IpAddr {
    request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip())
}

// === impl Screen ===

impl<S> Screen<S> {
    pub(crate) fn new(rules: Arc<Rules>, inner: S) -> Self {
        Self { rules, inner }
    }
}

impl<S> Service<Request<Body>> for Screen<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<S::Future, Ready<Result<Response<Body>, Infallible>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        match self.rules.apply(&mut request) {
            Ok(()) => Either::Left(self.inner.call(request)),
            Err(refused) => Either::Right(refuse(&request, &refused)),
        }
    }
}

/// The answer to a refused request, with the reason in its context.
pub(crate) fn refuse<B>(
    request: &Request<B>,
    refused: &Refused,
) -> Ready<Result<Response<Body>, Infallible>> {
    if let Some(context) = RequestContext::find(request.extensions()) {
        context.set_verdict(refused.refusal().reason());
    }
    std::future::ready(Ok(refused.response(Protocol::of(request.headers()))))
}
