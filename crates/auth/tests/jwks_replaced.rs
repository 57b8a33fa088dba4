//! Keys that were replaced in place: the same id, or none, and another material.
#![allow(clippy::unwrap_used, reason = "unwrap in a test is an assertion")]

mod jwks_support;

use std::time::Duration;

use http::StatusCode;
use jwks_support::{ALGORITHM, Rig, SECOND};
use portcullis_auth::jwks::{Jwks, Missing, Wanted};
use portcullis_auth::key::{Algorithm, LookupError, MaterialId};
use portcullis_core::{Clock, UnixTime};
use portcullis_testing::{Mode, SigningKey, TestClock};
use tokio::time::sleep;

const LEEWAY: Duration = Duration::from_secs(30);

/// Publishes just these keys.
fn publish(rig: &Rig, keys: &[&SigningKey]) {
    let document = portcullis_testing::jwks(keys.iter().copied()).to_string();
    rig.issuer
        .mode(Mode::Custom(StatusCode::OK, document.into()));
}

fn material(jwks: &Jwks<TestClock>, kid: Option<&str>) -> MaterialId {
    jwks.load().find(kid, ALGORITHM).unwrap().material_id()
}

async fn find(rig: &Rig, jwks: &Jwks<TestClock>, wanted: Wanted<'_>) -> Missing {
    jwks.find_missing(&wanted, rig.clock.now() + 2 * SECOND)
        .await
}

/// What a forged token that says it was issued then asks for, or a good one under a newer key.
fn another(kid: Option<&str>, issued: UnixTime, material: MaterialId) -> Wanted<'_> {
    Wanted::new(kid, ALGORITHM)
        .issued_at(Some(issued), LEEWAY)
        .replacing(material)
}

#[tokio::test(start_paused = true)]
async fn a_key_that_took_the_place_of_another_is_found_by_one_fetch() {
    for kid in [None, Some("only")] {
        let mut rig = Rig::new();
        let old = SigningKey::es256().with_kid("only");
        publish(&rig, &[&old]);
        let jwks = rig.warm().await;
        let before = material(&jwks, kid);
        publish(&rig, &[&SigningKey::es256().with_kid("only")]);
        let wanted = another(kid, rig.clock.wall(), before);
        assert!(jwks.miss_now(&wanted).is_none(), "it would wait");
        let missing = find(&rig, &jwks, wanted).await;
        assert!(matches!(missing, Missing::LookAgain), "{missing:?}");
        assert_ne!(material(&jwks, kid), before);
        assert!(matches!(jwks.miss_now(&wanted), Some(Missing::LookAgain)));
        assert_eq!(rig.fetches(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_that_another_content_heals_is_a_miss_if_it_is_asked_for() {
    let mut rig = Rig::new();
    let (a, b) = (SigningKey::es256(), SigningKey::es256().with_kid("b"));
    publish(&rig, &[&a, &b]);
    let jwks = rig.warm().await;
    let ambiguous = Wanted::new(None, ALGORITHM);
    let other_algorithm = Wanted::new(Some("b"), Algorithm::EdDSA);
    for wanted in [ambiguous, other_algorithm] {
        let found = jwks.miss_now(&wanted);
        assert!(matches!(found, Some(Missing::LookAgain)), "{found:?}");
    }
    publish(&rig, &[&SigningKey::ed25519().with_kid("b"), &a]);
    let wanted = ambiguous.despite(LookupError::Ambiguous);
    let missing = find(&rig, &jwks, wanted).await;
    assert!(matches!(missing, Missing::LookAgain), "{missing:?}");
    // The new set heals the other as well.
    let wanted = other_algorithm.despite(LookupError::AlgorithmMismatch);
    assert!(matches!(jwks.miss_now(&wanted), Some(Missing::LookAgain)));
    assert_eq!(rig.fetches(), 2);
    // Where nothing changes, it is "no" after one fetch.
    let wanted = Wanted::new(a.kid(), Algorithm::RS256).despite(LookupError::AlgorithmMismatch);
    sleep(SECOND).await;
    let missing = find(&rig, &jwks, wanted).await;
    assert!(matches!(missing, Missing::Absent), "{missing:?}");
    // No set has an id that is too long.
    let long = "x".repeat(1000);
    let wanted = Wanted::new(Some(&long), ALGORITHM).despite(LookupError::KidTooLong);
    assert!(matches!(jwks.miss_now(&wanted), Some(Missing::LookAgain)));
}

#[tokio::test(start_paused = true)]
async fn forged_tokens_cost_the_budget_and_are_refused_by_evidence() {
    let mut rig = Rig::new();
    rig.issuer.cache_control(Some("max-age=21600"));
    let jwks = rig.warm().await;
    let before = material(&jwks, None);
    let (mut absent, mut outages) = (0, 0);
    for _ in 0..600 {
        for age in [0, 60, 600] {
            let issued = rig.clock.wall() - age * SECOND;
            match find(&rig, &jwks, another(None, issued, before)).await {
                Missing::Absent => absent += 1,
                Missing::Outage(_) => outages += 1,
                Missing::LookAgain => panic!("nothing was published"),
            }
        }
        sleep(SECOND / 10).await;
    }
    assert!(rig.fetches() <= 1 + 2 + 60 / 30, "{}", rig.fetches());
    // What is older than the evidence and the leeway is refused at once, also when the budget is spent.
    assert!(absent >= 600 && outages > 0, "{absent} {outages}");
}

#[tokio::test(start_paused = true)]
async fn in_a_flood_of_forged_tokens_a_good_one_is_found_or_unavailable_but_never_absent() {
    let mut rig = Rig::new();
    publish(&rig, &[&SigningKey::es256()]);
    let jwks = rig.warm().await;
    let mut asked_for = material(&jwks, None);
    let (mut found, mut rotated) = (0, false);
    for round in 1..=600_u32 {
        let held = material(&jwks, None);
        for age in [0, 29, 31, 3000] {
            let issued = rig.clock.wall() - age * SECOND;
            drop(jwks.miss_now(&another(None, issued, held)));
        }
        drop(find(&rig, &jwks, another(None, rig.clock.wall(), held)).await);
        if round % 50 == 0 {
            // Published and used at once, in the middle of it.
            publish(&rig, &[&SigningKey::es256()]);
            (asked_for, rotated) = (material(&jwks, None), true);
        }
        if rotated {
            match find(&rig, &jwks, another(None, rig.clock.wall(), asked_for)).await {
                Missing::LookAgain => (found, rotated) = (found + 1, false),
                Missing::Outage(_) => {}
                Missing::Absent => panic!("a good token was refused in round {round}"),
            }
        }
        sleep(SECOND).await;
    }
    assert!(found >= 11, "{found}");
    assert!(rig.fetches() <= 1 + 2 + 600 / 30 + 1, "{}", rig.fetches());
}
