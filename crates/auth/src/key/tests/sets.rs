//! Whole JWK Sets: what drops one key, and what refuses the set.

use serde_json::{Value, json};

use super::kit::{ED25519, P256, P384, RSA, b64, with};
use crate::key::{
    Algorithm, Backend, DroppedKey, JwksError, JwksOptions, KeyError, KeyTable, ParsedJwks,
    parse_jwks,
};

fn document(keys: &[Value]) -> Vec<u8> {
    json!({"keys": keys}).to_string().into_bytes()
}

fn parse(keys: &[Value]) -> Result<ParsedJwks, JwksError> {
    parse_bytes(&document(keys))
}

/// Parses with every backend and asserts that they agree.
fn parse_bytes(bytes: &[u8]) -> Result<ParsedJwks, JwksError> {
    let mut parsed = Backend::available()
        .map(|backend| parse_jwks(bytes, &JwksOptions::new().with_backend(backend)));
    let first = parsed.next().unwrap();
    for other in parsed {
        match (&first, &other) {
            (Ok(first), Ok(other)) => {
                assert_eq!(kids(first), kids(other));
                assert_eq!(first.dropped, other.dropped);
            }
            (Err(first), Err(other)) => assert_eq!(first, other),
            (first, other) => panic!("{first:?} but {other:?}"),
        }
    }
    first
}

fn kids(parsed: &ParsedJwks) -> Vec<Option<&str>> {
    parsed.keys.iter().map(|key| key.kid()).collect()
}

fn reasons(parsed: &ParsedJwks) -> Vec<(Option<&str>, KeyError)> {
    parsed
        .dropped
        .iter()
        .map(|dropped| (dropped.kid.as_ref().map(|kid| kid.as_str()), dropped.why))
        .collect()
}

fn named(jwk: Value, kid: &str) -> Value {
    with(jwk, "kid", kid)
}

#[test]
fn row09_an_unusable_key_is_dropped_alone() {
    let parsed = parse(&[
        named(with(RSA.jwk(), "use", "enc"), "encryption"),
        named(P256.jwk(), "good"),
        named(with(P384.jwk(), "alg", "ES256"), "misnamed"),
        named(with(ED25519.jwk(), "crv", "Ed448"), "curve"),
        named(
            json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"}),
            "post-quantum",
        ),
        json!("not an object"),
        json!({"kty": "EC", "kid": 5}),
        named(ED25519.jwk(), "also good"),
    ])
    .unwrap();
    assert_eq!(kids(&parsed), [Some("good"), Some("also good")]);
    assert_eq!(
        reasons(&parsed),
        [
            (Some("encryption"), KeyError::NotForSignatures),
            (
                Some("misnamed"),
                KeyError::AlgorithmMismatch {
                    fits: Algorithm::ES384.into()
                }
            ),
            (Some("curve"), KeyError::UnsupportedCurve),
            (Some("post-quantum"), KeyError::UnsupportedKeyType),
            (None, KeyError::Malformed),
            (None, KeyError::Missing("crv")),
        ]
    );
}

