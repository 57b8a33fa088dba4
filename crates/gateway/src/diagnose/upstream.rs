//! Whether an upstream can be reached, and speaks what its route says.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Uri};
use http_body_util::Full;
use rustls::ClientConfig;

use super::exchange;
use super::place::Place;
use super::reach::{Deadlines, reach};
use super::report::{Fault, Outcome, Stage};
use super::trail::{Broken, Trail};
use crate::config::Upstream;

/// DNS, TCP, TLS, HTTP. The status of the answer does not matter: that there is one does.
pub(super) async fn check(
    upstream: &Upstream,
    http2: bool,
    tls: &Arc<ClientConfig>,
    deadlines: Deadlines,
    trail: &Trail,
) {
    // What it came to is on the trail.
    let _ = walk(upstream, http2, tls, deadlines, trail).await;
}

async fn walk(
    upstream: &Upstream,
    http2: bool,
    tls: &Arc<ClientConfig>,
    deadlines: Deadlines,
    trail: &Trail,
) -> Result<(), Broken> {
    let uri: Option<Uri> = format!("{upstream}/").parse().ok();
    let Some((uri, place)) = uri.and_then(|uri| Place::of(&uri).map(|place| (uri, place))) else {
        // It was parsed when the configuration was read.
        let fault = Fault::new("is not a URL", "write it in full");
        trail.spoil(Stage::Dns, fault);
        return Err(Broken);
    };
    let reached = reach(&place, tls, deadlines, trail).await?;
    if http2 {
        // RFC 9113 section 3.2: with TLS it must be agreed on.
        if place.tls && !reached.http2 {
            let what = "the server did not agree to HTTP/2 (ALPN)";
            let fault = Fault::new(what, "say protocol = \"http1\", or have it speak HTTP/2");
            trail.spoil(Stage::Tls, fault);
            return Err(Broken);
        }
        let asking = exchange::preface(reached.stream);
        return trail.step(Stage::Http, deadlines.others, asking).await;
    }
    let mut request = Request::new(Full::<Bytes>::default());
    *request.method_mut() = Method::HEAD;
    *request.uri_mut() = uri;
    let asking = async {
        let (response, _) = exchange::send(reached, request).await?;
        // Any status is an answer.
        let text = format!("status {} over HTTP/1.1", response.status().as_u16());
        Ok(((), Outcome::Fine(text)))
    };
    trail.step(Stage::Http, deadlines.others, asking).await
}
