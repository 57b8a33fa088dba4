//! Rows 34 and 35: what an answer must not give away, and what must not get into it.

use std::time::Duration;

use http::HeaderMap;
use portcullis_auth::{Challenge, Issuer, Reason, RequireLayer};
use portcullis_core::Clock;
use portcullis_testing::{SigningKey, forge};
use serde_json::{Value, json};

use crate::stand::{AUDIENCE, ISSUER, Stand, bearer, fixed, grpc};

/// One bad token for every reason that one key, one issuer and a plain request can bring about.
fn one_of_each(stand: &Stand) -> Vec<(Reason, String)> {
    let new = || stand.token().client("web");
    let sign = |token: portcullis_testing::TokenBuilder| token.sign(&stand.key);
    let good = sign(new());
    let later = stand.clock.wall() + Duration::from_secs(3_600);
    vec![
        (Reason::TooLarge, "x".repeat(8_193)),
        (Reason::Malformed, "a.b.c".to_owned()),
        (
            Reason::UnsupportedHeader,
            sign(new().header("crit", json!([]))),
        ),
        (
            Reason::Algorithm,
            forge::hmac_with_public_key(&good, &stand.key),
        ),
        (Reason::TokenType, sign(new().typ("logout+jwt"))),
        (Reason::MissingClaim, sign(new().without("exp"))),
        (Reason::MalformedClaim, sign(new().claim("sub", 7))),
        (
            Reason::Issuer,
            sign(new().issuer("https://evil.example.com")),
        ),
        (Reason::Audience, sign(new().audience("other"))),
        (Reason::Client, sign(new().client("other"))),
        (
            Reason::Expired,
            sign(new().expired(Duration::from_secs(600))),
        ),
        (Reason::NotYetValid, sign(new().not_before(later))),
        (Reason::IssuedInFuture, sign(new().issued_at(later))),
        (
            Reason::TooOld,
            sign(new().issued_at(stand.clock.wall() - Duration::from_secs(7_200))),
        ),
        (Reason::UnknownKey, sign(new().header("kid", "other"))),
        (Reason::AmbiguousKey, sign(new().without_header("kid"))),
        (Reason::Signature, forge::bad_signature(&good)),
    ]
}

/// A stand at which every reason can be brought about.
fn strict() -> Stand {
    let (key, second) = (SigningKey::es256(), SigningKey::es256());
    let issuer = Issuer::new(ISSUER, fixed(&[&key, &second]))
        .audience(AUDIENCE)
        .clients(["web"])
        .max_token_age(Duration::from_secs(3_600));
    Stand::trusting(key, issuer)
}

fn names(headers: &HeaderMap) -> Vec<&str> {
    let mut names: Vec<&str> = headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    names
}

/// The names of the parameters of a challenge.
fn parameters(challenge: &str) -> Vec<&str> {
    let (_scheme, rest) = challenge.split_once(' ').expect("a scheme");
    rest.split("\", ")
        .map(|one| one.split_once('=').expect("a parameter").0)
        .collect()
}

#[tokio::test]
async fn row_34_every_invalid_token_answer_is_of_one_class() {
    let stand = strict();
    stand
        .admits(&stand.token().client("web").sign(&stand.key))
        .await;
    let bad = one_of_each(&stand);
    for (reason, token) in &bad {
        stand.refuses(token, *reason).await;
    }
    for kind in [None, Some("application/grpc")] {
        let mut shapes = Vec::new();
        for (reason, token) in &bad {
            let request = bearer(token);
            let answer = stand
                .send(kind.map_or_else(|| bearer(token), |kind| grpc(request, kind)))
                .await;
            let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let members: Option<Vec<String>> =
                body.as_object().map(|body| body.keys().cloned().collect());
            let challenges = answer.all("www-authenticate");
            assert_eq!(challenges.len(), 1, "{reason}");
            shapes.push((
                answer.status,
                names(&answer.headers).join(" "),
                answer.all("grpc-status").join(" "),
                body["title"].clone(),
                members,
                parameters(challenges[0]).join(" "),
                challenges[0].contains("error=\"invalid_token\""),
            ));
        }
        shapes.dedup();
        assert_eq!(shapes.len(), 1, "{shapes:#?}");
    }
    // Every reason of this class but that of a bound token, and those that revocations and sessions have
    // tests of their own for.
    let covered: Vec<Reason> = bad.iter().map(|(reason, _)| *reason).collect();
    let elsewhere = [
        Reason::Inactive,
        Reason::Revoked,
        Reason::SessionEnded,
        Reason::Unrevocable,
        Reason::Bound,
    ];
    let requests = [
        Reason::ManyCredentials,
        Reason::MalformedCredential,
        Reason::CrossSite,
    ];
    for reason in Reason::ALL {
        let known =
            covered.contains(reason) || elsewhere.contains(reason) || requests.contains(reason);
        assert!(known, "{reason} is not brought about");
    }
}

