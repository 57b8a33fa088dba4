//! What counts as a valid signature, the same with every backend.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair,
};
use proptest::prelude::*;
use rsa::pkcs8::DecodePrivateKey;
use rsa::rand_core::{CryptoRng, RngCore};
use rsa::signature::{RandomizedSigner, SignatureEncoding};
use sha2::{Digest as _, Sha256};

use super::kit::{ED25519, P256, P384, RSA, Signer, signers};
use crate::key::{Algorithm, Backend, BadSignature, VerifyingKey};

const MESSAGE: &[u8] = b"eyJhbGciOiJFUzI1NiJ9.e30";

/// The order of the group of P-256 and of P-384 (FIPS 186-4 §D.1.2).
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];
const P384_ORDER: [u8; 48] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf,
    0x58, 0x1a, 0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73,
];

fn curves() -> [(&'static Signer, Algorithm, &'static [u8]); 2] {
    [
        (&P256, Algorithm::ES256, &P256_ORDER),
        (&P384, Algorithm::ES384, &P384_ORDER),
    ]
}

/// What both ways to check a signature say: one and the same, with the hash of what was signed.
fn verify(
    key: &VerifyingKey,
    algorithm: Algorithm,
    message: &[u8],
    signature: &[u8],
) -> Result<(), BadSignature> {
    let verdict = key.verify(algorithm, message, signature);
    let hashed = key.verify_hashing(algorithm, message, signature);
    let expected: [u8; 32] = Sha256::digest(message).into();
    assert_eq!(hashed, verdict.map(|()| expected), "{algorithm}");
    verdict
}

fn keys(signer: &Signer) -> Vec<VerifyingKey> {
    Backend::available()
        .map(|backend| signer.key(backend))
        .collect()
}

/// `left - right`, both big-endian and of one length.
fn minus(left: &[u8], right: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let mut difference: Vec<u8> = left
        .iter()
        .zip(right)
        .rev()
        .map(|(left, right)| {
            let digit = i16::from(*left) - i16::from(*right) - borrow;
            borrow = i16::from(digit < 0);
            digit.rem_euclid(256) as u8
        })
        .collect();
    difference.reverse();
    difference
}

#[test]
fn a_key_verifies_with_its_algorithms_and_no_other() {
    for signer in signers() {
        for key in keys(signer) {
            for signed in key.algorithms().iter() {
                let signature = signer.sign(signed, MESSAGE);
                for algorithm in Algorithm::ALL {
                    let verdict = verify(&key, algorithm, MESSAGE, &signature);
                    assert_eq!(
                        verdict.is_ok(),
                        algorithm == signed,
                        "{signed} as {algorithm}"
                    );
                }
            }
        }
    }
}

#[test]
fn another_key_of_the_same_type_refuses() {
    let other = Signer::Ed25519(aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap());
    let signature = other.sign(Algorithm::EdDSA, MESSAGE);
    for key in keys(&ED25519) {
        assert_eq!(
            verify(&key, Algorithm::EdDSA, MESSAGE, &signature),
            Err(BadSignature(()))
        );
    }
}

#[test]
fn row12_ecdsa_of_the_wrong_length_is_refused() {
    for (signer, algorithm, order) in curves() {
        let signature = signer.sign(algorithm, MESSAGE);
        assert_eq!(signature.len(), 2 * order.len());
        let longer = [&signature[..], &[0]].concat();
        let padded = [&[0], &signature[..]].concat();
        let (r, s) = signature.split_at(order.len());
        let wide = [&[0], r, &[0], s].concat();
        for key in keys(signer) {
            assert!(verify(&key, algorithm, MESSAGE, &signature).is_ok());
            for length in 0..signature.len() {
                assert!(verify(&key, algorithm, MESSAGE, &signature[..length]).is_err());
            }
            for wrong in [&longer, &padded, &wide] {
                assert!(verify(&key, algorithm, MESSAGE, wrong).is_err());
            }
        }
    }
}

#[test]
fn row12_ecdsa_in_der_is_refused() {
    for (signer, algorithm, _) in curves() {
        let (Signer::P256(pair) | Signer::P384(pair)) = signer else {
            unreachable!()
        };
        let form = match algorithm {
            Algorithm::ES256 => &ECDSA_P256_SHA256_ASN1_SIGNING,
            _ => &ECDSA_P384_SHA384_ASN1_SIGNING,
        };
        let pkcs8 = pair.to_pkcs8v1().unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(form, pkcs8.as_ref()).unwrap();
        let der = pair.sign(&SystemRandom::new(), MESSAGE).unwrap();
        for key in keys(signer) {
            assert!(verify(&key, algorithm, MESSAGE, der.as_ref()).is_err());
        }
    }
}

