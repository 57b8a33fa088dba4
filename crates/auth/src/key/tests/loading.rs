//! Which JWKs make a key, by the members beside its numbers.

use serde_json::{Value, json};

use super::kit::{ED25519, P256, P384, RSA, b64, load, load_text, refused, signers, with, without};
use crate::key::{
    Algorithm, AlgorithmSet, Backend, Family, KeyError, KeySpec, MAX_KID_BYTES, VerifyingKey,
};

#[test]
fn row01_the_algorithms_of_a_key_are_of_its_own_family() {
    let expected = [
        (&*RSA, AlgorithmSet::RSA, Family::Rsa),
        (&*P256, Algorithm::ES256.into(), Family::Ec),
        (&*P384, Algorithm::ES384.into(), Family::Ec),
        (&*ED25519, Algorithm::EdDSA.into(), Family::Ed),
    ];
    for (signer, algorithms, family) in expected {
        let key = load(&signer.jwk()).unwrap();
        assert_eq!(key.algorithms(), algorithms);
        assert!(
            key.algorithms()
                .iter()
                .all(|algorithm| algorithm.family() == family)
        );
    }
}

#[test]
fn row01_an_hmac_algorithm_on_a_public_key_drops_it() {
    for signer in signers() {
        for alg in ["HS256", "HS384", "HS512"] {
            let why = refused(&with(signer.jwk(), "alg", alg));
            assert!(matches!(why, KeyError::AlgorithmMismatch { .. }), "{why:?}");
        }
    }
}

#[test]
fn row09_an_alg_that_does_not_fit_drops_the_key() {
    let names = Algorithm::ALL.map(Algorithm::name);
    let others = [
        "none",
        "RSA-OAEP",
        "RSA-OAEP-256",
        "ECDH-ES",
        "ES512",
        "ES256K",
        "Ed448",
        "",
        "rs256",
    ];
    for signer in signers() {
        let fits = load(&signer.jwk()).unwrap().algorithms();
        for name in names.into_iter().chain(others) {
            let loaded = load(&with(signer.jwk(), "alg", name));
            match Algorithm::from_name(name).filter(|algorithm| fits.contains(*algorithm)) {
                Some(algorithm) => assert_eq!(loaded.unwrap().algorithms(), algorithm.into()),
                None => assert_eq!(loaded.unwrap_err(), KeyError::AlgorithmMismatch { fits }),
            }
        }
    }
}

#[test]
fn an_alg_of_ed25519_is_taken_as_eddsa() {
    for name in ["Ed25519", "EdDSA"] {
        let key = load(&with(ED25519.jwk(), "alg", name)).unwrap();
        assert_eq!(key.algorithms(), Algorithm::EdDSA.into());
    }
}

#[test]
fn row09_a_use_other_than_sig_drops_the_key() {
    for signer in signers() {
        assert!(load(&with(signer.jwk(), "use", "sig")).is_ok());
        assert!(load(&with(signer.jwk(), "use", Value::Null)).is_ok());
        for purpose in ["enc", "", "SIG", "sig ", "tls"] {
            assert_eq!(
                refused(&with(signer.jwk(), "use", purpose)),
                KeyError::NotForSignatures
            );
        }
    }
}

#[test]
fn row09_key_ops_without_verify_drop_the_key() {
    for signer in signers() {
        let operations = |list: Value| with(signer.jwk(), "key_ops", list);
        assert!(load(&operations(json!(["verify"]))).is_ok());
        assert!(load(&operations(json!(["sign", "verify", "made-up"]))).is_ok());
        for list in [
            json!([]),
            json!(["sign"]),
            json!(["encrypt", "wrapKey"]),
            json!(["Verify"]),
        ] {
            assert_eq!(refused(&operations(list)), KeyError::NotForVerifying);
        }
        for list in [
            json!("verify"),
            json!([1]),
            json!({"verify": true}),
            json!([["verify"]]),
        ] {
            assert_eq!(refused(&operations(list)), KeyError::Malformed);
        }
    }
}

