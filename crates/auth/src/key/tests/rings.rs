//! Shared secrets: which are taken, and which tags they accept.

use aws_lc_rs::hmac;
use proptest::prelude::*;

use crate::key::{Algorithm, Backend, HmacError, HmacRing};

const HASHES: [(Algorithm, hmac::Algorithm, usize); 3] = [
    (Algorithm::HS256, hmac::HMAC_SHA256, 32),
    (Algorithm::HS384, hmac::HMAC_SHA384, 48),
    (Algorithm::HS512, hmac::HMAC_SHA512, 64),
];

fn tag(hash: hmac::Algorithm, secret: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hash, secret), message)
        .as_ref()
        .to_vec()
}

fn ring(backend: Backend, algorithm: Algorithm, secret: &[u8]) -> HmacRing {
    HmacRing::with_backend(backend, algorithm, secret).unwrap()
}

#[test]
fn row10_a_secret_is_at_least_as_long_as_the_hash() {
    for (algorithm, _, minimum) in HASHES {
        for length in [0, 1, minimum - 1] {
            let refused = HmacRing::new(algorithm, &vec![7; length]).unwrap_err();
            assert_eq!(refused, HmacError::TooShort { minimum });
            let ring = HmacRing::new(algorithm, &vec![8; minimum]).unwrap();
            let refused = ring.with_next(&vec![7; length]).unwrap_err();
            assert_eq!(refused, HmacError::TooShort { minimum });
        }
        assert!(HmacRing::new(algorithm, &vec![7; 10 * minimum]).is_ok());
    }
}

#[test]
fn row01_a_ring_has_an_hmac_algorithm() {
    for algorithm in Algorithm::ALL {
        let ring = HmacRing::new(algorithm, &[7; 64]);
        assert_eq!(ring.is_ok(), algorithm.is_symmetric());
        if let Err(refused) = ring {
            assert_eq!(refused, HmacError::NotHmac(algorithm));
        }
    }
}

#[test]
fn a_tag_of_the_current_or_the_next_secret_is_valid() {
    for backend in Backend::available() {
        for (algorithm, hash, length) in HASHES {
            let (current, next, other) = (vec![1; length], vec![2; length], vec![3; length]);
            let mut ring = ring(backend, algorithm, &current).with_next(&next).unwrap();
            for (uid, key) in (1..).zip(ring.keys_mut()) {
                key.set_uid(uid);
            }
            let used = |secret: &[u8]| {
                ring.verify(b"message", &tag(hash, secret, b"message"))
                    .map(|key| key.uid())
                    .ok()
            };
            assert_eq!(used(&current), Some(1));
            assert_eq!(used(&next), Some(2));
            assert_eq!(used(&other), None);
            assert_eq!((ring.algorithm(), ring.backend()), (algorithm, backend));
        }
    }
}

#[test]
fn the_next_secret_alone_is_not_yet_known() {
    for backend in Backend::available() {
        let ring = ring(backend, Algorithm::HS256, &[1; 32]);
        assert!(
            ring.verify(b"m", &tag(hmac::HMAC_SHA256, &[2; 32], b"m"))
                .is_err()
        );
        assert_eq!(ring.keys().count(), 1);
    }
}

#[test]
fn the_next_secret_differs_from_the_current_one() {
    let ring = HmacRing::new(Algorithm::HS256, &[1; 32]).unwrap();
    assert_eq!(ring.with_next(&[1; 32]).unwrap_err(), HmacError::SameSecret);
}

#[test]
fn row34_a_tag_is_compared_whole() {
    for backend in Backend::available() {
        for (algorithm, hash, length) in HASHES {
            let secret = vec![1; length];
            let ring = ring(backend, algorithm, &secret);
            let tag = tag(hash, &secret, b"message");
            assert!(ring.verify(b"message", &tag).is_ok());
            for length in 0..tag.len() {
                assert!(ring.verify(b"message", &tag[..length]).is_err());
            }
            assert!(ring.verify(b"message", &[&tag[..], &[0]].concat()).is_err());
        }
    }
}

#[test]
fn a_tag_is_of_one_hash() {
    let secret = [1; 64];
    for backend in Backend::available() {
        for (algorithm, _, _) in HASHES {
            for (made, hash, _) in HASHES {
                let verdict = ring(backend, algorithm, &secret)
                    .verify(b"m", &tag(hash, &secret, b"m"))
                    .is_ok();
                assert_eq!(verdict, algorithm == made);
            }
        }
    }
}

#[test]
fn material_ids_tell_secrets_and_algorithms_apart() {
    let id = |algorithm, byte: u8| {
        HmacRing::new(algorithm, &[byte; 64])
            .unwrap()
            .keys()
            .next()
            .unwrap()
            .material_id()
    };
    assert_eq!(id(Algorithm::HS256, 1), id(Algorithm::HS256, 1));
    assert_ne!(id(Algorithm::HS256, 1), id(Algorithm::HS256, 2));
    assert_ne!(id(Algorithm::HS256, 1), id(Algorithm::HS384, 1));
}

#[test]
fn debug_shows_nothing_of_a_secret() {
    for backend in Backend::available() {
        let ring = ring(
            backend,
            Algorithm::HS256,
            b"correct horse battery staple 123",
        );
        let id = ring.keys().next().unwrap().material_id();
        let shown = format!("{ring:?} {ring:#?} {id:?} {id:#?}");
        let digest = id.as_bytes();
        let hex = format!("{:02x}{:02x}", digest[0], digest[1]);
        let decimal = format!("{}, {}", digest[0], digest[1]);
        for secret in [
            "correct",
            "99, 111, 114",
            "636f7272",
            hex.as_str(),
            decimal.as_str(),
        ] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(shown.contains("HS256"));
    }
}

#[test]
fn every_refusal_has_its_own_label_and_a_remedy() {
    let all = [
        HmacError::NotHmac(Algorithm::RS256),
        HmacError::TooShort { minimum: 32 },
        HmacError::SameSecret,
        HmacError::BackendAbsent(Backend::RustCrypto),
    ];
    let labels: std::collections::HashSet<_> = all.iter().map(HmacError::as_str).collect();
    assert_eq!(labels.len(), all.len());
    assert!(all.iter().all(|error| error.to_string().contains(": ")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_message_verifies_and_any_flipped_bit_is_refused(
        secret in proptest::collection::vec(any::<u8>(), 64..300),
        message in proptest::collection::vec(any::<u8>(), 1..600),
        bit in any::<usize>(),
    ) {
        let flip = |bytes: &[u8]| {
            let mut flipped = bytes.to_vec();
            flipped[bit / 8 % bytes.len()] ^= 1 << (bit % 8);
            flipped
        };
        for backend in Backend::available() {
            for (algorithm, hash, _) in HASHES {
                let tag = tag(hash, &secret, &message);
                let ring = ring(backend, algorithm, &secret);
                prop_assert!(ring.verify(&message, &tag).is_ok());
                prop_assert!(ring.verify(&flip(&message), &tag).is_err());
                prop_assert!(ring.verify(&message, &flip(&tag)).is_err());
            }
        }
    }
}
