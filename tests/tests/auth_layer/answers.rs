//! What every answer has in common; good tokens, missing ones, and what could not be found out.

use std::time::Duration;

use portcullis_auth::{AuthLayer, Challenge, Outage, Reason, Verdict};
use portcullis_core::OutageCause;
use portcullis_testing::{StubVerifier, identity};

use crate::kit::{Answer, PROTOCOLS, judging, request, send, speaking};

/// Both ways to make a token optional or not, of one layer.
pub(crate) fn both(layer: &AuthLayer<StubVerifier>) -> [AuthLayer<StubVerifier>; 2] {
    [layer.clone(), layer.clone().optional()]
}

/// What a refusal has in common, whatever it refuses.
pub(crate) fn check_refused(
    answer: &Answer,
    cell: &str,
    grpc: bool,
    content_type: &str,
    status: u16,
    grpc_status: &str,
    reason: &str,
) {
    assert!(
        answer.reached.is_none(),
        "{cell}: reached the inner service"
    );
    assert_eq!(answer.header("content-type"), Some(content_type), "{cell}");
    if grpc {
        assert_eq!(answer.status, 200, "{cell}");
        assert_eq!(answer.header("grpc-status"), Some(grpc_status), "{cell}");
        assert!(answer.header("grpc-message").is_some(), "{cell}");
        assert_eq!(answer.header("cache-control"), None, "{cell}");
        assert_eq!(answer.body, "", "{cell}: trailers only");
    } else {
        assert_eq!(answer.status, status, "{cell}");
        assert_eq!(answer.header("grpc-status"), None, "{cell}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{cell}");
        let problem: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(problem["status"], status, "{cell}");
        assert_eq!(problem["reason"], reason, "{cell}");
    }
}