/// What checks tags and signatures leaves the comparison to the backend, which is constant-time.
#[test]
fn row_34_tags_are_compared_by_the_backend_and_nowhere_else() {
    let aws_lc = include_str!("../../../crates/auth/src/key/backend/aws_lc.rs");
    let rust_crypto = include_str!("../../../crates/auth/src/key/backend/rust_crypto.rs");
    let ring = include_str!("../../../crates/auth/src/key/hmac.rs");
    let judge = include_str!("../../../crates/auth/src/jwt/judge.rs");
    assert!(aws_lc.contains("hmac::verify(&self.0, message, tag).is_ok()"));
    assert!(rust_crypto.contains(".verify_slice("));
    assert!(ring.contains("key.mac.verify(signing_input, tag)"));
    assert!(judge.contains("ring.verify(compact.signing_input(), signature)"));
    for (name, source) in [
        ("aws_lc", aws_lc),
        ("rust_crypto", rust_crypto),
        ("ring", ring),
        ("judge", judge),
    ] {
        let source: String = source.split_whitespace().collect::<Vec<_>>().join(" ");
        for comparison in [
            "== tag",
            "tag ==",
            "!= tag",
            "tag !=",
            "== signature",
            "signature ==",
            "tag.eq(",
            "signature.eq(",
            "hmac::sign(",
            "into_bytes()",
        ] {
            assert!(!source.contains(comparison), "{name} has `{comparison}`");
        }
    }
}

/// What would get out of a quoted string, a line, or a field.
const INJECTIONS: &[&str] = &[
    "a\"b",
    "a\", error=\"none",
    "a\\b",
    "a\r\nSet-Cookie: x=1",
    "a\nb",
    "a\0b",
    "a\tb",
    "a\u{7f}b",
    "\u{e4}",
    "\u{1F600}",
    "",
];

#[test]
fn row_35_a_realm_or_url_that_a_challenge_cannot_hold_is_a_configuration_error() {
    for text in INJECTIONS {
        assert!(Challenge::new().with_realm(text).is_err(), "{text:?}");
        let url = format!("https://api.example.com/{text}");
        let url = if text.is_empty() { String::new() } else { url };
        assert!(
            Challenge::new().with_resource_metadata(&url).is_err(),
            "{text:?}"
        );
    }
    let error = Challenge::new()
        .with_realm("SECRET\"")
        .expect_err("a quote");
    assert!(error.to_string().contains("realm"), "{error}");
}

#[test]
fn row_35_a_scope_or_class_that_a_challenge_cannot_hold_is_a_configuration_error() {
    for text in INJECTIONS {
        assert!(RequireLayer::new().with_scopes([text]).is_err(), "{text:?}");
        assert!(
            RequireLayer::new().with_any_scope([text]).is_err(),
            "{text:?}"
        );
        assert!(RequireLayer::new().with_acr([text]).is_err(), "{text:?}");
    }
    // A space parts two scopes (RFC 6749 section 3.3).
    assert!(RequireLayer::new().with_scopes(["a b"]).is_err());
    assert!(RequireLayer::new().with_scopes(["orders:read"]).is_ok());
}

#[tokio::test]
async fn row_35_nothing_of_a_hostile_token_is_in_the_answer() {
    let stand = strict();
    let injected: Vec<String> = INJECTIONS
        .iter()
        .map(|text| format!("MARK{text}MARK"))
        .collect();
    let mut tokens = Vec::new();
    for text in &injected {
        for name in [
            "iss",
            "sub",
            "aud",
            "scope",
            "client_id",
            "jti",
            "sid",
            "acr",
            "cnf",
            "exp",
        ] {
            tokens.push(
                stand
                    .token()
                    .client("web")
                    .claim(name, text)
                    .sign(&stand.key),
            );
            let claims = stand
                .token()
                .client("web")
                .claim(name, json!([text, {"x": text}]));
            tokens.push(claims.sign(&stand.key));
        }
        for name in ["alg", "kid", "typ", "cty", "crit", "jku", "zip"] {
            tokens.push(
                stand
                    .token()
                    .client("web")
                    .header(name, text)
                    .sign(&stand.key),
            );
        }
        tokens.push(stand.key.sign_raw(text.as_bytes(), text.as_bytes()));
    }
    tokens.push("MARK".to_owned());
    tokens.push("MARK.MARK.MARK".to_owned());
    tokens.push("MARK=MARK".to_owned());
    let (mut refused, mut passed) = (0, 0);
    for token in &tokens {
        for request in [bearer(token), grpc(bearer(token), "application/grpc")] {
            let answer = stand.send(request).await;
            if answer.passed {
                passed += 1;
                continue;
            }
            refused += 1;
            let head = format!("{:?}", answer.headers);
            assert!(
                !head.contains("MARK") && !head.contains(token.as_str()),
                "{head}"
            );
            let body = String::from_utf8_lossy(&answer.body).into_owned();
            assert!(!body.contains("MARK"), "{body}");
            for challenge in answer.all("www-authenticate") {
                let closed = |byte| matches!(byte, 0x20..=0x5b | 0x5d..=0x7e);
                assert!(challenge.bytes().all(closed), "{challenge}");
                assert_eq!(challenge.matches('"').count() % 2, 0, "{challenge}");
            }
        }
    }
    // What passes is what decides nothing: a name of the caller's own choosing.
    assert!(
        refused > 200 && passed > 0,
        "{refused} refused, {passed} passed"
    );
}
