//! Which JWKs make a key, by its numbers.

use serde_json::{Value, json};

use super::kit::{ED25519, P256, P384, RSA, b64, load, refused, unb64, with};
use crate::key::{Algorithm, KeyError};

/// An odd number of `bits` bits that is no multiple of the ROCA fingerprint.
fn modulus(bits: usize) -> Vec<u8> {
    let mut n = vec![0; bits.div_ceil(8)];
    n[0] = 1 << ((bits - 1) % 8);
    *n.last_mut().unwrap() |= 1;
    n
}

fn rsa(n: &[u8], e: &[u8]) -> Value {
    json!({"kty": "RSA", "n": b64(n), "e": b64(e)})
}

#[test]
fn row09_a_point_off_the_curve_drops_the_key() {
    for signer in [&*P256, &*P384] {
        let jwk = signer.jwk();
        for member in ["x", "y"] {
            let mut number = unb64(jwk[member].as_str().unwrap());
            *number.last_mut().unwrap() ^= 1;
            let why = refused(&with(jwk.clone(), member, b64(&number)));
            assert_eq!(why, KeyError::PointNotOnCurve);
        }
        let zero = b64(&vec![0; unb64(jwk["x"].as_str().unwrap()).len()]);
        let infinity = with(with(jwk, "x", zero.clone()), "y", zero);
        assert_eq!(refused(&infinity), KeyError::PointNotOnCurve);
    }
}

#[test]
fn row09_a_coordinate_not_of_the_field_length_drops_the_key() {
    for (signer, expected) in [(&*P256, 32), (&*P384, 48)] {
        let jwk = signer.jwk();
        for member in ["x", "y"] {
            let number = unb64(jwk[member].as_str().unwrap());
            let longer = [&[0], &number[..]].concat();
            for wrong in [&number[1..], &number[..expected - 1], &longer, &[]] {
                let why = refused(&with(jwk.clone(), member, b64(wrong)));
                assert_eq!(why, KeyError::PointLength { expected });
            }
        }
    }
    let swapped = with(P384.jwk(), "crv", "P-256");
    assert_eq!(refused(&swapped), KeyError::PointLength { expected: 32 });
}

#[test]
fn a_crv_of_another_kty_drops_the_key() {
    for curve in ["P-521", "secp256k1", "Ed25519", "X25519", "p-256", ""] {
        assert_eq!(
            refused(&with(P256.jwk(), "crv", curve)),
            KeyError::UnsupportedCurve
        );
    }
    for curve in ["Ed448", "X25519", "P-256", "ed25519", ""] {
        assert_eq!(
            refused(&with(ED25519.jwk(), "crv", curve)),
            KeyError::UnsupportedCurve
        );
    }
}

#[test]
fn row10_an_rsa_modulus_has_2048_to_8192_bits() {
    for bits in [2048, 2049, 3072, 4096, 8191, 8192] {
        assert!(load(&rsa(&modulus(bits), &[1, 0, 1])).is_ok(), "{bits}");
    }
    for bits in [8, 512, 1024, 2040, 2047, 8193, 16384] {
        let why = refused(&rsa(&modulus(bits), &[1, 0, 1]));
        assert_eq!(why, KeyError::RsaModulusSize { bits });
    }
    assert_eq!(
        refused(&rsa(&[], &[1, 0, 1])),
        KeyError::RsaModulusSize { bits: 0 }
    );
}

#[test]
fn row10_leading_zeros_of_a_modulus_do_not_count() {
    let n = unb64(RSA.jwk()["n"].as_str().unwrap());
    let padded = [&[0, 0], &n[..]].concat();
    let key = load(&with(RSA.jwk(), "n", b64(&padded))).unwrap();
    assert_eq!(key.material_id(), load(&RSA.jwk()).unwrap().material_id());
    let signature = RSA.sign(Algorithm::RS256, b"message");
    assert!(key.verify(Algorithm::RS256, b"message", &signature).is_ok());

    let short = [&[0; 2][..], &modulus(2047)].concat();
    assert_eq!(
        refused(&rsa(&short, &[1, 0, 1])),
        KeyError::RsaModulusSize { bits: 2047 }
    );
}

#[test]
fn row10_an_even_modulus_drops_the_key() {
    let mut even = modulus(2048);
    *even.last_mut().unwrap() &= 0xfe;
    assert_eq!(refused(&rsa(&even, &[1, 0, 1])), KeyError::RsaModulusEven);
}

#[test]
fn row10_an_rsa_exponent_is_odd_and_within_3_to_2_33() {
    let n = modulus(2048);
    for e in [3_u64, 5, 17, 257, 65_537, (1 << 32) + 1, (1 << 33) - 1] {
        assert!(load(&rsa(&n, &e.to_be_bytes())).is_ok(), "{e}");
    }
    for e in [0_u64, 1, 2, 4, 65_536, 1 << 33, (1 << 33) + 1, u64::MAX] {
        assert_eq!(
            refused(&rsa(&n, &e.to_be_bytes())),
            KeyError::RsaExponent,
            "{e}"
        );
    }
    assert_eq!(refused(&rsa(&n, &[])), KeyError::RsaExponent);
    assert_eq!(refused(&rsa(&n, &n)), KeyError::RsaExponent);
}

#[test]
fn row11_an_ed25519_key_has_32_bytes() {
    let point = unb64(ED25519.jwk()["x"].as_str().unwrap());
    let longer = [&point[..], &[0]].concat();
    for wrong in [&[][..], &point[..31], &longer, &[7; 57], &[7; 64]] {
        let why = refused(&with(ED25519.jwk(), "x", b64(wrong)));
        assert_eq!(why, KeyError::PointLength { expected: 32 });
    }
}

#[test]
fn row14_padding_other_alphabets_and_trailing_bits_drop_the_key() {
    for (signer, members) in [
        (&*RSA, &["n", "e"][..]),
        (&*P256, &["x", "y"]),
        (&*P384, &["x"]),
        (&*ED25519, &["x"]),
    ] {
        for member in members {
            let jwk = signer.jwk();
            let text = jwk[*member].as_str().unwrap();
            let (start, end) = text.split_at(text.len() - 1);
            for wrong in [
                format!("{text}="),
                format!("{text} "),
                format!("{start}\n{end}"),
                format!("{start}+"),
            ] {
                assert_eq!(
                    refused(&with(jwk.clone(), member, wrong)),
                    KeyError::Base64(member)
                );
            }
        }
    }
    // 32 bytes leave two spare bits in the last character.
    let jwk = ED25519.jwk();
    let text = jwk["x"].as_str().unwrap();
    let last = text.as_bytes()[42];
    let spare = char::from(if last == b'_' { b'-' } else { last + 1 });
    let respelt = format!("{}{spare}", &text[..42]);
    assert_eq!(
        refused(&with(jwk.clone(), "x", respelt)),
        KeyError::Base64("x")
    );
}
