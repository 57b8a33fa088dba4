//! What `/metrics` says of revocation.

use serde_json::json;

use super::{Page, open, scrape, until};
use crate::revocation::{KEY, Revocable};
use crate::stand::{Upstream, gateway};

const SYNCED: &str = "portcullis_revocation_view_synced";
const AGE: &str = "portcullis_revocation_view_age_seconds";
const ENTRIES: &str = "portcullis_revocation_view_entries";
const MOST: &str = "portcullis_revocation_view_entries_max";
const BOUND: &str = "portcullis_revocation_bound_seconds";
const TROUBLE: &str = "portcullis_revocation_trouble";
const REQUESTS: &str = "portcullis_revocation_requests";

fn troubles(page: &Page) -> Vec<&str> {
    page.values(TROUBLE, "trouble")
}

fn requests(page: &Page, action: &str, outcome: &str) -> f64 {
    let labels = [
        ("source", "control"),
        ("action", action),
        ("outcome", outcome),
    ];
    page.count(REQUESTS, &labels)
}

#[tokio::test]
async fn the_view_is_shown_with_its_age_its_room_and_its_bound() {
    let stand = Revocable::with("max_age = \"3s\"\ncapacity = 77", "").await;
    let page = scrape(&stand.gateway).await;
    let age = page.told(AGE).expect("an age");
    assert!((0.0..3.0).contains(&age), "{age}");
    for (name, value) in [(SYNCED, 1.0), (ENTRIES, 0.0), (MOST, 77.0), (BOUND, 3.0)] {
        assert_eq!(page.told(name), Some(value), "{name}");
    }
    assert!(troubles(&page).is_empty(), "{}", page.text);
    let session = stand.session("s-1");
    assert_eq!(stand.post("/revoke", KEY, &session).await.status, 200);
    let page = scrape(&stand.gateway).await;
    assert_eq!(page.told(ENTRIES), Some(1.0));
}

#[tokio::test]
async fn requests_to_the_control_listener_are_counted_by_what_became_of_them() {
    let stand = Revocable::with("", "").await;
    let session = stand.session("s-1");
    for (path, bearer, body, status) in [
        ("/revoke", KEY, &session, 200),
        ("/revoke", KEY, &session, 200),
        ("/revoke", "guess", &session, 401),
        ("/revoke", KEY, &json!({}), 400),
        ("/lift", KEY, &session, 200),
        ("/session", KEY, &session, 200),
        ("/nowhere", KEY, &session, 404),
    ] {
        assert_eq!(stand.post(path, bearer, body).await.status, status);
    }
    let page = scrape(&stand.gateway).await;
    for (action, outcome, count) in [
        ("revoke", "done", 2.0),
        ("revoke", "refused", 2.0),
        ("lift", "done", 1.0),
        ("look_up", "done", 1.0),
    ] {
        assert_eq!(requests(&page, action, outcome), count, "{}", page.text);
    }
    assert_eq!(page.count(REQUESTS, &[]), 6.0);
    for reason in ["not_authorized", "unclear_request", "no_route"] {
        let refusals = page.count("portcullis_refusals", &[("reason", reason)]);
        assert_eq!(refusals, 1.0, "{reason}");
    }
}

#[tokio::test]
async fn a_view_without_room_is_not_synced_and_says_why() {
    let stand = Revocable::with("capacity = 1", "").await;
    for session in ["s-1", "s-2"] {
        stand.post("/revoke", KEY, &stand.session(session)).await;
    }
    let page = until(&stand.gateway, "it is full", |page| {
        page.told(SYNCED) == Some(0.0)
    })
    .await;
    assert_eq!(troubles(&page), ["view_full"]);
    assert_eq!(page.told(AGE), None);
    assert_eq!(page.gauge(TROUBLE, &[("trouble", "view_full")]), 1.0);
}

#[tokio::test]
async fn a_gateway_that_revokes_nothing_shows_nothing_of_it() {
    let upstream = Upstream::start().await;
    let gateway = gateway(&open(&upstream.url(), "", "")).await;
    let page = scrape(&gateway).await;
    for name in [SYNCED, AGE, ENTRIES, MOST, BOUND, TROUBLE, REQUESTS] {
        assert!(page.families[name].samples.is_empty(), "{name}");
    }
}

#[cfg(unix)]
mod stored {
    use portcullis_gateway::Running;
    use portcullis_testing::{FakeIssuer, RedisServer};
    use serde_json::{Value, json};
    use tempfile::TempDir;
    use tokio::net::TcpListener;

    use super::*;
    use crate::revocation::post;
    use crate::stand::issuer;

    /// A gateway whose revocations are on a Redis.
    struct Stored {
        gateway: Running,
        issuer: FakeIssuer,
        _folder: TempDir,
    }

    // === impl Stored ===