#[tokio::test]
async fn what_could_not_be_found_out_is_503_and_never_a_challenge() {
    let named = [
        (OutageCause::KeysStale, "keys_stale"),
        (OutageCause::KeyUnavailable, "key_unavailable"),
        (OutageCause::Introspection, "introspection_unavailable"),
        (OutageCause::RevocationStale, "revocation_stale"),
        (OutageCause::NeverSynced, "revocation_never_synced"),
    ];
    assert_eq!(named.map(|(cause, _)| cause), OutageCause::ALL);
    // A verifier that knows when to come back says so; else it is soon.
    let delays: [(Option<u64>, u64); 3] = [(None, 1_000), (Some(8_000), 8_000), (Some(1), 1)];
    for (cause, reason) in named {
        for (told, least) in delays {
            let mut outage = Outage::new(cause);
            if let Some(millis) = told {
                outage = outage.retry_after(Duration::from_millis(millis));
            }
            for layer in both(&judging(&Verdict::Indeterminate(outage))) {
                for token in ["fast", "slow"] {
                    for (content_type, answered_type) in PROTOCOLS {
                        let cell = format!("{reason} {told:?} {token} {content_type:?}");
                        let answer =
                            send(&layer, speaking(request(Some(token)), content_type)).await;
                        let grpc = content_type.is_some();
                        check_refused(&answer, &cell, grpc, answered_type, 503, "14", reason);
                        assert_eq!(answer.challenge(), None, "{cell}");
                        let (name, unit) = match grpc {
                            true => ("grpc-retry-pushback-ms", 1),
                            false => ("retry-after", 1_000),
                        };
                        let after: u64 = answer.header(name).unwrap().parse().unwrap();
                        // Up to a quarter more or two seconds, then rounded up.
                        let most = (least + (least / 4).max(2_000) + 1).div_ceil(unit);
                        let range = least.div_ceil(unit)..=most;
                        assert!(range.contains(&after), "{cell}: {after}");
                        assert!(after > 0 || grpc, "{cell}: at once is no delay");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn the_delay_differs_from_caller_to_caller() {
    let outage = Outage::new(OutageCause::KeyUnavailable).retry_after(Duration::from_secs(1000));
    let layer = judging(&Verdict::Indeterminate(outage));
    let mut delays = std::collections::BTreeSet::new();
    for _ in 0..50 {
        let answer = send(&layer, request(Some("fast"))).await;
        delays.insert(answer.header("retry-after").unwrap().to_owned());
    }
    assert!(delays.len() > 10, "{delays:?}");
}

#[tokio::test]
async fn a_good_token_passes_with_its_identity() {
    let caller = identity("alice").build();
    for layer in both(&judging(&Verdict::Valid(caller))) {
        for token in ["fast", "slow"] {
            for (content_type, _) in PROTOCOLS {
                let answer = send(&layer, speaking(request(Some(token)), content_type)).await;
                assert_eq!(answer.status, 204);
                assert_eq!(answer.headers.len(), 0, "the answer is the inner service's");
                assert_eq!(answer.identity().and_then(|it| it.subject()), Some("alice"));
            }
        }
    }
}

#[tokio::test]
async fn no_token_is_a_bare_challenge_or_anonymous() {
    let layer = judging(&Verdict::Invalid(Reason::Expired));
    let [required, optional] = both(&layer);
    for (content_type, answered_type) in PROTOCOLS {
        let grpc = content_type.is_some();
        for scheme in [None, Some("Basic YTpi"), Some("Negotiate x")] {
            let mut bare = speaking(request(None), content_type);
            if let Some(scheme) = scheme {
                let value = scheme.parse().unwrap();
                bare.headers_mut().insert("authorization", value);
            }
            let answer = send(&required, bare.clone()).await;
            check_refused(
                &answer,
                "none",
                grpc,
                answered_type,
                401,
                "16",
                "missing_token",
            );
            assert_eq!(answer.challenge().as_deref(), Some("Bearer"));
            assert_eq!(answer.header("retry-after"), None);

            let answer = send(&optional, bare).await;
            assert_eq!(answer.status, 204);
            assert!(answer.identity().is_none());
            let reached = answer.reached.unwrap();
            let mark = reached.extensions().get::<portcullis_auth::Anonymous>();
            assert_eq!(mark.unwrap().refusal().reason(), "missing_token");
        }
    }
}

#[tokio::test]
async fn realm_and_metadata_stand_in_every_challenge_and_a_style_changes_only_the_text() {
    struct Shout;
    impl portcullis_core::RefusalStyle for Shout {
        fn body(
            &self,
            problem: &portcullis_core::Problem<'_>,
        ) -> Option<(http::HeaderValue, bytes::Bytes)> {
            let text = problem.reason.to_uppercase();
            Some((http::HeaderValue::from_static("text/plain"), text.into()))
        }
    }
    let challenge = Challenge::new()
        .with_realm("orders")
        .and_then(|it| it.with_resource_metadata("https://a.example/m"))
        .unwrap();
    let layer = judging(&Verdict::Invalid(Reason::Expired));
    // In whichever order they are set.
    for layer in [
        layer
            .clone()
            .with_challenge(challenge.clone())
            .with_style(Shout),
        layer.clone().with_style(Shout).with_challenge(challenge),
    ] {
        let answer = send(&layer, request(Some("fast"))).await;
        assert_eq!(answer.status, 401);
        assert_eq!(
            answer.challenge().unwrap(),
            "Bearer realm=\"orders\", error=\"invalid_token\", error_description=\"The token has \
             expired.\", resource_metadata=\"https://a.example/m\""
        );
        assert_eq!(answer.header("content-type"), Some("text/plain"));
        assert_eq!(answer.body, "EXPIRED");
        let answer = send(&layer, request(None)).await;
        assert_eq!(
            answer.challenge().unwrap(),
            "Bearer realm=\"orders\", resource_metadata=\"https://a.example/m\""
        );
        assert_eq!(answer.body, "MISSING_TOKEN");
    }
}