#[test]
fn a_key_with_broken_text_inside_is_dropped_alone() {
    let good = named(P256.jwk(), "good");
    for broken in [
        r#"{"kty":"RSA","kid":"\ud800","n":"AQAB","e":"AQAB"}"#,
        r#"{"kty":"RSA","\udfff":1}"#,
        r#"{"kty":"RSA","kid":"a","kid":"b"}"#,
        "[[[[[[[[]]]]]]]]",
        "null",
        "1e999",
    ] {
        let text = format!(r#"{{"keys":[{broken},{good}]}}"#);
        let parsed = parse_bytes(text.as_bytes()).unwrap();
        assert_eq!(kids(&parsed), [Some("good")], "{broken}");
        assert_eq!(parsed.dropped.len(), 1);
    }
}

#[test]
fn deep_nesting_in_a_key_neither_overflows_nor_hurts_the_others() {
    let depth = 60_000;
    let deep = format!(r#"{{"kty":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    let text = format!(r#"{{"keys":[{deep},{}]}}"#, named(P256.jwk(), "good"));
    let parsed = parse_bytes(text.as_bytes()).unwrap();
    assert_eq!(kids(&parsed), [Some("good")]);
    assert_eq!(reasons(&parsed), [(None, KeyError::Malformed)]);
}

#[test]
fn row01_one_shared_secret_refuses_the_whole_set() {
    let secret = json!({"kty": "oct", "k": b64(&[7; 32]), "kid": "secret"});
    for keys in [
        vec![secret.clone()],
        vec![named(RSA.jwk(), "a"), secret.clone()],
        vec![secret.clone(), named(RSA.jwk(), "a")],
        vec![named(RSA.jwk(), "a"), with(secret.clone(), "use", "enc")],
        vec![named(RSA.jwk(), "a"), json!({"kty": "oct"})],
        vec![
            named(RSA.jwk(), "a"),
            json!({"kty": "oct", "d": "AA", "kid": [1]}),
        ],
    ] {
        assert_eq!(parse(&keys).unwrap_err(), JwksError::SymmetricKey);
    }
}

#[test]
fn row05_one_kid_twice_for_an_algorithm_refuses_the_set() {
    let other = super::kit::Signer::P256(
        aws_lc_rs::signature::EcdsaKeyPair::generate(
            &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING,
        )
        .unwrap(),
    );
    for keys in [
        [named(P256.jwk(), "a"), named(other.jwk(), "a")],
        [named(P256.jwk(), "a"), named(P256.jwk(), "a")],
        [
            named(RSA.jwk(), "a"),
            named(with(RSA.jwk(), "alg", "PS256"), "a"),
        ],
    ] {
        let Err(JwksError::DuplicateKid(duplicate)) = parse(&keys) else {
            panic!("{keys:?}")
        };
        assert_eq!(duplicate.kid().as_str(), "a");
    }
}

#[test]
fn row05_one_kid_for_disjoint_algorithms_is_two_keys() {
    let parsed = parse(&[
        named(P256.jwk(), "a"),
        named(with(RSA.jwk(), "alg", "RS256"), "a"),
        named(with(RSA.jwk(), "alg", "PS256"), "a"),
    ])
    .unwrap();
    let table = KeyTable::new(parsed.keys).unwrap();
    for algorithm in [Algorithm::ES256, Algorithm::RS256, Algorithm::PS256] {
        assert_eq!(
            table.find(Some("a"), algorithm).unwrap().algorithms(),
            algorithm.into()
        );
    }
}

#[test]
fn a_dropped_key_takes_no_kid() {
    let encryption = named(with(P256.jwk(), "use", "enc"), "a");
    let parsed = parse(&[encryption, named(P256.jwk(), "a")]).unwrap();
    assert_eq!(kids(&parsed), [Some("a")]);
    assert_eq!(parsed.dropped.len(), 1);
}

#[test]
fn any_number_of_keys_may_have_no_kid() {
    let parsed = parse(&[
        P256.jwk(),
        P256.jwk(),
        with(ED25519.jwk(), "kid", Value::Null),
    ])
    .unwrap();
    assert_eq!(kids(&parsed), [None, None, None]);
}

#[test]
fn a_set_without_a_usable_key_says_why() {
    assert_eq!(
        parse(&[]).unwrap_err(),
        JwksError::NoUsableKey { dropped: vec![] }
    );
    let keys: Vec<_> = (0..9)
        .map(|index| named(with(P256.jwk(), "use", "enc"), &format!("k{index}")))
        .collect();
    let error = parse(&keys).unwrap_err();
    let JwksError::NoUsableKey { dropped } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(dropped.len(), 9);
    assert!(
        dropped
            .iter()
            .all(|DroppedKey { why, .. }| *why == KeyError::NotForSignatures)
    );
    let shown = error.to_string();
    assert!(
        shown.contains(r#"key "k0": `use`"#) && shown.ends_with("and 5 more"),
        "{shown}"
    );
}

#[test]
fn what_is_not_a_jwk_set_is_refused() {
    for text in [
        "",
        "null",
        "[]",
        "{}",
        "<html>",
        "{\"keys\":{}}",
        "{\"keys\":null}",
        "{\"keys\":\"\"}",
        "{\"keys\":[]",
        "{\"keys\":[]}{}",
        "{\"keys\":[],\"keys\":[]}",
        "{\"Keys\":[]}",
        "\u{feff}{\"keys\":[]}",
        "{\"keys\":[}",
        "{\"keys\":[,]}",
        "[[]]",
        "[[{}]]",
    ] {
        assert_eq!(
            parse_bytes(text.as_bytes()).unwrap_err(),
            JwksError::Malformed,
            "{text}"
        );
    }
    // Not even with the array of keys where the object should be.
    let nested = json!([[named(P256.jwk(), "a")]]).to_string();
    assert_eq!(
        parse_bytes(nested.as_bytes()).unwrap_err(),
        JwksError::Malformed
    );
    assert_eq!(
        parse_bytes(b"{\"keys\":[\"\xff\"]}").unwrap_err(),
        JwksError::Malformed
    );
}

#[test]
fn members_beside_keys_are_ignored() {
    let text = format!(r#"{{"a":[1,{{}}],"keys":[{}],"z":null}}"#, P256.jwk());
    assert_eq!(parse_bytes(text.as_bytes()).unwrap().keys.len(), 1);
}

#[test]
fn a_document_above_256_kib_is_refused_unread() {
    let mut bytes = document(&[P256.jwk()]);
    bytes.resize(256 * 1024, b' ');
    assert!(parse_bytes(&bytes).is_ok());
    bytes.push(b' ');
    assert_eq!(
        parse_bytes(&bytes).unwrap_err(),
        JwksError::TooLarge { limit: 256 * 1024 }
    );
}

#[test]
fn a_set_has_at_most_256_keys_usable_or_not() {
    let keys: Vec<_> = (0..256)
        .map(|index| named(P256.jwk(), &format!("k{index}")))
        .collect();
    assert_eq!(parse(&keys).unwrap().keys.len(), 256);
    let text = format!(r#"{{"keys":[{}0]}}"#, "0,".repeat(256));
    assert_eq!(
        parse_bytes(text.as_bytes()).unwrap_err(),
        JwksError::TooManyKeys { limit: 256 }
    );
}

#[test]
fn the_limits_can_be_narrowed() {
    let bytes = document(&[named(P256.jwk(), "a"), named(ED25519.jwk(), "b")]);
    let options = JwksOptions::new().with_max_keys(1);
    assert_eq!(
        parse_jwks(&bytes, &options).unwrap_err(),
        JwksError::TooManyKeys { limit: 1 }
    );
    let options = JwksOptions::new().with_max_bytes(10);
    assert_eq!(
        parse_jwks(&bytes, &options).unwrap_err(),
        JwksError::TooLarge { limit: 10 }
    );
}

#[test]
fn row03_a_hostile_kid_is_shown_bounded_and_escaped() {
    let hostile = "\r\nSet-Cookie: a=b\u{1b}[31m".repeat(8);
    let parsed = parse(&[named(with(P256.jwk(), "use", "enc"), &hostile), P256.jwk()]).unwrap();
    let shown = parsed.dropped[0].to_string();
    assert!(
        shown.len() < 256 && !shown.contains(char::is_control),
        "{shown:?}"
    );

    let error = parse(&[named(P256.jwk(), &hostile), named(P256.jwk(), &hostile)]).unwrap_err();
    assert!(error.to_string().len() < 256 && !error.to_string().contains(char::is_control));

    let parsed = parse(&[named(P256.jwk(), &"k".repeat(10_240)), P256.jwk()]).unwrap();
    assert_eq!(parsed.dropped[0].why, KeyError::KidTooLong);
    assert!(parsed.dropped[0].to_string().len() < 256);
}

#[test]
fn every_refusal_has_its_own_label() {
    let all = [
        JwksError::TooLarge { limit: 1 },
        JwksError::Malformed,
        JwksError::TooManyKeys { limit: 1 },
        JwksError::SymmetricKey,
        parse(&[named(P256.jwk(), "a"), named(P256.jwk(), "a")]).unwrap_err(),
        JwksError::NoUsableKey { dropped: vec![] },
    ];
    let labels: std::collections::HashSet<_> = all.iter().map(JwksError::as_str).collect();
    assert_eq!(labels.len(), all.len());
}