    impl Stored {
        async fn on(url: &str, store: &str) -> Self {
            let issuer = issuer().await;
            let folder = tempfile::tempdir().expect("a folder");
            let file = |name: &str, text: &str| {
                let path = folder.path().join(name);
                std::fs::write(&path, text).expect("written");
                path.display().to_string()
            };
            let config = format!(
                "[server]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\
                 [control]\nlisten = \"127.0.0.1:0\"\nkey = '{}'\n\
                 [store]\nurl = \"{url}\"\n{store}\n\
                 [revocation]\nsecret = '{}'\nmax_age = \"1s\"\npoll_every = \"50ms\"\n\
                 poll_deadline = \"40ms\"\non_stale_revocation = \"deny\"\n\
                 [[issuer]]\nurl = \"{}\"\naudiences = [\"{}\"]\n\
                 [[route]]\npath = \"/\"\nupstream = [\"http://127.0.0.1:9\"]\n",
                file("key", KEY),
                file("secret", &"s3".repeat(20)),
                issuer.issuer(),
                issuer.audience(),
            );
            let gateway = gateway(&config).await;
            Self {
                gateway,
                issuer,
                _folder: folder,
            }
        }

        fn session(&self) -> Value {
            json!({ "issuer": self.issuer.issuer(), "session": "s-1" })
        }

        async fn revoke(&self) -> u16 {
            let answer = post(&self.gateway, "/revoke", KEY, &self.session()).await;
            answer.status.as_u16()
        }

        async fn synced(&self) -> Page {
            until(&self.gateway, "it is synced", |page| {
                page.told(SYNCED) == Some(1.0)
            })
            .await
        }
    }

    #[tokio::test]
    async fn a_store_that_hangs_or_is_gone_ages_the_view_until_it_is_back() {
        let mut redis = RedisServer::builder().durable().start().await;
        let stored = Stored::on(&redis.url(), "").await;
        stored.synced().await;
        assert_eq!(stored.revoke().await, 200);
        for gone in [false, true] {
            if gone {
                redis.stop();
            } else {
                redis.freeze();
            }
            let page = until(&stored.gateway, "the view is old", |page| {
                page.told(AGE).is_some_and(|age| age > 1.5)
            })
            .await;
            assert_eq!(page.told(SYNCED), Some(0.0), "{}", page.text);
            let troubles = troubles(&page);
            assert!(
                ["timeout", "unavailable"].contains(&troubles[0]),
                "{troubles:?}"
            );
            let older = until(&stored.gateway, "it grows older", |page| {
                page.told(AGE) > Some(2.0)
            })
            .await;
            // What is known to be revoked stays so, and the bound is what it was.
            assert_eq!(older.told(ENTRIES), Some(1.0));
            assert_eq!(older.told(BOUND), Some(1.0));
            assert_eq!(stored.revoke().await, 503);
            if gone {
                redis.restart().await;
            } else {
                redis.thaw();
            }
            let page = stored.synced().await;
            assert!(page.told(AGE) < Some(1.0), "{}", page.text);
            until(&stored.gateway, "nothing is wrong", |page| {
                super::troubles(page).is_empty()
            })
            .await;
        }
        let page = scrape(&stored.gateway).await;
        assert_eq!(requests(&page, "revoke", "unavailable"), 2.0);
        assert_eq!(requests(&page, "revoke", "done"), 1.0);
    }

    #[tokio::test]
    async fn a_view_that_was_never_complete_has_neither_age_nor_bound() {
        let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("redis://{}", closed.local_addr().expect("an address"));
        drop(closed);
        let stored = Stored::on(&url, "").await;
        let page = until(&stored.gateway, "it was tried", |page| {
            !troubles(page).is_empty()
        })
        .await;
        assert_eq!(troubles(&page), ["unavailable"]);
        for (name, value) in [
            (SYNCED, Some(0.0)),
            (AGE, None),
            (ENTRIES, Some(0.0)),
            (BOUND, None),
        ] {
            assert_eq!(page.told(name), value, "{name}");
        }
    }

    #[tokio::test]
    async fn replicas_that_nobody_counted_leave_the_bound_infinite() {
        let primary = RedisServer::start().await;
        let _replica = RedisServer::builder().replica_of(&primary).start().await;
        let stored = Stored::on(&primary.url(), "").await;
        stored.synced().await;
        let page = until(&stored.gateway, "the replica is seen", |page| {
            page.told(BOUND) == Some(f64::INFINITY)
        })
        .await;
        assert_eq!(troubles(&page), ["quorum_unchecked"]);
        assert_eq!(page.told(SYNCED), Some(1.0));
    }

    #[tokio::test]
    async fn what_too_few_replicas_have_is_counted_as_not_durable() {
        let primary = RedisServer::start().await;
        let stored = Stored::on(&primary.url(), "replicas = 2").await;
        let page = until(&stored.gateway, "a quorum is missed", |page| {
            troubles(page) == ["no_quorum"]
        })
        .await;
        assert_eq!(page.told(SYNCED), Some(0.0));
        assert_eq!(stored.revoke().await, 202);
        let page = scrape(&stored.gateway).await;
        assert_eq!(requests(&page, "revoke", "not_durable"), 1.0);
    }
}
