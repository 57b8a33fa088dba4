//! Whether an issuer can be reached, and whether its documents are such that its tokens are accepted.

use std::fs;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::Full;
use portcullis_auth::jwks::{FetchError, HttpClient, InspectError, Inspection, Jwks};
use portcullis_auth::key::{
    AlgorithmSet, DroppedKey, JwksError, JwksOptions, KidLabel, ParsedJwks, parse_jwks,
};
use rustls::ClientConfig;
use tower::Service;

use super::exchange;
use super::place::{Place, printable, shown};
use super::reach::{Deadlines, reach};
use super::report::{Fault, Outcome, Stage};
use super::trail::{Broken, Trail};
use crate::config::{Issuer, Keys};

/// How long the steps may take: the bounds of the client that fetches keys. All of them together have the
/// 5 s of one attempt.
const DEADLINES: Deadlines = Deadlines {
    dns: Duration::from_secs(2),
    tcp: Duration::from_secs(1),
    others: Duration::from_secs(4),
};

/// The most keys that are told one by one.
const MOST_KEYS: usize = 16;

/// An HTTP client that notes every step.
#[derive(Clone)]
struct Probe {
    tls: Arc<ClientConfig>,
    trail: Trail,
}

/// Fetches metadata and keys by the rules of a running gateway, and judges them as it would.
pub(super) async fn check(issuer: &Issuer, tls: &Arc<ClientConfig>, trail: &Trail) {
    if let Keys::File(path) = &issuer.keys {
        trail.visit(path.display().to_string());
        match fs::read(path) {
            Ok(bytes) => match parse_jwks(&bytes, &JwksOptions::new()) {
                Ok(parsed) => judge_keys(issuer, &parsed, trail),
                Err(error) => unusable(&error, trail),
            },
            Err(error) => {
                let what = format!("cannot be read: {}", error.kind());
                trail.spoil(Stage::Content, Fault::new(what, "name a readable file"));
            }
        }
        return;
    }
    let probe = Probe {
        tls: Arc::clone(tls),
        trail: trail.clone(),
    };
    let mut builder = Jwks::builder(&*issuer.url).with_http_client(HttpClient::new(probe));
    if let Keys::Url(url) = &issuer.keys {
        builder = builder.with_jwks_url(url);
    }
    if issuer.allow_http {
        builder = builder.dangerously_allow_http();
    }
    match builder.inspect().await {
        Ok(seen) => judge(issuer, &seen, trail),
        // The check of the file would have found it.
        Err(error) => trail.spoil(
            Stage::Content,
            Fault::new(error.to_string(), "check the file again"),
        ),
    }
}

/// What an inspection came to, where the trail does not say it already.
fn judge(issuer: &Issuer, seen: &Inspection, trail: &Trail) {
    match &seen.keys {
        Ok(parsed) => judge_keys(issuer, parsed, trail),
        // The step that broke is on the trail.
        Err(error) if trail.is_broken() => {
            if error.reason() == FetchError::Timeout {
                trail.add(": metadata and keys together must come within 5 s");
            }
        }
        Err(InspectError::Set(error)) => unusable(error, trail),
        Err(error) => {
            let reason = error.reason();
            let stage = match reason {
                FetchError::Status(_)
                | FetchError::Redirect
                | FetchError::Timeout
                | FetchError::Interrupted
                | FetchError::Connect => Stage::Http,
                _ => Stage::Content,
            };
            let mut what = error.to_string();
            if let Some(stranger) = &seen.stranger {
                what = format!("the metadata is of {}", printable(stranger));
            }
            trail.spoil(
                stage,
                Fault::new(what, remedy(reason, seen.keys_url.is_some())),
            );
        }
    }
}

