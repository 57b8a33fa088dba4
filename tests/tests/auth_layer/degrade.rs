//! The degrade table through the layer: verdict × cause × policy × method × what is known × fast or slow.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use portcullis_auth::{
    Anonymous, AuthLayer, Degrade, Grace, Outage, OutageBudget, Reason, Verdict,
};
use portcullis_core::{OutageCause, Provenance};
use portcullis_testing::{StubVerifier, identity};

use crate::kit::{Answer, judging, request, send, with_method};

const GRACE: Duration = Duration::from_secs(60);

/// What the layer did with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    Passed,
    Degraded,
    Anonymous,
    Unauthorized,
    Unavailable,
}

fn done(answer: &Answer, cause: OutageCause) -> Done {
    match (answer.status, answer.identity()) {
        (204, Some(identity)) => {
            assert_eq!(identity.subject(), Some("alice"));
            match identity.provenance() {
                Provenance::Degraded(said) => {
                    assert_eq!(said, cause);
                    Done::Degraded
                }
                _ => Done::Passed,
            }
        }
        (204, None) => {
            let reached = answer.reached.as_ref().unwrap();
            let mark = reached.extensions().get::<Anonymous>().unwrap();
            // A token that could not be checked is no missing one.
            assert_eq!(mark.refusal().status(), 503);
            assert_eq!(mark.refusal().reason(), cause.as_str());
            assert!(mark.refusal().delay().is_some());
            Done::Anonymous
        }
        (401, None) => Done::Unauthorized,
        (503, None) => Done::Unavailable,
        other => panic!("{other:?}"),
    }
}

/// The policies, by name: what each lets pass is spelled out in `expected`.
fn policies() -> Vec<(&'static str, Degrade)> {
    let allow = || Degrade::allow_for(GRACE).unwrap();
    let mut all = vec![
        ("deny", Degrade::deny()),
        ("default", Degrade::default()),
        ("allow", allow()),
        ("allow unsafe", allow().with_unsafe_methods()),
        ("anonymous", Degrade::anonymous()),
        (
            "anonymous unsafe",
            Degrade::anonymous().with_unsafe_methods(),
        ),
    ];
    for (name, cause) in [
        ("only keys_stale", OutageCause::KeysStale),
        ("only key_unavailable", OutageCause::KeyUnavailable),
        ("only introspection_unavailable", OutageCause::Introspection),
        ("only revocation_stale", OutageCause::RevocationStale),
        ("only revocation_never_synced", OutageCause::NeverSynced),
    ] {
        let only = Degrade::deny().on(cause, Grace::AllowFor(GRACE)).unwrap();
        all.push((name, only));
    }
    all
}

/// The table once more, from the words of the documentation.
fn expected(policy: &str, cause: OutageCause, safe: bool, held: Option<Duration>) -> Done {
    let known = held.is_some_and(|overdue| overdue <= GRACE);
    let row = match policy {
        "allow" | "allow unsafe" => cause != OutageCause::NeverSynced,
        only => only.strip_prefix("only ") == Some(cause.as_str()),
    };
    match policy {
        "anonymous" | "anonymous unsafe" if safe => Done::Anonymous,
        _ if row && known && (safe || policy == "allow unsafe") => Done::Degraded,
        _ => Done::Unavailable,
    }
}

