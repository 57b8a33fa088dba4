//! What the observer is told.

use std::time::Duration;

use portcullis_auth::{AuthLayer, Degrade, Outage, Reason, Verdict};
use portcullis_core::{OutageCause, Provenance, VerdictOutcome};
use portcullis_testing::{ISSUER, StubVerifier, identity};

use crate::kit::{Event, Recorder, judging, request, send};

fn event(outcome: VerdictOutcome, reason: &'static str, refused: Option<u16>) -> Event {
    Event {
        outcome,
        reason,
        refused,
        provenance: None,
        issuer: None,
    }
}

/// Each token gives one event, the same on both paths.
async fn check(layer: AuthLayer<StubVerifier>, expected: Event) {
    let recorder = Recorder::default();
    let layer = layer.with_observer(recorder.clone());
    for token in ["fast", "slow"] {
        send(&layer, request(Some(token))).await;
        assert_eq!(recorder.take(), std::slice::from_ref(&expected), "{token}");
    }
}

#[tokio::test]
async fn every_verdict_is_one_event_with_its_stable_reason() {
    for reason in Reason::ALL {
        let refused = match reason.as_str() {
            "many_credentials" | "malformed_credential" | "cross_site" => 400,
            _ => 401,
        };
        check(
            judging(&Verdict::Invalid(*reason)),
            event(VerdictOutcome::Invalid, reason.as_str(), Some(refused)),
        )
        .await;
    }
    for cause in OutageCause::ALL {
        check(
            judging(&Verdict::Indeterminate(Outage::new(cause))),
            event(VerdictOutcome::Indeterminate, cause.as_str(), Some(503)),
        )
        .await;
    }
    for provenance in [
        Provenance::Fresh,
        Provenance::Cached,
        Provenance::Introspected,
    ] {
        let caller = identity("alice").provenance(provenance).build();
        let expected = Event {
            provenance: Some(provenance),
            issuer: Some(ISSUER.into()),
            ..event(VerdictOutcome::Valid, "ok", None)
        };
        check(judging(&Verdict::Valid(caller)), expected).await;
    }
}

#[tokio::test]
async fn what_a_policy_lets_pass_is_told_with_its_cause() {
    for cause in OutageCause::ALL {
        let outage = Outage::new(cause).holding(identity("alice").build(), Duration::ZERO);
        let layer = judging(&Verdict::Indeterminate(outage));
        let grace = portcullis_auth::Grace::AllowFor(Duration::from_secs(1));
        let allow = Degrade::deny().on(cause, grace).unwrap();
        let degraded = Event {
            provenance: Some(Provenance::Degraded(cause)),
            issuer: Some(ISSUER.into()),
            ..event(VerdictOutcome::Indeterminate, cause.as_str(), None)
        };
        check(layer.clone().with_degrade(allow), degraded).await;
        let anonymous = event(VerdictOutcome::Indeterminate, cause.as_str(), None);
        check(layer.with_degrade(Degrade::anonymous()), anonymous).await;
    }
}

#[tokio::test]
async fn a_missing_token_is_an_event_too() {
    let recorder = Recorder::default();
    let layer = AuthLayer::new(StubVerifier::new()).with_observer(recorder.clone());
    send(&layer, request(None)).await;
    let refused = event(VerdictOutcome::Absent, "missing_token", Some(401));
    assert_eq!(recorder.take(), [refused]);
    send(&layer.optional(), request(None)).await;
    let passed = event(VerdictOutcome::Absent, "anonymous", None);
    assert_eq!(recorder.take(), [passed]);
}
