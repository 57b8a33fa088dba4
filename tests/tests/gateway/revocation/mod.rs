//! Tokens that end before they expire.

mod control;
mod feeds;
mod reloaded;
#[cfg(unix)]
mod shared;
mod streams;

use http::Request;
use http_body_util::Full;
use portcullis_gateway::Running;
use portcullis_testing::FakeIssuer;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::stand::{Answer, PATIENCE, Upstream, gateway, issuer, send};

/// The key that works while the issuer is down.
pub(crate) const KEY: &str = "break glass, but only in an emergency";

/// A gateway with a control listener, an issuer and an upstream.
pub(crate) struct Revocable {
    issuer: FakeIssuer,
    upstream: Upstream,
    pub(crate) gateway: Running,
    folder: TempDir,
}

/// Asks `look` until it holds.
async fn until(mut holds: impl AsyncFnMut() -> bool) {
    let end = tokio::time::Instant::now() + PATIENCE;
    while !holds().await {
        assert!(
            tokio::time::Instant::now() < end,
            "it does not come to hold"
        );
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

pub(crate) async fn post(gateway: &Running, path: &str, bearer: &str, body: &Value) -> Answer {
    let control = gateway.control_address().expect("a control listener");
    let request = Request::post(format!("http://{control}{path}"))
        .header("authorization", format!("Bearer {bearer}"))
        .header("content-type", "application/json");
    let body = Full::from(body.to_string());
    send(request.body(body).expect("a request")).await
}

/// What `/readyz` says of revocation.
async fn readiness(gateway: &Running) -> (String, Value) {
    let admin = gateway.admin_address().expect("an admin listener");
    let request = Request::get(format!("http://{admin}/readyz"));
    let answer = send(request.body(Full::default()).expect("a request")).await;
    assert_eq!(answer.status, 200, "readiness follows nothing");
    let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    (
        body["status"].as_str().expect("a status").to_owned(),
        body["revocation"].clone(),
    )
}

// === impl Revocable ===

impl Revocable {
    async fn start() -> Self {
        Self::with("", "").await
    }

    /// With more said of revocation, and of the route.
    pub(crate) async fn with(revocation: &str, route: &str) -> Self {
        let (issuer, upstream) = (issuer().await, Upstream::start().await);
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("key"), format!("{KEY}\n")).expect("written");
        let config = config(&issuer, &upstream, &folder, revocation, route);
        let gateway = gateway(&config).await;
        let revocable = Self {
            issuer,
            upstream,
            gateway,
            folder,
        };
        until(async || readiness(&revocable.gateway).await.1["synced"] == true).await;
        revocable
    }

    fn token(&self, session: &str) -> String {
        let token = self.issuer.token().subject("alice").client("web");
        token.session(session).scope("api:read").issue()
    }

    async fn get(&self, token: &str) -> Answer {
        get(&self.gateway, token).await
    }

    pub(crate) fn session(&self, session: &str) -> Value {
        json!({ "issuer": self.issuer.issuer(), "session": session, "reason": "test" })
    }

    pub(crate) async fn post(&self, path: &str, bearer: &str, body: &Value) -> Answer {
        post(&self.gateway, path, bearer, body).await
    }
}

async fn get(gateway: &Running, token: &str) -> Answer {
    let request = Request::get(format!("http://{}/", gateway.address()));
    let request = request.header("authorization", format!("Bearer {token}"));
    send(request.body(Full::default()).expect("a request")).await
}

fn config(
    issuer: &FakeIssuer,
    upstream: &Upstream,
    folder: &TempDir,
    revocation: &str,
    route: &str,
) -> String {
    let revocation = revocation.replace("ISSUER", issuer.issuer());
    format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\
         [control]\nlisten = \"127.0.0.1:0\"\nscope = \"gateway:revoke\"\nkey = '{}'\n\
         [revocation]\npoll_every = \"50ms\"\npoll_deadline = \"40ms\"\n{revocation}\n\
         [[issuer]]\nurl = \"{}\"\naudiences = [\"{}\"]\n\
         [[route]]\npath = \"/\"\nupstream = [\"{}\"]\n{route}\n",
        folder.path().join("key").display(),
        issuer.issuer(),
        issuer.audience(),
        upstream.url(),
    )
}
