//! Every bad token and every bad way to present one: the exact answer in every protocol.

use portcullis_auth::{AuthLayer, Reason, Verdict};
use portcullis_testing::{StubVerifier, identity};

use crate::answers::{both, check_refused};
use crate::kit::{PROTOCOLS, judging, request, send, speaking};

/// What each reason is answered with, written out: HTTP status, gRPC status, error, description.
const REASONS: [(Reason, u16, &str, &str, &str); 24] = {
    const Q: &str = "invalid_request";
    const T: &str = "invalid_token";
    [
        (
            Reason::ManyCredentials,
            400,
            "3",
            Q,
            "Present one credential, in one place.",
        ),
        (
            Reason::MalformedCredential,
            400,
            "3",
            Q,
            "The credential is not of the form: Bearer, one space, token.",
        ),
        (
            Reason::CrossSite,
            400,
            "3",
            Q,
            "A cookie is accepted for this method only from the same origin.",
        ),
        (
            Reason::TooLarge,
            401,
            "16",
            T,
            "The token is longer than the limit.",
        ),
        (
            Reason::Malformed,
            401,
            "16",
            T,
            "The token is not a signed JWT in compact form.",
        ),
        (
            Reason::UnsupportedHeader,
            401,
            "16",
            T,
            "The token header asks for an extension that is not supported.",
        ),
        (
            Reason::Algorithm,
            401,
            "16",
            T,
            "The algorithm of the token is not allowed.",
        ),
        (
            Reason::TokenType,
            401,
            "16",
            T,
            "This type of token is not accepted here.",
        ),
        (
            Reason::MissingClaim,
            401,
            "16",
            T,
            "The token lacks a required claim.",
        ),
        (
            Reason::MalformedClaim,
            401,
            "16",
            T,
            "A registered claim of the token has the wrong type.",
        ),
        (
            Reason::Issuer,
            401,
            "16",
            T,
            "The issuer of the token is not trusted here.",
        ),
        (
            Reason::Audience,
            401,
            "16",
            T,
            "The token is meant for another audience.",
        ),
        (
            Reason::Client,
            401,
            "16",
            T,
            "The client of the token is not allowed here.",
        ),
        (Reason::Expired, 401, "16", T, "The token has expired."),
        (
            Reason::NotYetValid,
            401,
            "16",
            T,
            "The token is not valid yet.",
        ),
        (
            Reason::IssuedInFuture,
            401,
            "16",
            T,
            "The token was issued in the future.",
        ),
        (
            Reason::TooOld,
            401,
            "16",
            T,
            "The token is older than the maximum age.",
        ),
        (
            Reason::UnknownKey,
            401,
            "16",
            T,
            "The issuer has no such key.",
        ),
        (
            Reason::AmbiguousKey,
            401,
            "16",
            T,
            "The token names no key, and the issuer has several.",
        ),
        (
            Reason::Signature,
            401,
            "16",
            T,
            "The signature of the token is wrong.",
        ),
        (Reason::Inactive, 401, "16", T, "The token is not active."),
        (Reason::Revoked, 401, "16", T, "The token was revoked."),
        (
            Reason::SessionEnded,
            401,
            "16",
            T,
            "The session of the token has ended.",
        ),
        (
            Reason::Unrevocable,
            401,
            "16",
            T,
            "The token lives too long, or does not say since when, so it could not be revoked.",
        ),
    ]
};

#[tokio::test]
async fn every_bad_token_is_refused_in_every_protocol_although_it_is_optional() {
    let named = REASONS.map(|row| row.0);
    for reason in Reason::ALL {
        // The one with two challenges has a test of its own.
        assert!(
            named.contains(reason) || *reason == Reason::Bound,
            "{reason}"
        );
    }
    for (reason, status, grpc_status, error, description) in REASONS {
        let layer = judging(&Verdict::Invalid(reason));
        let challenge = format!("Bearer error=\"{error}\", error_description=\"{description}\"");
        for layer in both(&layer) {
            for token in ["fast", "slow"] {
                for (content_type, answered_type) in PROTOCOLS {
                    let cell = format!("{reason} {token} {content_type:?}");
                    let answer = send(&layer, speaking(request(Some(token)), content_type)).await;
                    check_refused(
                        &answer,
                        &cell,
                        content_type.is_some(),
                        answered_type,
                        status,
                        grpc_status,
                        reason.as_str(),
                    );
                    assert_eq!(answer.challenge().as_ref(), Some(&challenge), "{cell}");
                    assert_eq!(answer.header("retry-after"), None, "{cell}");
                    assert_eq!(answer.header("grpc-retry-pushback-ms"), None, "{cell}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_bound_token_is_refused_with_the_scheme_that_it_needs() {
    let layer = judging(&Verdict::Invalid(Reason::Bound));
    for (content_type, answered_type) in PROTOCOLS {
        let answer = send(&layer, speaking(request(Some("fast")), content_type)).await;
        let grpc = content_type.is_some();
        check_refused(
            &answer,
            "bound",
            grpc,
            answered_type,
            401,
            "16",
            "bound_token",
        );
        assert_eq!(
            answer.challenge().unwrap(),
            "Bearer error=\"invalid_token\", error_description=\"The token is bound to a key and is \
             not accepted as a bearer token.\", DPoP algs=\"ES256 EdDSA\""
        );
    }
}

#[tokio::test]
async fn a_credential_in_a_bad_form_is_400_before_any_verifier() {
    let twice = || {
        let mut twice = request(Some("fast"));
        let again = "Basic YTpi".parse().unwrap();
        twice.headers_mut().append("authorization", again);
        twice
    };
    let header = |value: &'static str| {
        let mut bare = request(None);
        let value = http::HeaderValue::from_static(value);
        bare.headers_mut().insert("authorization", value);
        bare
    };
    let verifier = StubVerifier::new();
    for layer in both(&AuthLayer::new(verifier.clone())) {
        for (bad, status, reason) in [
            (twice(), 400, "many_credentials"),
            (header("Bearer"), 400, "malformed_credential"),
            (header("bearer "), 400, "malformed_credential"),
            (header("DPoP abc"), 401, "bound_token"),
        ] {
            let answer = send(&layer, bad).await;
            assert_eq!(answer.status, status, "{reason}");
            assert!(answer.body.contains(reason), "{}", answer.body);
            assert!(answer.reached.is_none());
        }
    }
    assert_eq!(verifier.calls(), 0);
}

#[tokio::test]
async fn a_malformed_token_never_goes_on_to_io() {
    for malformed in ["a b", "a,b", "a\tb", "\"a\"", "=", "a=b"] {
        let verdict = Verdict::Valid(identity("alice").build());
        let verifier = StubVerifier::new().slow(malformed, verdict);
        let layer = AuthLayer::new(verifier.clone());
        let answer = send(&layer, request(Some(malformed))).await;
        assert_eq!(answer.status, 400, "{malformed:?}");
        assert_eq!(verifier.slow_calls(), 0, "{malformed:?}");
    }
}