#[test]
fn row12_ecdsa_r_and_s_are_above_zero_and_below_the_order() {
    for (signer, algorithm, order) in curves() {
        let signature = signer.sign(algorithm, MESSAGE);
        let (r, s) = signature.split_at(order.len());
        let zero = vec![0; order.len()];
        let mut next = order.to_vec();
        *next.last_mut().unwrap() += 1;
        let most = vec![0xff; order.len()];
        for key in keys(signer) {
            for wrong in [&zero[..], order, &next, &most] {
                for forged in [[wrong, s], [r, wrong], [wrong, wrong]] {
                    assert!(verify(&key, algorithm, MESSAGE, &forged.concat()).is_err());
                }
            }
        }
    }
}

#[test]
fn row13_the_high_s_twin_of_a_signature_is_valid() {
    for (signer, algorithm, order) in curves() {
        let signature = signer.sign(algorithm, MESSAGE);
        let (r, s) = signature.split_at(order.len());
        let twin = [r, &minus(order, s)].concat();
        assert_ne!(twin, signature);
        for key in keys(signer) {
            assert!(verify(&key, algorithm, MESSAGE, &signature).is_ok());
            assert!(
                verify(&key, algorithm, MESSAGE, &twin).is_ok(),
                "{algorithm}"
            );
        }
    }
}

/// 2^252 + 27742317777372353535851937790883648493, little-endian (RFC 8032 §5.1).
const ED25519_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

#[test]
fn ed25519_has_no_twin() {
    let signature = ED25519.sign(Algorithm::EdDSA, MESSAGE);
    let (r, s) = signature.split_at(32);
    let mut carry = 0;
    let twin: Vec<u8> = s
        .iter()
        .zip(ED25519_ORDER)
        .map(|(left, right)| {
            let digit = u16::from(*left) + u16::from(right) + carry;
            carry = digit >> 8;
            digit.to_le_bytes()[0]
        })
        .collect();
    for key in keys(&ED25519) {
        assert!(verify(&key, Algorithm::EdDSA, MESSAGE, &signature).is_ok());
        assert!(verify(&key, Algorithm::EdDSA, MESSAGE, &[r, &twin].concat()).is_err());
        for length in [0, 32, 63] {
            assert!(verify(&key, Algorithm::EdDSA, MESSAGE, &signature[..length]).is_err());
        }
    }
}

/// Numbers that repeat from run to run; here only salts come from them.
struct Counting(u64);

impl RngCore for Counting {
    fn next_u32(&mut self) -> u32 {
        self.next_u64() as u32
    }

    fn next_u64(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        self.0
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        bytes.fill_with(|| self.next_u64().to_be_bytes()[0]);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rsa::rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for Counting {}

#[test]
fn pss_takes_a_salt_of_the_hash_length_and_no_other() {
    let Signer::Rsa(pair) = &*RSA else {
        unreachable!()
    };
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let private = rsa::RsaPrivateKey::from_pkcs8_der(der.as_ref()).unwrap();
    for (salt, valid) in [
        (0, false),
        (20, false),
        (31, false),
        (32, true),
        (33, false),
        (222, false),
    ] {
        let signer = rsa::pss::SigningKey::<sha2::Sha256>::new_with_salt_len(private.clone(), salt);
        let signature = signer
            .sign_with_rng(&mut Counting(salt as u64), MESSAGE)
            .to_vec();
        for key in keys(&RSA) {
            let verdict = verify(&key, Algorithm::PS256, MESSAGE, &signature);
            assert_eq!(
                verdict.is_ok(),
                valid,
                "salt of {salt} bytes, {}",
                key.backend()
            );
        }
    }
}

#[test]
fn rsa_of_the_wrong_length_is_refused() {
    for algorithm in [Algorithm::RS256, Algorithm::PS256] {
        let signature = RSA.sign(algorithm, MESSAGE);
        let longer = [&[0], &signature[..]].concat();
        for key in keys(&RSA) {
            for wrong in [
                &signature[1..],
                &signature[..255],
                &longer,
                &[0xff; 256],
                &[0; 256],
                &[],
            ] {
                assert!(verify(&key, algorithm, MESSAGE, wrong).is_err());
            }
        }
    }
}

fn flip(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    flipped[bit / 8 % bytes.len()] ^= 1 << (bit % 8);
    flipped
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_message_verifies_and_any_flipped_bit_is_refused(
        message in proptest::collection::vec(any::<u8>(), 1..1500),
        bit in any::<usize>(),
    ) {
        for signer in signers() {
            let keys = keys(signer);
            for algorithm in keys[0].algorithms().iter() {
                let signature = signer.sign(algorithm, &message);
                for key in &keys {
                    prop_assert!(verify(key, algorithm, &message, &signature).is_ok());
                    prop_assert!(verify(key, algorithm, &flip(&message, bit), &signature).is_err());
                    prop_assert!(verify(key, algorithm, &message, &flip(&signature, bit)).is_err());
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_no_signature(signature in proptest::collection::vec(any::<u8>(), 0..600)) {
        for signer in signers() {
            for key in keys(signer) {
                for algorithm in Algorithm::ALL {
                    prop_assert!(verify(&key, algorithm, MESSAGE, &signature).is_err());
                }
            }
        }
    }
}
