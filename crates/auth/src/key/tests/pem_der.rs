//! Public keys in PEM, DER, and from `jsonwebtoken`.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::signature::{
    ECDSA_P256K1_SHA256_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
};
use jsonwebtoken::DecodingKey;
use pem::{EncodeConfig, LineEnding, Pem};
use proptest::prelude::*;

use super::kit::{ED25519, P256, P384, RSA, Signer, load, signers};
use crate::key::{Algorithm, AlgorithmSet, KeyError, KeySpec, VerifyingKey};

fn pem(label: &str, contents: &[u8]) -> Vec<u8> {
    let config = EncodeConfig::new().set_line_ending(LineEnding::LF);
    pem::encode_config(&Pem::new(label, contents), config).into_bytes()
}

fn pkcs1() -> Vec<u8> {
    let Signer::Rsa(pair) = &*RSA else {
        unreachable!()
    };
    pair.public_key().as_ref().to_vec()
}

fn from_pem(text: &[u8]) -> Result<VerifyingKey, KeyError> {
    VerifyingKey::from_pem(text, &KeySpec::new())
}

fn from_der(der: &[u8]) -> Result<VerifyingKey, KeyError> {
    VerifyingKey::from_der(der, &KeySpec::new())
}

#[test]
fn every_form_of_a_key_is_the_same_key() {
    for signer in signers() {
        let id = load(&signer.jwk()).unwrap().material_id();
        let spki = signer.spki();
        assert_eq!(from_der(&spki).unwrap().material_id(), id);
        assert_eq!(
            from_pem(&pem("PUBLIC KEY", &spki)).unwrap().material_id(),
            id
        );
    }
    let id = load(&RSA.jwk()).unwrap().material_id();
    assert_eq!(from_der(&pkcs1()).unwrap().material_id(), id);
    assert_eq!(
        from_pem(&pem("RSA PUBLIC KEY", &pkcs1()))
            .unwrap()
            .material_id(),
        id
    );
}

#[test]
fn a_key_from_pem_verifies() {
    let spec = KeySpec::new()
        .with_kid("file")
        .with_algorithms(Algorithm::PS512);
    let key = VerifyingKey::from_pem(&pem("PUBLIC KEY", &RSA.spki()), &spec).unwrap();
    assert_eq!(
        (key.kid(), key.algorithms()),
        (Some("file"), Algorithm::PS512.into())
    );
    let signature = RSA.sign(Algorithm::PS512, b"message");
    assert!(key.verify(Algorithm::PS512, b"message", &signature).is_ok());
    assert!(
        key.verify(
            Algorithm::RS512,
            b"message",
            &RSA.sign(Algorithm::RS512, b"message")
        )
        .is_err()
    );
}

#[test]
fn a_spec_that_allows_nothing_of_the_key_is_an_error() {
    let spec = KeySpec::new().with_algorithms(AlgorithmSet::HMAC);
    let why = VerifyingKey::from_der(&P256.spki(), &spec).unwrap_err();
    assert_eq!(
        why,
        KeyError::AlgorithmMismatch {
            fits: Algorithm::ES256.into()
        }
    );
}

#[test]
fn certificates_and_private_keys_are_told_apart() {
    let Signer::Rsa(pair) = &*RSA else {
        unreachable!()
    };
    let private: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    for label in [
        "PRIVATE KEY",
        "RSA PRIVATE KEY",
        "EC PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
    ] {
        assert_eq!(
            from_pem(&pem(label, private.as_ref())).unwrap_err(),
            KeyError::Private
        );
    }
    // Whatever is inside, it is not searched for a key.
    let certificate = pem("CERTIFICATE", &RSA.spki());
    assert_eq!(
        from_pem(&certificate).unwrap_err(),
        KeyError::PemCertificate
    );
    assert_eq!(
        from_pem(&pem("EC PARAMETERS", &P256.spki())).unwrap_err(),
        KeyError::PemLabel
    );
    assert_eq!(from_der(private.as_ref()).unwrap_err(), KeyError::DerFormat);
}

#[test]
fn a_label_must_tell_the_truth() {
    assert_eq!(
        from_pem(&pem("PUBLIC KEY", &pkcs1())).unwrap_err(),
        KeyError::DerFormat
    );
    assert_eq!(
        from_pem(&pem("RSA PUBLIC KEY", &RSA.spki())).unwrap_err(),
        KeyError::DerFormat
    );
}

#[test]
fn anything_but_one_block_is_refused() {
    let block = pem("PUBLIC KEY", &P256.spki());
    let two = [&block[..], &block].concat();
    for text in [
        &b""[..],
        b"\n",
        b"not PEM",
        &block[..block.len() / 2],
        &two,
        b"\xff\xfe",
    ] {
        assert_eq!(from_pem(text).unwrap_err(), KeyError::PemFormat);
    }
    let surrounded = [b"a comment\n", &block[..], b"\n"].concat();
    assert!(from_pem(&surrounded).is_ok());
}

