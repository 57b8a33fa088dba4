//! What cannot be found out is 503 and never 401, and passes only where a policy says so.

use std::time::Duration;

use portcullis_auth::{Degrade, Ended, Grace, OutageBudget, Reason, Revocations, StandingWatch};
use portcullis_core::{OutageCause, Provenance};
use portcullis_revocation::{Check, Target};
use portcullis_tests::api::{ask, bearer};
use portcullis_tests::revocation::Stand;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const S: Duration = Revocations::FRESHNESS;

#[tokio::test(start_paused = true)]
async fn a_view_that_is_too_old_is_503_and_the_revoked_stay_out() {
    let stand = Stand::synced().await;
    let (good, bad) = (
        stand.token().session("other").issue(),
        stand.token().issue(),
    );
    stand
        .revoke(Target::session(stand.issuer.issuer(), "session-1"))
        .await;
    stand.cut_off_for(S - SECOND).await;
    assert_eq!(stand.present(&good).await.status, 200);
    stand.clock.advance(2 * SECOND).await;
    let answer = stand.present(&good).await;
    answer.assert_unavailable();
    assert_eq!(answer.reason.as_deref(), Some("revocation_stale"));
    stand.present(&bad).await.assert_bad(Reason::Revoked);
    stand.log.switch(true);
    stand.until_synced().await;
    assert_eq!(stand.present(&good).await.status, 200);
    stand.present(&bad).await.assert_bad(Reason::Revoked);
}

#[tokio::test(start_paused = true)]
async fn grace_lets_the_known_pass_until_freshness_and_grace_are_over() {
    let stand = Stand::synced().await;
    let (good, bad) = (
        stand.token().session("other").issue(),
        stand.token().issue(),
    );
    stand
        .revoke(Target::session(stand.issuer.issuer(), "session-1"))
        .await;
    let lenient = stand
        .layer()
        .with_degrade(Degrade::allow_for(MINUTE).unwrap());
    stand.cut_off_for(S + SECOND).await;
    // A caller not seen before is verified as ever: what is not known is the same.
    let unseen = stand.token().session("third").issue();
    for token in [&good, &unseen] {
        let answer = ask(&lenient, bearer(token)).await;
        let degraded = Provenance::Degraded(OutageCause::RevocationStale);
        assert_eq!(answer.caller().provenance(), degraded);
    }
    ask(&lenient, bearer(&bad))
        .await
        .assert_bad(Reason::Revoked);
    stand.clock.advance(MINUTE - 2 * SECOND).await;
    assert_eq!(ask(&lenient, bearer(&good)).await.status, 200);
    stand.clock.advance(2 * SECOND).await;
    ask(&lenient, bearer(&good)).await.assert_unavailable();
}

#[tokio::test(start_paused = true)]
async fn expired_and_invalid_tokens_are_401_however_old_the_view() {
    let stand = Stand::synced().await;
    let short = stand.token().expires_in(20 * SECOND).issue();
    let lenient = stand
        .layer()
        .with_degrade(Degrade::allow_for(5 * MINUTE).unwrap());
    assert_eq!(ask(&lenient, bearer(&short)).await.status, 200);
    stand.cut_off_for(MINUTE).await;
    ask(&lenient, bearer(&short))
        .await
        .assert_bad(Reason::Expired);
    let forged = portcullis_testing::forge::bad_signature(&stand.token().issue());
    ask(&lenient, bearer(&forged))
        .await
        .assert_bad(Reason::Signature);
}

#[tokio::test(start_paused = true)]
async fn a_budget_caps_what_passes_of_a_stale_view() {
    let stand = Stand::synced().await;
    let token = stand.token().issue();
    let capped = stand
        .layer()
        .with_degrade(Degrade::allow_for(MINUTE).unwrap())
        .with_outage_budget(OutageBudget::new(2, MINUTE).unwrap());
    for _ in 0..5 {
        assert_eq!(ask(&capped, bearer(&token)).await.status, 200);
    }
    stand.cut_off_for(S + SECOND).await;
    for status in [200, 200, 503] {
        assert_eq!(ask(&capped, bearer(&token)).await.status, status);
    }
}