#[test]
fn row20_a_member_named_twice_drops_the_key() {
    let text = RSA.jwk().to_string();
    let body = text.strip_prefix('{').unwrap();
    for twice in [
        format!(r#"{{"kty":"RSA",{body}"#),
        format!(r#"{{"alg":"RS256","alg":"RS256",{body}"#),
        // The same name, once escaped.
        format!(r#"{{"alg":"RS256","\u0061lg":"HS256",{body}"#),
        format!(r#"{{"unknown":1,"unknown":1,{body}"#),
    ] {
        assert_eq!(
            load_text(&twice).unwrap_err(),
            KeyError::DuplicateMember,
            "{twice}"
        );
    }
}

#[test]
fn members_of_the_wrong_type_drop_the_key() {
    for signer in signers() {
        for member in ["kty", "kid", "use", "alg", "crv", "n", "e", "x", "y"] {
            for wrong in [json!(1), json!(true), json!(["a"]), json!({"a": 1})] {
                let known = signer.jwk().get(member).is_some();
                if known || matches!(member, "kid" | "use" | "alg") {
                    assert_eq!(
                        refused(&with(signer.jwk(), member, wrong)),
                        KeyError::Malformed
                    );
                } else {
                    // Of another key type: none of this one's business.
                    assert!(load(&with(signer.jwk(), member, wrong)).is_ok());
                }
            }
        }
    }
    for text in [
        "",
        "null",
        "[]",
        "1",
        "\"RSA\"",
        "{",
        "{}}",
        r#"{"kty":"RSA",}"#,
    ] {
        assert_eq!(load_text(text).unwrap_err(), KeyError::Malformed, "{text}");
    }
}

#[test]
fn a_missing_member_drops_the_key() {
    assert_eq!(refused(&json!({})), KeyError::Missing("kty"));
    for (signer, members) in [
        (&*RSA, &["kty", "n", "e"][..]),
        (&*P256, &["kty", "crv", "x", "y"]),
        (&*ED25519, &["kty", "crv", "x"]),
    ] {
        for member in members {
            assert_eq!(
                refused(&without(signer.jwk(), member)),
                KeyError::Missing(member)
            );
            assert_eq!(
                refused(&with(signer.jwk(), member, Value::Null)),
                KeyError::Missing(member),
                "null counts as absent"
            );
        }
    }
}

#[test]
fn unknown_key_types_are_dropped() {
    for kty in ["rsa", "AKP", "", "EC2"] {
        assert_eq!(
            refused(&with(RSA.jwk(), "kty", kty)),
            KeyError::UnsupportedKeyType
        );
    }
}

#[test]
fn a_private_key_is_dropped() {
    for signer in signers() {
        assert_eq!(refused(&with(signer.jwk(), "d", "AQAB")), KeyError::Private);
        assert_eq!(
            refused(&with(signer.jwk(), "d", json!(0))),
            KeyError::Private
        );
    }
}

#[test]
fn a_shared_secret_is_no_verifying_key() {
    let jwk = json!({"kty": "oct", "k": b64(&[7; 32]), "alg": "HS256"});
    assert_eq!(refused(&jwk), KeyError::Symmetric);
}

#[test]
fn a_kid_longer_than_256_bytes_drops_the_key() {
    let longest = "k".repeat(MAX_KID_BYTES);
    let key = load(&with(P256.jwk(), "kid", longest.clone())).unwrap();
    assert_eq!(key.kid(), Some(longest.as_str()));
    let longer = with(P256.jwk(), "kid", format!("{longest}k"));
    assert_eq!(refused(&longer), KeyError::KidTooLong);
    let spec = KeySpec::new().with_kid(format!("{longest}k"));
    let why = VerifyingKey::from_jwk(&P256.jwk().to_string(), &spec).unwrap_err();
    assert_eq!(why, KeyError::KidTooLong);
}

#[test]
fn a_jwk_has_at_most_256_members() {
    let mut jwk = P256.jwk();
    for index in jwk.as_object().unwrap().len()..256 {
        jwk[format!("m{index}")] = json!(index);
    }
    assert!(load(&jwk).is_ok());
    assert_eq!(refused(&with(jwk, "one-more", 1)), KeyError::TooManyMembers);
}

#[test]
fn the_spec_narrows_the_algorithms_and_the_jwk_names_the_kid() {
    let spec = KeySpec::new()
        .with_kid("ours")
        .with_algorithms(AlgorithmSet::of(&[
            Algorithm::PS256,
            Algorithm::ES256,
            Algorithm::HS256,
        ]));
    let load = |jwk: Value| VerifyingKey::from_jwk(&jwk.to_string(), &spec);

    let key = load(RSA.jwk()).unwrap();
    assert_eq!(key.algorithms(), Algorithm::PS256.into());
    assert_eq!(key.kid(), Some("ours"));
    assert_eq!(
        load(with(RSA.jwk(), "kid", "theirs")).unwrap().kid(),
        Some("theirs")
    );
    assert_eq!(
        load(with(RSA.jwk(), "alg", "RS256")).unwrap_err(),
        KeyError::AlgorithmMismatch {
            fits: AlgorithmSet::RSA
        }
    );
    assert!(load(ED25519.jwk()).is_err());
}

#[test]
fn a_material_id_is_of_the_material_and_the_algorithms_only() {
    for signer in signers() {
        let id = load(&signer.jwk()).unwrap().material_id();
        let dressed = with(with(signer.jwk(), "kid", "a"), "use", "sig");
        assert_eq!(load(&dressed).unwrap().material_id(), id);
    }
    let narrowed = load(&with(RSA.jwk(), "alg", "RS256")).unwrap();
    assert_ne!(
        narrowed.material_id(),
        load(&RSA.jwk()).unwrap().material_id()
    );

    let mut ids: Vec<_> = signers()
        .iter()
        .map(|signer| *load(&signer.jwk()).unwrap().material_id().as_bytes())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

#[test]
fn a_uid_is_what_its_owner_set() {
    let mut key = load(&P256.jwk()).unwrap();
    assert_eq!(key.uid(), 0);
    key.set_uid(7);
    assert_eq!(key.uid(), 7);
}

#[test]
fn a_backend_that_is_not_compiled_in_is_an_error() {
    for backend in [Backend::AwsLc, Backend::RustCrypto] {
        let spec = KeySpec::new().with_backend(backend);
        let loaded = VerifyingKey::from_jwk(&P256.jwk().to_string(), &spec);
        match loaded {
            Ok(key) => assert!(backend.is_available() && key.backend() == backend),
            Err(why) => {
                assert!(!backend.is_available());
                assert_eq!(why, KeyError::BackendAbsent(backend));
            }
        }
    }
    assert!(Backend::default().is_available());
    assert_eq!(Backend::available().next(), Some(Backend::default()));
}

#[test]
fn debug_shows_no_material_and_no_raw_kid() {
    let jwk = with(P256.jwk(), "kid", "a\nb");
    let shown = format!("{:?}", load(&jwk).unwrap());
    assert!(shown.contains(r#"kid: Some("a\nb")"#), "{shown}");
    assert!(!shown.contains(jwk["x"].as_str().unwrap()));
    assert!(!shown.contains('\n'));
}

#[test]
fn every_reason_has_its_own_label_and_a_remedy() {
    let fits = AlgorithmSet::RSA;
    let all = [
        KeyError::Malformed,
        KeyError::TooManyMembers,
        KeyError::DuplicateMember,
        KeyError::Missing("n"),
        KeyError::Base64("n"),
        KeyError::KidTooLong,
        KeyError::UnsupportedKeyType,
        KeyError::UnsupportedCurve,
        KeyError::Symmetric,
        KeyError::Private,
        KeyError::NotForSignatures,
        KeyError::NotForVerifying,
        KeyError::AlgorithmMismatch { fits },
        KeyError::RsaModulusSize { bits: 1024 },
        KeyError::RsaModulusEven,
        KeyError::RsaExponent,
        KeyError::RsaRoca,
        KeyError::PointLength { expected: 32 },
        KeyError::PointNotOnCurve,
        KeyError::WeakPoint,
        KeyError::PemFormat,
        KeyError::PemCertificate,
        KeyError::PemLabel,
        KeyError::DerFormat,
        KeyError::BackendRefused,
        KeyError::BackendAbsent(Backend::RustCrypto),
    ];
    let labels: std::collections::HashSet<_> = all.iter().map(KeyError::as_str).collect();
    assert_eq!(labels.len(), all.len());
    for why in all {
        assert!(
            why.as_str()
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        );
        assert!(why.to_string().len() > 20);
    }
}