#[test]
fn other_curves_are_named_as_such() {
    for form in [
        &ECDSA_P521_SHA512_FIXED_SIGNING,
        &ECDSA_P256K1_SHA256_FIXED_SIGNING,
    ] {
        let pair = EcdsaKeyPair::generate(form).unwrap();
        let der = pair.public_key().as_der().unwrap();
        assert_eq!(
            from_der(der.as_ref()).unwrap_err(),
            KeyError::UnsupportedCurve
        );
    }
}

#[test]
fn a_cut_or_extended_der_is_refused() {
    for der in [
        RSA.spki(),
        P256.spki(),
        P384.spki(),
        ED25519.spki(),
        pkcs1(),
    ] {
        for length in 0..der.len() {
            assert!(from_der(&der[..length]).is_err());
        }
        assert!(from_der(&[&der[..], &[0]].concat()).is_err());
    }
}

#[test]
fn lengths_and_numbers_have_one_spelling() {
    // The outer length in three bytes, though two are enough.
    let der = RSA.spki();
    assert_eq!(&der[..2], [0x30, 0x82]);
    let respelt = [&[0x30, 0x83, 0x00], &der[2..]].concat();
    assert_eq!(from_der(&respelt).unwrap_err(), KeyError::DerFormat);
    let indefinite = [&[0x30, 0x80], &der[4..], &[0, 0]].concat();
    assert_eq!(from_der(&indefinite).unwrap_err(), KeyError::DerFormat);
    // INTEGER 3 as 00 03, and -1.
    for exponent in [
        &[0x02, 0x02, 0x00, 0x03][..],
        &[0x02, 0x01, 0xff],
        &[0x02, 0x00],
    ] {
        let n = [&[0x02, 0x82, 0x01, 0x01, 0x00, 0x80][..], &[1; 255]].concat();
        let body = [&n[..], exponent].concat();
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        let key = [&[0x30, 0x82], &length[..], &body].concat();
        assert_eq!(from_der(&key).unwrap_err(), KeyError::DerFormat);
    }
}

#[test]
fn keys_of_jsonwebtoken_are_taken_over() {
    let spec = KeySpec::new();
    let block = |signer: &Signer| pem("PUBLIC KEY", &signer.spki());
    let jwk = |signer: &Signer| {
        DecodingKey::from_jwk(&serde_json::from_value(signer.jwk()).unwrap()).unwrap()
    };
    let all = [
        (&*RSA, DecodingKey::from_rsa_pem(&block(&RSA)).unwrap()),
        (
            &*RSA,
            DecodingKey::from_rsa_pem(&pem("RSA PUBLIC KEY", &pkcs1())).unwrap(),
        ),
        (&*RSA, DecodingKey::from_rsa_der(&pkcs1())),
        (&*RSA, jwk(&RSA)),
        (&*P256, DecodingKey::from_ec_pem(&block(&P256)).unwrap()),
        (&*P256, DecodingKey::from_ec_der(&P256.spki())),
        (&*P256, jwk(&P256)),
        (&*P384, DecodingKey::from_ec_pem(&block(&P384)).unwrap()),
        (&*P384, jwk(&P384)),
        (
            &*ED25519,
            DecodingKey::from_ed_pem(&block(&ED25519)).unwrap(),
        ),
        (&*ED25519, DecodingKey::from_ed_der(&ED25519.spki())),
        (&*ED25519, jwk(&ED25519)),
    ];
    for (signer, theirs) in all {
        let ours = VerifyingKey::from_decoding_key(&theirs, &spec).unwrap();
        assert_eq!(
            ours.material_id(),
            load(&signer.jwk()).unwrap().material_id()
        );
    }
}

#[test]
fn unsafe_keys_of_jsonwebtoken_are_refused() {
    let spec = KeySpec::new();
    let refused = |key: DecodingKey| VerifyingKey::from_decoding_key(&key, &spec).unwrap_err();
    assert_eq!(
        refused(DecodingKey::from_secret(&[7; 64])),
        KeyError::Symmetric
    );
    assert_eq!(
        refused(DecodingKey::from_rsa_raw_components(
            &[0xff; 128],
            &[1, 0, 1]
        )),
        KeyError::RsaModulusSize { bits: 1024 }
    );
    assert_eq!(
        refused(DecodingKey::from_ed_der(&[9; 31])),
        KeyError::DerFormat
    );
    assert_eq!(
        refused(DecodingKey::from_ec_der(&[4; 65])),
        KeyError::PointNotOnCurve
    );
    assert_eq!(refused(DecodingKey::from_ec_der(&[])), KeyError::DerFormat);
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(from_der(&bytes).is_err());
        prop_assert!(from_pem(&bytes).is_err());
    }

    #[test]
    fn a_changed_byte_never_gives_the_same_key(position in any::<usize>(), change in 1_u8..) {
        for der in [RSA.spki(), P256.spki(), ED25519.spki()] {
            let mut changed = der.clone();
            let position = position % der.len();
            changed[position] ^= change;
            if let Ok(key) = from_der(&changed) {
                prop_assert_ne!(key.material_id(), from_der(&der).unwrap().material_id());
            }
        }
    }
}
