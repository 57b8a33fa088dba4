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
use crate::via::Via;
use crate::{client_headers, host, trailers};

/// Refuses what was here before, what names its host wrongly or says what nobody may say; takes away what clients may not say;
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
    /// What requests that go on from here have, and would come back with.
    pub(crate) via: Option<Via>,
}

// === impl Rules ===

impl Rules {
    fn apply(&self, request: &mut Request<Body>) -> Result<(), Refused> {
        let back = |via: &Via| via.is_back(request.headers());
        if self.via.as_ref().is_some_and(back) {
            return Err(Refused::Loop);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes through: the request with its context.
    async fn screened(peer: [u8; 4], lines: &[(&'static str, &'static str)]) -> Response<Body> {
        let rules = Rules {
            peers: Peers::new(&["10.0.0.0/8".parse().unwrap()]).unwrap(),
            proto: "https",
            via: None,
        };
        let mut screen = Screen::new(
            Arc::new(rules),
            tower::service_fn(|request: Request<Body>| {
                let mut response = Response::new(Body::empty());
                let (head, _) = request.into_parts();
                *response.headers_mut() = head.headers;
                *response.extensions_mut() = head.extensions;
                std::future::ready(Ok(response))
            }),
        );
        let mut request = Request::get("/").header("host", "a");
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::empty()).unwrap();
        let extensions = request.extensions_mut();
        extensions.insert(ConnectInfo(SocketAddr::from((peer, 4711))));
        RequestContext::ensure(extensions, std::time::Instant::now);
        screen.call(request).await.unwrap()
    }

    #[tokio::test]
    async fn layers_behind_it_find_the_client_in_the_context() {
        for (peer, client) in [([10, 0, 0, 1], "192.0.2.7"), ([192, 0, 2, 1], "192.0.2.1")] {
            let seen = screened(peer, &[("x-forwarded-for", "6.6.6.6, 192.0.2.7")]).await;
            let context = RequestContext::find(seen.extensions()).unwrap();
            let address = context.client().unwrap().ip().to_string();
            assert_eq!(address, client);
            assert_eq!(seen.headers()["x-forwarded-proto"], "https");
        }
    }

    #[tokio::test]
    async fn what_it_refuses_goes_no_further() {
        let refused = screened([192, 0, 2, 1], &[("host", "b")]).await;
        assert_eq!(refused.status(), 400);
        assert!(!refused.headers().contains_key("host"));
    }
}
