//! The endpoint that other proxies ask whether a request may pass: `auth_request` of nginx, ForwardAuth
//! of Traefik, ext_authz of Envoy.
//!
//! | answer | when |
//! |---|---|
//! | 200 with every identity header | the request may pass |
//! | 400 | the path is ambiguous, or the question does not say which request it is about |
//! | 401, 403 | the token is missing, bad, or does not grant enough; with the challenge |
//! | 403 `untrusted_peer` | who asks is none of the configured peers |
//! | 404, 405, 421 | no route has the path, the method or the host |
//! | 503 with `Retry-After` | no verdict can be reached |
//!
//! A question goes the way of a request of the proxy, through the same front and the same layers; only
//! at its end stands [`Grant`] and no upstream. So what one lets pass the other does, and a route cannot
//! be guarded in one of two ways.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{Request, Response};
use ipnet::IpNet;
use portcullis_core::{Protocol, Refusal, RefusalKind};
use tower::Service;

use crate::front::Front;

mod granted;
mod original;

pub(crate) use granted::Grant;
use granted::Granted;
use original::Dialect;

/// Answers whether a request may pass that another proxy has at hand.
///
/// # Clone
/// Clones share everything.
#[derive(Clone)]
pub(crate) struct ForwardAuth {
    shared: Arc<Shared>,
    front: Front,
}

struct Shared {
    peers: Vec<IpNet>,
    stranger: Refusal,
    nobody: Refusal,
    unclear: Refusal,
    lost: Refusal,
}

// === impl ForwardAuth ===

impl ForwardAuth {
    /// `front` has [`Grant`] at the end of its routes.
    pub(crate) fn new(peers: Vec<IpNet>, front: Front) -> Self {
        use RefusalKind::{BadRequest, Forbidden, Internal, NotFound};
        let of = |kind, reason, detail| Refusal::builder(kind, reason).detail(detail).build();
        Self {
            shared: Arc::new(Shared {
                peers,
                stranger: of(Forbidden, "untrusted_peer", "Only known proxies ask here."),
                nobody: of(
                    NotFound,
                    "no_route",
                    "There is /nginx, /traefik and /envoy/.",
                ),
                unclear: of(
                    BadRequest,
                    "unclear_request",
                    "The proxy does not say which request it asks about.",
                ),
                lost: of(Internal, "no_verdict", "The request was not judged."),
            }),
            front,
        }
    }
}

impl Service<Request<Body>> for ForwardAuth {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, asked: Request<Body>) -> Self::Future {
        let method = asked.method().clone();
        let original = match self.shared.original(asked) {
            Ok(original) => original,
            Err(refusal) => {
                self.front.tally().refused(&method, refusal);
                let response = refusal.response::<Body>(Protocol::Http).map(Body::new);
                return Box::pin(std::future::ready(Ok(response)));
            }
        };
        let answer = self.front.call(original);
        let shared = Arc::clone(&self.shared);
        let tally = Arc::clone(self.front.tally());
        Box::pin(async move {
            let response = answer.await?;
            if !response.status().is_success() || Granted::is(&response) {
                return Ok(response);
            }
            tracing::error!(target: "portcullis::forward_auth", status = response.status().as_u16(), "not judged");
            tally.lost(&shared.lost);
            Ok(shared.lost.response::<Body>(Protocol::Http).map(Body::new))
        })
    }
}

impl fmt::Debug for ForwardAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForwardAuth").finish_non_exhaustive()
    }
}

// === impl Shared ===

impl Shared {
    /// The request that is asked about, if it is known and the word of the peer counts.
    ///
    /// No body comes with it: what a proxy sends of one is never read.
    fn original(&self, asked: Request<Body>) -> Result<Request<Body>, &Refusal> {
        let peer = asked.extensions().get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map(|peer| peer.0.ip());
        if !peer.is_some_and(|peer| self.believes(peer)) {
            tracing::warn!(
                target: "portcullis::forward_auth",
                peer = peer.map(tracing::field::display),
                "asked by nobody in forward_auth.peers"
            );
            return Err(&self.stranger);
        }
        let (head, _) = asked.into_parts();
        let dialect = Dialect::at(head.uri.path()).ok_or(&self.nobody)?;
        match dialect.original(head) {
            Ok(head) => Ok(Request::from_parts(head, Body::empty())),
            Err(why) => {
                // The names of headers and never their values: paths hold what people would not log.
                tracing::warn!(target: "portcullis::forward_auth", ?dialect, %why, "unclear request");
                Err(&self.unclear)
            }
        }
    }

    fn believes(&self, peer: IpAddr) -> bool {
        // An IPv4 peer of an IPv6 socket is written as one of its own.
        let peer = peer.to_canonical();
        self.peers.iter().any(|network| network.contains(&peer))
    }
}

#[cfg(test)]
mod tests;