fn judge_keys(issuer: &Issuer, parsed: &ParsedJwks, trail: &Trail) {
    let sets = parsed.keys.iter().map(|key| key.algorithms());
    let all = sets.fold(AlgorithmSet::EMPTY, AlgorithmSet::union);
    let listed = parsed.keys.iter().take(MOST_KEYS).map(|key| {
        let kid = key.kid().map_or_else(
            || "no kid".to_owned(),
            |kid| format!("{:?}", KidLabel::new(kid)),
        );
        format!("{kid} for {}", key.algorithms())
    });
    let mut text = format!(
        "{} usable: {}",
        count(parsed.keys.len()),
        listed.collect::<Vec<_>>().join("; ")
    );
    if let Some(more @ 1..) = parsed.keys.len().checked_sub(MOST_KEYS) {
        text.push_str(&format!("; and {more} more"));
    }
    trail.note(Stage::Content, Outcome::Fine(text));
    left_out(&parsed.dropped, trail);
    let Some(wanted) = &issuer.algorithms else {
        return;
    };
    let idle = wanted.iter().filter(|algorithm| !all.contains(**algorithm));
    let idle: Vec<_> = idle.map(|algorithm| algorithm.name()).collect();
    if idle.len() == wanted.len() {
        let what = "no key is for any of `algorithms`: every token would be refused";
        let fault = Fault::new(what, format!("name those of the keys: {all}"));
        trail.note(Stage::Content, Outcome::Broken(fault));
    } else if !idle.is_empty() {
        let text = format!("no key is for {}", idle.join(", "));
        trail.note(Stage::Content, Outcome::Note(text));
    }
}

/// A set that cannot be used, with what is wrong with each key of it.
fn unusable(error: &JwksError, trail: &Trail) {
    let mut remedy = "ask whoever runs the issuer to publish usable keys";
    let what = match error {
        JwksError::NoUsableKey { dropped } => {
            left_out(dropped, trail);
            match dropped.len() {
                0 => "the key set is empty".to_owned(),
                _ => "the key set has no usable key".to_owned(),
            }
        }
        JwksError::Malformed => {
            remedy = "look where the URL leads: there must be a JWK set (RFC 7517)";
            "is not a JSON object with one array `keys`".to_owned()
        }
        other => other.to_string(),
    };
    trail.note(Stage::Content, Outcome::Broken(Fault::new(what, remedy)));
}

fn left_out(dropped: &[DroppedKey], trail: &Trail) {
    for key in dropped.iter().take(MOST_KEYS) {
        trail.note(Stage::Content, Outcome::Note(format!("left out: {key}")));
    }
    if let Some(more @ 1..) = dropped.len().checked_sub(MOST_KEYS) {
        let text = format!("left out: {} more", count(more));
        trail.note(Stage::Content, Outcome::Note(text));
    }
}

fn count(keys: usize) -> String {
    format!("{keys} {}", if keys == 1 { "key" } else { "keys" })
}

/// What to do about it. `located` says whether the metadata was good.
fn remedy(error: FetchError, located: bool) -> &'static str {
    match error {
        FetchError::Status(400..=499) if !located => {
            "correct `url`; where the issuer has no metadata, say jwks_url or jwks_file"
        }
        FetchError::Status(_) => "look at the log of the issuer",
        FetchError::Redirect => {
            "name the place itself: redirects are followed on the same host only, three at most"
        }
        FetchError::Timeout => {
            "metadata and keys must come within 5 s: look at the load of the issuer"
        }
        FetchError::Interrupted | FetchError::Connect => {
            "look at what stands between, and at the log of the issuer"
        }
        FetchError::TooLarge => "look where the URL leads: 256 KiB is the most that is read",
        FetchError::ContentCoding => "have the issuer send what was asked for: no compression",
        FetchError::NotJson => "look where the URL leads: there must be the metadata of an issuer",
        FetchError::IssuerMismatch => {
            "say `url` byte for byte as the metadata and the `iss` of the tokens do"
        }
        FetchError::JwksUri => "have the issuer name an https URL, or say allow_http",
        _ => "ask whoever runs the issuer",
    }
}

// === impl Probe ===

impl Probe {
    async fn ask(self, request: Request<Full<Bytes>>) -> Result<Response<exchange::Body>, Broken> {
        let uri = request.uri().clone();
        let url = shown(&uri.to_string());
        // An answer that leads to another question was the metadata, and good.
        if self.trail.last_is_fine(Stage::Http) {
            let text = format!("is of this issuer; keys are at {url}");
            self.trail.note(Stage::Content, Outcome::Fine(text));
        }
        self.trail.visit(url);
        let Some(place) = Place::of(&uri) else {
            return Err(Broken);
        };
        let reached = reach(&place, &self.tls, DEADLINES, &self.trail).await?;
        let asking = exchange::send(reached, request);
        self.trail.step(Stage::Http, DEADLINES.others, asking).await
    }
}

impl Service<Request<Full<Bytes>>> for Probe {
    type Response = Response<exchange::Body>;
    type Error = Broken;
    type Future = BoxFuture<'static, Result<Self::Response, Broken>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        Box::pin(self.clone().ask(request))
    }
}
