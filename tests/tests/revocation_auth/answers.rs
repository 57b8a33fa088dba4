//! What whoever was revoked is told, and what others are told of it.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{HeaderValue, Response, StatusCode};
use portcullis_auth::Reason;
use portcullis_core::{Observer, VerdictEvent, VerdictOutcome};
use portcullis_revocation::Target;
use portcullis_tests::api::{ask, bearer};
use portcullis_tests::outage::Events;
use portcullis_tests::revocation::Stand;
use tower::{Layer as _, ServiceExt as _, service_fn};

/// Keeps what it is told.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<Event>>>);

type Event = (VerdictOutcome, &'static str, Option<StatusCode>);

impl Observer for Told {
    fn verdict(&self, event: &VerdictEvent<'_>) {
        let told = (event.outcome, event.reason, event.refused);
        self.0.lock().unwrap().push(told);
    }
}

#[tokio::test(start_paused = true)]
async fn a_revoked_token_is_challenged_for_another_one() {
    let stand = Stand::synced().await;
    let token = stand.token().issue();
    stand
        .revoke(Target::session(stand.issuer.issuer(), "session-1"))
        .await;
    let answer = stand.present(&token).await;
    answer.assert_bad(Reason::Revoked);
    assert_eq!(
        answer.headers["www-authenticate"],
        "Bearer error=\"invalid_token\", error_description=\"The token was revoked.\""
    );
    assert!(!answer.headers.contains_key("retry-after"));

    let layer = stand.layer();
    let mut call = bearer(&token);
    let grpc = HeaderValue::from_static("application/grpc");
    call.headers_mut().insert("content-type", grpc);
    let inner = service_fn(|_| async { Ok::<_, Infallible>(Response::new(())) });
    let response = layer.layer(inner).oneshot(call).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["grpc-status"], "16");
}

#[tokio::test(start_paused = true)]
async fn the_observer_is_told_of_each_verdict_with_its_label() {
    let stand = Stand::synced().await;
    let told = Told::default();
    let layer = stand.layer().with_observer(told.clone());
    let token = stand.token().issue();
    assert_eq!(ask(&layer, bearer(&token)).await.status, 200);
    stand
        .cut_off_for(portcullis_auth::Revocations::FRESHNESS * 2)
        .await;
    ask(&layer, bearer(&token)).await.assert_unavailable();
    stand.log.switch(true);
    stand.until_synced().await;
    stand
        .revoke(Target::session(stand.issuer.issuer(), "session-1"))
        .await;
    ask(&layer, bearer(&token))
        .await
        .assert_bad(Reason::Revoked);
    let expected = [
        (VerdictOutcome::Valid, "ok", None),
        (
            VerdictOutcome::Indeterminate,
            "revocation_stale",
            Some(StatusCode::SERVICE_UNAVAILABLE),
        ),
        (
            VerdictOutcome::Invalid,
            "revoked",
            Some(StatusCode::UNAUTHORIZED),
        ),
    ];
    assert_eq!(*told.0.lock().unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn nothing_that_names_a_caller_is_logged_or_shown() {
    let events = Events::listen();
    let stand = Stand::synced().await;
    let token = stand
        .token()
        .subject("alice-canary")
        .session("session-canary")
        .issue();
    let seen = stand.present(&token).await;
    let identity = seen.caller();
    let shown = format!(
        "{identity:?} {:?} {:?} {:?}",
        identity.parts(),
        identity.parts().token_hash,
        stand.revocations
    );
    stand
        .revoke(Target::session(stand.issuer.issuer(), "session-canary"))
        .await;
    stand.present(&token).await.assert_bad(Reason::Revoked);
    stand
        .cut_off_for(portcullis_auth::Revocations::FRESHNESS * 2)
        .await;
    stand.present(&token).await.assert_bad(Reason::Revoked);
    let logged = events.of("portcullis").join("\n");
    assert!(logged.contains("revoked"), "something was logged: {logged}");
    let payload = token.split('.').nth(1).unwrap();
    for text in [&shown, &logged] {
        for canary in ["alice-canary", "session-canary", payload] {
            assert!(!text.contains(canary), "{canary} in {text}");
        }
    }
}
