//! What is evidence that a key does not exist: nothing from a cache, and nothing for ever.
#![allow(clippy::unwrap_used, reason = "unwrap in a test is an assertion")]

mod jwks_support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::header::{AGE, CACHE_CONTROL, HeaderValue};
use http_body_util::Full;
use jwks_support::{ALGORITHM, HOUR, MINUTE, Rig, SECOND, settle, unknown};
use portcullis_auth::jwks::{FetchBudget, HttpClient, Jwks, JwksTimes, Missing, Wanted};
use portcullis_core::{Clock, UnixTime};
use portcullis_testing::{Endpoint, Mode, SigningKey, TestClock};
use tokio::time::sleep;
use tower::ServiceExt;

const LEEWAY: Duration = Duration::from_secs(30);

/// The `Age` of the answers: that of the copy in a cache on the way.
type Age = Arc<Mutex<Option<&'static str>>>;

/// A client whose requests a cache answers that does as it likes.
fn behind_a_cache(rig: &Rig, age: &Age) -> HttpClient {
    let (issuer, age) = (rig.issuer.client(), Arc::clone(age));
    HttpClient::new(tower::service_fn(move |request: Request<Full<Bytes>>| {
        let (issuer, age) = (issuer.clone(), *age.lock().unwrap());
        async move {
            let mut response = issuer.oneshot(request).await?;
            if let Some(age) = age {
                let age = HeaderValue::from_static(age);
                response.headers_mut().insert(AGE, age);
            }
            Ok::<_, std::io::Error>(response)
        }
    }))
}

async fn find(rig: &Rig, jwks: &Jwks<TestClock>, wanted: Wanted<'_>) -> Missing {
    jwks.find_missing(&wanted, rig.clock.now() + 2 * SECOND)
        .await
}

fn at(kid: &str, issued: UnixTime) -> Wanted<'_> {
    unknown(kid).issued_at(Some(issued), LEEWAY)
}

