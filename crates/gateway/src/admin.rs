//! `/livez`, `/readyz` and `/metrics`: for the platform, never on the public listener.

use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use portcullis_core::{Protocol, Refusal, RefusalKind};
use serde::Serialize;
use tower::Service;

use crate::metrics::{self, Metrics, Scrape};
use crate::proxy::UpstreamHealth;
use crate::revoking::RevocationHealth;

/// Answers probes and scrapes.
///
/// | path | answer |
/// |---|---|
/// | `/livez` | 200 while the process can answer at all |
/// | `/readyz` | 200, ready or degraded; the body says which, what is wrong with a configuration that was not taken, how the keys of each issuer are, how revocation is doing, and how each upstream is |
/// | `/metrics` | 200 with the numbers, in the format of OpenMetrics for who asks for it, else in that of Prometheus |
///
/// Readiness does not follow the issuer: taking every instance out of service because the identity
/// provider is down would turn its outage into ours, and known keys go on working. Nor does it follow the store
/// of revocations, which all instances share, nor an upstream, which others are not to suffer for.
#[derive(Clone)]
pub(crate) struct Admin {
    state: Arc<dyn State>,
    metrics: Arc<Metrics>,
    unknown: Refusal,
}

/// What probes are answered from.
pub(crate) trait State: Send + Sync + 'static {
    /// Which configuration is in use.
    fn config(&self) -> ConfigHealth;
    /// How the keys of each issuer are.
    fn issuers(&self) -> Vec<IssuerHealth>;
    /// How revocation is doing; none where nothing is ever revoked.
    fn revocation(&self) -> Option<RevocationHealth>;
    /// How each upstream is that is watched.
    fn upstreams(&self) -> Vec<UpstreamHealth>;
}

/// Which configuration is in use, and why no newer one.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ConfigHealth {
    /// How many there were, this one included.
    pub(crate) generation: u64,
    pub(crate) age_seconds: u64,
    /// What is wrong with the newer one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) last_error: Vec<String>,
}

/// How the keys of one issuer are.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct IssuerHealth {
    pub(crate) issuer: String,
    /// `static`, `fresh`, `stale`, `expired` or `cold`.
    pub(crate) keys: &'static str,
    pub(crate) usable_keys: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) age_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_error: Option<&'static str>,
    /// Of the way to it: `closed`, `open` or `half_open`; none where nothing is fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) circuit: Option<&'static str>,
    /// Whether all is well.
    #[serde(skip)]
    pub(crate) well: bool,
}

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    config: ConfigHealth,
    issuers: Vec<IssuerHealth>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revocation: Option<RevocationHealth>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    upstreams: Vec<UpstreamHealth>,
}

// === impl Admin ===

impl Admin {
    pub(crate) fn new(state: Arc<dyn State>, metrics: Arc<Metrics>) -> Self {
        Self {
            state,
            metrics,
            unknown: Refusal::builder(RefusalKind::NotFound, "no_route")
                .detail("There is /livez, /readyz and /metrics.")
                .build(),
        }
    }

    fn answer<B>(&self, request: &Request<B>) -> Response<Body> {
        let read = matches!(*request.method(), Method::GET | Method::HEAD);
        match request.uri().path() {
            "/livez" if read => json(&serde_json::json!({ "status": "live" })),
            "/readyz" if read => {
                let (config, issuers) = (self.state.config(), self.state.issuers());
                let revocation = self.state.revocation();
                let upstreams = self.state.upstreams();
                let well = config.last_error.is_empty()
                    && issuers.iter().all(|issuer| issuer.well)
                    && revocation.as_ref().is_none_or(RevocationHealth::is_well)
                    && upstreams.iter().all(|upstream| upstream.well);
                json(&Readiness {
                    status: if well { "ready" } else { "degraded" },
                    config,
                    issuers,
                    revocation,
                    upstreams,
                })
            }
            "/metrics" if read => self.scrape(metrics::wants_openmetrics(request.headers())),
            _ => self
                .unknown
                .response::<Body>(Protocol::of(request.headers()))
                .map(Body::new),
        }
    }

