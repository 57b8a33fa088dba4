//! Two gateways that share a Redis.

use portcullis_gateway::Running;
use portcullis_testing::{FakeIssuer, RedisServer};
use serde_json::json;
use tempfile::TempDir;

use super::{KEY, get, post, readiness, until};
use crate::stand::{Upstream, gateway, issuer};

struct Two {
    redis: RedisServer,
    issuer: FakeIssuer,
    _upstream: Upstream,
    here: Running,
    there: Running,
    _folder: TempDir,
}

impl Two {
    async fn start() -> Self {
        let redis = RedisServer::builder().password("open-sesame").start().await;
        let (issuer, upstream) = (issuer().await, Upstream::start().await);
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("written");
            path.display().to_string()
        };
        let config = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\
             [control]\nlisten = \"127.0.0.1:0\"\nkey = '{}'\n\
             [store]\nurl = \"redis://{}\"\npassword = '{}'\n\
             [revocation]\nsecret = '{}'\nmax_age = \"2s\"\non_stale_revocation = \"deny\"\n\
             [[issuer]]\nurl = \"{}\"\naudiences = [\"{}\"]\n\
             [[route]]\npath = \"/\"\nupstream = [\"{}\"]\n",
            file("key", KEY),
            redis.address(),
            file("password", "open-sesame\n"),
            file("secret", &"s3".repeat(20)),
            issuer.issuer(),
            issuer.audience(),
            upstream.url(),
        );
        let (here, there) = (gateway(&config).await, gateway(&config).await);
        let two = Self {
            redis,
            issuer,
            _upstream: upstream,
            here,
            there,
            _folder: folder,
        };
        two.synced().await;
        two
    }

    async fn synced(&self) {
        for gateway in [&self.here, &self.there] {
            until(async || readiness(gateway).await.1["synced"] == true).await;
        }
    }

    fn token(&self, session: &str) -> String {
        self.issuer.token().session(session).scope("x").issue()
    }
}

#[tokio::test]
async fn what_is_revoked_on_one_is_refused_by_the_other() {
    let two = Two::start().await;
    let (mine, other) = (two.token("s-1"), two.token("s-2"));
    for gateway in [&two.here, &two.there] {
        assert_eq!(get(gateway, &mine).await.status, 200);
    }
    let session = json!({ "issuer": two.issuer.issuer(), "session": "s-1" });
    let answer = post(&two.here, "/revoke", KEY, &session).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(get(&two.here, &mine).await.status, 401, "here at once");
    until(async || get(&two.there, &mine).await.status == 401).await;
    assert_eq!(get(&two.there, &other).await.status, 200);
    let (status, told) = readiness(&two.there).await;
    assert_eq!(status, "ready", "{told}");
    assert_eq!(
        (&told["store"], &told["bound_seconds"]),
        (&json!("redis"), &json!(2.0))
    );
}

#[tokio::test]
async fn without_the_store_callers_are_neither_admitted_for_long_nor_called_bad() {
    let mut two = Two::start().await;
    let token = two.token("s-1");
    assert_eq!(get(&two.here, &token).await.status, 200);
    two.redis.stop();
    let session = json!({ "issuer": two.issuer.issuer(), "session": "s-1" });
    let answer = post(&two.here, "/revoke", KEY, &session).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(["not_recorded", "outcome_unknown"].contains(&&*answer.reason()));
    until(async || {
        let answer = get(&two.here, &token).await;
        assert_ne!(answer.status, 401, "nobody is logged out by an outage");
        answer.status == 503 && answer.reason() == "revocation_stale"
    })
    .await;
    // Requests are judged by a clock that may be two ticks ahead, so that one may be refused before this is said.
    until(async || readiness(&two.here).await.1["synced"] == false).await;
    let (status, told) = readiness(&two.here).await;
    assert_eq!(status, "degraded");
    assert_eq!(told["troubles"][0]["trouble"], "unavailable");
    two.redis.restart().await;
    two.synced().await;
    assert_eq!(get(&two.here, &token).await.status, 200);
}