#[tokio::test(start_paused = true)]
async fn every_fetch_asks_caches_to_look_again() {
    let mut rig = Rig::new();
    let client = rig.http();
    let jwks = Jwks::builder(rig.issuer.issuer())
        .with_http_client(client)
        .with_clock(rig.clock.clone())
        .build()
        .unwrap();
    for fetches in 1..=2 {
        settle().await;
        assert_eq!(rig.fetches(), fetches);
        for endpoint in [Endpoint::OpenIdConfiguration, Endpoint::Jwks] {
            let asked = rig.issuer.last_headers(endpoint).unwrap();
            assert_eq!(asked[CACHE_CONTROL], "no-cache", "{endpoint:?}, {fetches}");
        }
        sleep(jwks.status().next_attempt_in).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_set_from_a_cache_at_a_cold_start_condemns_no_new_key() {
    // The last two cannot be read, so they may mean anything.
    for seconds in ["300", "1", "99999999999999999999999", "soon", "0, 300"] {
        let rig = Rig::new();
        let age = Age::new(Mutex::new(Some(seconds)));
        // Started after a rotation, and the cache still has the old set.
        let new = SigningKey::es256().with_kid("new");
        let jwks = Jwks::builder(rig.issuer.issuer())
            .with_jwks_url(rig.issuer.jwks_url())
            .with_http_client(behind_a_cache(&rig, &age))
            .with_clock(rig.clock.clone())
            .build()
            .unwrap();
        for wanted in [at("new", rig.clock.wall()), unknown("new")] {
            let missing = find(&rig, &jwks, wanted).await;
            assert!(
                matches!(missing, Missing::Outage(_)),
                "{seconds}: {missing:?}"
            );
        }
        assert!(!jwks.load().is_cold(), "its keys are good");
        assert!(rig.fetches() <= 1 + 2, "{}", rig.fetches());
        // The cache lets go of it at last.
        *age.lock().unwrap() = None;
        rig.issuer.publish(&new);
        sleep(MINUTE).await;
        let missing = find(&rig, &jwks, unknown("new")).await;
        assert!(matches!(missing, Missing::LookAgain), "{missing:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_request_does_not_ask_a_cache_twice() {
    let rig = Rig::new();
    let age = Age::new(Mutex::new(Some("300")));
    let jwks = Jwks::builder(rig.issuer.issuer())
        .with_jwks_url(rig.issuer.jwks_url())
        .with_http_client(behind_a_cache(&rig, &age))
        .with_clock(rig.clock.clone())
        .build()
        .unwrap();
    settle().await;
    drop(find(&rig, &jwks, unknown("a")).await);
    assert_eq!(rig.fetches(), 2);
}

/// Behind a cache that takes no orders, "no" comes late, but it comes.
#[tokio::test(start_paused = true)]
async fn a_copy_made_after_the_key_was_asked_for_is_evidence() {
    let rig = Rig::new();
    let age = Age::new(Mutex::new(Some("300")));
    let jwks = Jwks::builder(rig.issuer.issuer())
        .with_jwks_url(rig.issuer.jwks_url())
        .with_http_client(behind_a_cache(&rig, &age))
        .with_clock(rig.clock.clone())
        .build()
        .unwrap();
    settle().await;
    let issued = rig.clock.wall() - MINUTE;
    drop(find(&rig, &jwks, at("none", issued)).await);
    sleep(5 * MINUTE).await;
    // That copy may be from before the first question, by less than a second.
    let missing = find(&rig, &jwks, at("none", issued)).await;
    assert!(matches!(missing, Missing::Outage(_)), "{missing:?}");
    sleep(MINUTE).await;
    drop(find(&rig, &jwks, at("none", issued)).await);
    let missing = find(&rig, &jwks, at("none", issued)).await;
    assert!(matches!(missing, Missing::Absent), "{missing:?}");
    // One that was issued since that copy was made is another matter.
    let young = rig.clock.wall() - MINUTE;
    for _ in 0..3 {
        let missing = find(&rig, &jwks, at("none", young)).await;
        assert!(matches!(missing, Missing::Outage(_)), "{missing:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_comes_back_is_found_though_it_was_proven_absent_once() {
    let mut rig = Rig::new();
    rig.issuer.cache_control(Some("max-age=21600"));
    let jwks = rig.warm().await;
    let key = SigningKey::es256().with_kid("back");
    let wanted = at("back", rig.clock.wall() - HOUR);
    let missing = find(&rig, &jwks, wanted).await;
    assert!(matches!(missing, Missing::Absent), "{missing:?}");
    // A rollback at the issuer brings it back, and the tokens that it signed are good again.
    rig.issuer.publish(&key);
    sleep(31 * SECOND).await;
    let missing = find(&rig, &jwks, wanted).await;
    assert!(matches!(missing, Missing::LookAgain), "{missing:?}");
    assert!(jwks.load().find(Some("back"), ALGORITHM).is_ok());
}

#[tokio::test(start_paused = true)]
async fn tokens_of_a_withdrawn_key_are_refused_all_the_time_and_cost_one_fetch_in_each_period() {
    let mut rig = Rig::new();
    rig.issuer.cache_control(Some("max-age=21600"));
    let jwks = rig.warm().await;
    let wanted = at("gone", rig.clock.wall() - HOUR);
    let missing = find(&rig, &jwks, wanted).await;
    assert!(matches!(missing, Missing::Absent), "{missing:?}");
    for second in 0..600 {
        if second % 20 == 0 {
            // Others spend the budget.
            let kid = second.to_string();
            drop(find(&rig, &jwks, unknown(&kid)).await);
        }
        let missing = find(&rig, &jwks, wanted).await;
        assert!(matches!(missing, Missing::Absent), "{second}: {missing:?}");
        sleep(SECOND).await;
    }
    assert!(rig.fetches() <= 1 + 2 + 600 / 30, "{}", rig.fetches());
    // Nor does an outage make them unavailable, but for those who find out about it.
    rig.issuer.mode(Mode::Refuse);
    sleep(MINUTE).await;
    drop(find(&rig, &jwks, wanted).await);
    for _ in 0..60 {
        let missing = find(&rig, &jwks, wanted).await;
        assert!(matches!(missing, Missing::Absent), "{missing:?}");
        sleep(SECOND).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_absurd_budget_is_a_configuration_error() {
    let mut rig = Rig::new();
    for period in [
        Duration::MAX,
        Duration::from_secs(u64::MAX),
        400 * 24 * HOUR,
    ] {
        let error = rig
            .builder()
            .with_fetch_budget(FetchBudget::new(period, 1))
            .build()
            .unwrap_err();
        assert!(error.to_string().contains("fetch_budget.period"), "{error}");
    }
    let longest = JwksTimes::default().hard * 366;
    let jwks = rig
        .builder()
        .with_fetch_budget(FetchBudget::new(longest, u32::MAX))
        .build();
    assert!(jwks.is_ok());
}
