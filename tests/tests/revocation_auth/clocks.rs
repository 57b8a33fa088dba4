//! Issuers whose clocks differ from ours.

use std::time::Duration;

use portcullis_auth::{Issuer, Reason};
use portcullis_core::Clock as _;
use portcullis_revocation::Target;
use portcullis_testing::{Algorithm, FakeIssuer, TestClock};
use portcullis_tests::api::published;
use portcullis_tests::outage::until;
use portcullis_tests::revocation::{Stand, SwitchedLog};

const SECOND: Duration = Duration::from_secs(1);

/// A stand whose issuer's clock is so many seconds ahead.
async fn ahead(seconds: i64) -> Stand {
    let (ours, theirs) = (TestClock::following_tokio(), TestClock::following_tokio());
    let wall = theirs.wall().as_secs().saturating_add_signed(seconds);
    theirs.jump_wall(portcullis_core::UnixTime::from_secs(wall));
    let issuer = FakeIssuer::builder()
        .algorithm(Algorithm::Es256)
        .clock(theirs)
        .without_sockets();
    let jwks = published(&issuer, &ours);
    let warm = || (!jwks.load().is_cold()).then_some(());
    until("keys", 10 * SECOND, warm).await;
    let trusted = Issuer::published(jwks);
    let log = SwitchedLog::new(&ours);
    let stand = Stand::trusting(log, ours, issuer, trusted, |revocation| revocation);
    stand.until_synced().await;
    stand
}

#[tokio::test(start_paused = true)]
async fn an_issuer_half_a_minute_ahead_or_behind_is_still_judged_rightly() {
    for seconds in [-30, -2, 0, 2, 30] {
        let stand = ahead(seconds).await;
        let token = |session: &str| stand.issuer.token().session(session).issue();
        let old = token("old");
        assert_eq!(stand.present(&old).await.status, 200, "{seconds}");
        // Longer than the imprecision of a `Date`.
        stand.clock.advance(4 * SECOND).await;
        stand
            .revoke(Target::subject(stand.issuer.issuer(), "alice"))
            .await;
        let new = token("new");
        stand.present(&old).await.assert_bad(Reason::Revoked);
        assert_eq!(stand.present(&new).await.status, 200, "{seconds}");
        tokio::time::sleep(60 * SECOND).await;
        stand.present(&old).await.assert_bad(Reason::Revoked);
        assert_eq!(stand.present(&new).await.status, 200, "{seconds}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_offset_of_an_issuer_is_measured_with_its_keys() {
    for (seconds, measured) in [(-30, -31_000..=-30_000), (30, 29_000..=30_000)] {
        let stand = ahead(seconds).await;
        let token = stand.issuer.token().issue();
        let seen = stand.present(&token).await;
        let offset = seen.caller().parts().issuer_ahead_millis;
        assert!(
            offset.is_some_and(|offset| measured.contains(&offset)),
            "{offset:?}"
        );
    }
    // Clocks that agree to the second, and one that cannot be meant.
    for seconds in [0, 3_600] {
        let stand = ahead(seconds).await;
        let issued = stand.issuer.token().issued_at(stand.clock.wall());
        let seen = stand.present(&issued.issue()).await;
        assert_eq!(seen.caller().parts().issuer_ahead_millis, None, "{seconds}");
    }
}

#[tokio::test(start_paused = true)]
async fn sessions_are_ended_whatever_the_clocks() {
    for seconds in [-30, 30] {
        let stand = ahead(seconds).await;
        let (one, other) = ("one", "other");
        let token = |session: &str| stand.issuer.token().session(session).issue();
        let (one_token, other_token) = (token(one), token(other));
        stand
            .revoke(Target::session(stand.issuer.issuer(), one))
            .await;
        stand.present(&one_token).await.assert_bad(Reason::Revoked);
        assert_eq!(stand.present(&other_token).await.status, 200);
    }
}