#[tokio::test(start_paused = true)]
async fn before_the_first_sync_only_a_route_that_names_it_lets_anybody_pass() {
    let stand = Stand::start(|revocation| revocation);
    stand.log.switch(false);
    stand.clock.advance(SECOND).await;
    let token = stand.token().issue();
    let all = Degrade::allow_for(MINUTE).unwrap();
    for policy in [Degrade::deny(), all.clone()] {
        let answer = ask(&stand.layer().with_degrade(policy), bearer(&token)).await;
        answer.assert_unavailable();
        assert_eq!(answer.reason.as_deref(), Some("revocation_never_synced"));
    }
    let named = Degrade::deny().on(OutageCause::NeverSynced, Grace::AllowFor(SECOND));
    let answer = ask(&stand.layer().with_degrade(named.unwrap()), bearer(&token)).await;
    let degraded = Provenance::Degraded(OutageCause::NeverSynced);
    assert_eq!(answer.caller().provenance(), degraded);
    stand.log.switch(true);
    stand.until_synced().await;
    assert_eq!(stand.present(&token).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_view_without_room_is_503_whatever_the_grace_and_knows_the_revoked() {
    let stand = Stand::start(|revocation| revocation.with_capacity(2));
    stand.until_synced().await;
    let (good, bad) = (
        stand.token().session("other").issue(),
        stand.token().issue(),
    );
    assert_eq!(stand.present(&good).await.status, 200);
    stand
        .revoke(Target::session(stand.issuer.issuer(), "session-1"))
        .await;
    for number in 0..5 {
        let session = format!("nobody-{number}");
        stand
            .revoke(Target::session(stand.issuer.issuer(), &session))
            .await;
    }
    let seen = ask(
        &portcullis_auth::AuthLayer::new(stand.verifier.clone()),
        bearer(&good),
    )
    .await;
    assert_eq!(stand.revocations.check(seen.caller()), Check::Full);
    let all = Degrade::allow_for(Degrade::GRACE_MAX).unwrap();
    let all = all
        .on(OutageCause::NeverSynced, Grace::AllowFor(MINUTE))
        .unwrap();
    let lenient = stand.layer().with_degrade(all);
    let answer = ask(&lenient, bearer(&good)).await;
    answer.assert_unavailable();
    assert_eq!(answer.reason.as_deref(), Some("revocation_stale"));
    ask(&lenient, bearer(&bad))
        .await
        .assert_bad(Reason::Revoked);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_could_not_be_revoked_is_401_and_says_so() {
    let stand = Stand::synced().await;
    let day = Duration::from_secs(24 * 3_600);
    let lenient = stand
        .layer()
        .with_degrade(Degrade::allow_for(MINUTE).unwrap());
    for (token, fits) in [
        (stand.token().expires_in(day), true),
        (stand.token().expires_in(day + SECOND), false),
        (stand.token().without("iat"), false),
    ] {
        let answer = ask(&lenient, bearer(&token.issue())).await;
        if fits {
            assert_eq!(answer.status, 200);
        } else {
            answer.assert_bad(Reason::Unrevocable);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_ended_by_a_revocation_and_by_a_view_that_is_too_old() {
    let stand = Stand::synced().await;
    let watch = async |session: &str| {
        let token = stand.token().session(session).issue();
        let seen = stand.present(&token).await;
        let view = std::sync::Arc::new(stand.revocations.clone());
        StandingWatch::new(view, seen.caller().clone())
    };
    let (one, other) = (watch("one").await, watch("other").await);
    let patient = other
        .clone()
        .with_degrade(Degrade::allow_for(MINUTE).unwrap(), true);
    assert_eq!((one.look(), other.look()), (Ok(()), Ok(())));
    stand
        .revoke(Target::session(stand.issuer.issuer(), "one"))
        .await;
    assert_eq!(
        (one.look(), other.look()),
        (Err(Ended::Bad(Reason::Revoked)), Ok(()))
    );
    stand.cut_off_for(S + SECOND).await;
    let stale = Err(Ended::Unknown(OutageCause::RevocationStale));
    assert_eq!((other.look(), patient.look()), (stale, Ok(())));
    stand.clock.advance(MINUTE).await;
    assert_eq!(
        (one.look(), patient.look()),
        (Err(Ended::Bad(Reason::Revoked)), stale)
    );
}