#[tokio::test]
async fn the_table_holds_for_every_verdict_cause_policy_method_and_knowledge() {
    let alice = identity("alice").build();
    let methods = [
        (Method::GET, true),
        (Method::HEAD, true),
        (Method::OPTIONS, true),
        (Method::TRACE, true),
        (Method::POST, false),
        (Method::PUT, false),
        (Method::PATCH, false),
        (Method::DELETE, false),
        (Method::from_bytes(b"PURGE").unwrap(), false),
    ];
    let knowledge = [
        None,
        Some(Duration::ZERO),
        Some(GRACE),
        Some(GRACE + Duration::from_nanos(1)),
    ];
    let mut cells = 0;
    for (name, policy) in policies() {
        for cause in OutageCause::ALL {
            let mut verdicts = vec![
                (Verdict::Valid(alice.clone()), Some(Done::Passed)),
                (Verdict::Invalid(Reason::Expired), Some(Done::Unauthorized)),
                (Verdict::Invalid(Reason::Revoked), Some(Done::Unauthorized)),
                (
                    Verdict::Invalid(Reason::UnknownKey),
                    Some(Done::Unauthorized),
                ),
            ];
            for held in knowledge {
                let mut outage = Outage::new(cause);
                if let Some(overdue) = held {
                    outage = outage.holding(alice.clone(), overdue);
                }
                verdicts.push((Verdict::Indeterminate(outage), None));
            }
            for (index, (verdict, sure)) in verdicts.iter().enumerate() {
                let required = judging(verdict).with_degrade(policy.clone());
                for layer in [required.clone(), required.optional()] {
                    for (method, safe) in &methods {
                        for token in ["fast", "slow"] {
                            let asked = with_method(request(Some(token)), method.clone());
                            let answer = send(&layer, asked).await;
                            let cell = format!("{name} {cause} {verdict:?} {method} {token}");
                            let expected = sure.unwrap_or_else(|| {
                                expected(name, cause, *safe, knowledge[index - 4])
                            });
                            assert_eq!(done(&answer, cause), expected, "{cell}");
                            cells += 1;
                        }
                    }
                }
            }
        }
    }
    // Policies × causes × verdicts × optional or not × methods × fast or slow.
    assert_eq!(cells, 11 * 5 * 8 * 2 * 9 * 2);
}

#[tokio::test]
async fn each_route_has_its_policy_and_it_is_asked_only_in_an_outage() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let alice = identity("alice").build();
    let outage = Outage::new(OutageCause::KeysStale).holding(alice.clone(), Duration::ZERO);
    let verifier = StubVerifier::new()
        .valid("good", alice)
        .invalid("bad", Reason::Expired)
        .indeterminate("lost", outage);
    let layer = AuthLayer::new(verifier).with_degrade_by(move |head| {
        counter.fetch_add(1, Ordering::Relaxed);
        match head.uri.path() {
            "/reads" => Degrade::allow_for(GRACE).unwrap_or_default(),
            "/open" => Degrade::anonymous(),
            _ => Degrade::deny(),
        }
    });
    let at = |path: &str, token| {
        let mut request = request(Some(token));
        *request.uri_mut() = path.parse().unwrap();
        request
    };
    for path in ["/reads", "/open", "/other"] {
        assert_eq!(send(&layer, at(path, "good")).await.status, 204);
        assert_eq!(send(&layer, at(path, "bad")).await.status, 401);
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    for (path, expected) in [
        ("/reads", Done::Degraded),
        ("/open", Done::Anonymous),
        ("/other", Done::Unavailable),
    ] {
        let answer = send(&layer, at(path, "lost")).await;
        assert_eq!(done(&answer, OutageCause::KeysStale), expected, "{path}");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn the_outage_budget_caps_what_passes_and_every_clone_shares_it() {
    let alice = identity("alice").build();
    let outage = Outage::new(OutageCause::KeysStale).holding(alice.clone(), Duration::ZERO);
    let verifier = StubVerifier::new()
        .valid("good", alice)
        .indeterminate("lost", outage.clone())
        .slow("slow", Verdict::Indeterminate(outage));
    let budget = OutageBudget::new(3, Duration::from_secs(600)).unwrap();
    let layer = AuthLayer::new(verifier.clone())
        .with_degrade(Degrade::allow_for(GRACE).unwrap())
        .with_outage_budget(budget.clone());
    let open = AuthLayer::new(verifier)
        .with_degrade(Degrade::anonymous())
        .with_outage_budget(budget);
    let lost = || request(Some("lost"));
    let status = async |layer: &AuthLayer<_>, asked| send(layer, asked).await.status;

    // Neither a good token nor what is refused anyway spends of it.
    for _ in 0..10 {
        assert_eq!(status(&layer, request(Some("good"))).await, 204);
        assert_eq!(status(&layer, with_method(lost(), Method::POST)).await, 503);
    }
    assert_eq!(status(&layer, lost()).await, 204);
    assert_eq!(status(&layer.clone(), request(Some("slow"))).await, 204);
    // Nor does a request that passes without identity: nobody unproven can spend it.
    for _ in 0..10 {
        assert_eq!(status(&open, lost()).await, 204);
    }
    assert_eq!(status(&layer, lost()).await, 204);
    let answer = send(&layer, lost()).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.challenge(), None);
    assert!(answer.header("retry-after").is_some());
    assert_eq!(status(&open, lost()).await, 204);
    assert_eq!(status(&layer, request(Some("good"))).await, 204);
}