    fn scrape(&self, open: bool) -> Response<Body> {
        let (config, issuers) = (self.state.config(), self.state.issuers());
        let (revocation, upstreams) = (self.state.revocation(), self.state.upstreams());
        let scrape = Scrape::new(&self.metrics, config, issuers, revocation, upstreams);
        match scrape.text() {
            Ok(text) if open => unkept(text, metrics::CONTENT_TYPE),
            Ok(text) => unkept(metrics::from_openmetrics(&text), metrics::PLAIN),
            Err(fmt::Error) => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                response
            }
        }
    }
}

impl Service<Request<Body>> for Admin {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        ready(Ok(self.answer(&request)))
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").finish_non_exhaustive()
    }
}

/// A JSON answer that nobody keeps.
pub(crate) fn json(value: &impl Serialize) -> Response<Body> {
    // Plain data of ours: serialising it cannot fail.
    let mut text = serde_json::to_vec(value).unwrap_or_default();
    text.push(b'\n');
    unkept(text, HeaderValue::from_static("application/json"))
}

fn unkept(text: impl Into<Body>, kind: HeaderValue) -> Response<Body> {
    let mut response = Response::new(text.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, kind);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    struct Fixed {
        well: &'static [bool],
        wrong: &'static [&'static str],
    }

    impl State for Fixed {
        fn upstreams(&self) -> Vec<UpstreamHealth> {
            Vec::new()
        }

        fn revocation(&self) -> Option<RevocationHealth> {
            None
        }

        fn config(&self) -> ConfigHealth {
            ConfigHealth {
                generation: 3,
                age_seconds: 7,
                last_error: self.wrong.iter().map(ToString::to_string).collect(),
            }
        }

        fn issuers(&self) -> Vec<IssuerHealth> {
            let health = |well: &bool| IssuerHealth {
                issuer: "https://idp.example.com".into(),
                keys: if *well { "fresh" } else { "cold" },
                usable_keys: usize::from(*well),
                age_seconds: well.then_some(7),
                last_error: (!well).then_some("connect"),
                circuit: None,
                well: *well,
            };
            self.well.iter().map(health).collect()
        }
    }

    fn admin(well: &'static [bool]) -> Admin {
        Admin::new(Arc::new(Fixed { well, wrong: &[] }), Arc::default())
    }

    async fn ask(admin: &Admin, method: Method, path: &str) -> (u16, serde_json::Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(())
            .unwrap();
        let response = admin.answer(&request);
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    #[tokio::test]
    async fn degraded_is_ready_and_says_why() {
        for (well, status) in [(&[true, true], "ready"), (&[true, false], "degraded")] {
            let (code, body) = ask(&admin(well), Method::GET, "/readyz").await;
            assert_eq!((code, &body["status"]), (200, &status.into()));
        }
        let (_, body) = ask(&admin(&[false]), Method::GET, "/readyz").await;
        assert_eq!(body["issuers"][0]["keys"], "cold");
        assert_eq!(body["issuers"][0]["last_error"], "connect");
        assert_eq!(
            ask(&admin(&[]), Method::GET, "/readyz").await.1["status"],
            "ready"
        );
    }

    #[tokio::test]
    async fn a_configuration_that_was_not_taken_degrades_and_is_explained() {
        let (_, body) = ask(&admin(&[true]), Method::GET, "/readyz").await;
        assert_eq!(
            body["config"],
            serde_json::json!({ "generation": 3, "age_seconds": 7 })
        );
        let state = Arc::new(Fixed {
            well: &[true],
            wrong: &["route: is missing"],
        });
        let admin = Admin::new(state, Arc::default());
        let (code, body) = ask(&admin, Method::GET, "/readyz").await;
        assert_eq!((code, &body["status"]), (200, &"degraded".into()));
        assert_eq!(body["config"]["last_error"][0], "route: is missing");
    }

    #[tokio::test]
    async fn life_asks_for_nothing_and_the_rest_is_not_there() {
        assert_eq!(ask(&admin(&[false]), Method::GET, "/livez").await.0, 200);
        assert_eq!(ask(&admin(&[]), Method::POST, "/livez").await.0, 404);
        assert_eq!(ask(&admin(&[]), Method::GET, "/").await.0, 404);
    }
}
