//! The one key of a token: the lookup table against a plain search.

use proptest::prelude::*;

use super::kit::{ED25519, P256, RSA, Signer};
use crate::key::{
    Algorithm, AlgorithmSet, KeySpec, KeyTable, LookupError, MAX_KID_BYTES, VerifyingKey,
};

fn key(signer: &Signer, kid: Option<&str>, algorithms: AlgorithmSet) -> VerifyingKey {
    let mut spec = KeySpec::new().with_algorithms(algorithms);
    if let Some(kid) = kid {
        spec = spec.with_kid(kid);
    }
    VerifyingKey::from_jwk(&signer.jwk().to_string(), &spec).unwrap()
}

fn rsa(kid: Option<&str>, algorithm: Algorithm) -> VerifyingKey {
    key(&RSA, kid, algorithm.into())
}

fn table(keys: Vec<VerifyingKey>) -> KeyTable {
    KeyTable::new(keys).unwrap()
}

#[test]
fn a_kid_finds_its_key_for_its_algorithms_only() {
    let table = table(vec![
        key(&RSA, Some("a"), AlgorithmSet::RSA),
        key(&P256, Some("b"), Algorithm::ES256.into()),
    ]);
    assert_eq!(
        table.find(Some("a"), Algorithm::PS384).unwrap().kid(),
        Some("a")
    );
    assert_eq!(
        table.find(Some("b"), Algorithm::ES256).unwrap().kid(),
        Some("b")
    );
    for algorithm in [Algorithm::ES256, Algorithm::HS256] {
        let missed = table.find(Some("a"), algorithm).unwrap_err();
        assert_eq!(missed, LookupError::AlgorithmMismatch);
        assert!(!missed.may_heal());
    }
    assert_eq!(table.len(), 2);
}

#[test]
fn row03_hostile_kids_are_only_unknown() {
    let table = table(vec![
        rsa(Some("a"), Algorithm::RS256),
        rsa(None, Algorithm::PS256),
    ]);
    for kid in [
        "",
        "A",
        "a ",
        "../a",
        "a\0",
        "' OR 1=1 --",
        "null",
        "0",
        &"k".repeat(MAX_KID_BYTES),
    ] {
        let missed = table.find(Some(kid), Algorithm::RS256).unwrap_err();
        assert_eq!(missed, LookupError::UnknownKid, "{kid:?}");
        assert!(missed.may_heal());
    }
    let long = "k".repeat(10_240);
    let missed = table.find(Some(&long), Algorithm::RS256).unwrap_err();
    assert_eq!(missed, LookupError::KidTooLong);
    assert!(!missed.may_heal());
}

#[test]
fn row04_no_kid_finds_the_only_key_for_the_algorithm() {
    let table = table(vec![
        rsa(Some("named"), Algorithm::RS256),
        rsa(None, Algorithm::PS256),
        key(&ED25519, Some("x"), Algorithm::EdDSA.into()),
        key(&ED25519, None, Algorithm::EdDSA.into()),
    ]);
    assert_eq!(
        table.find(None, Algorithm::RS256).unwrap().kid(),
        Some("named")
    );
    assert_eq!(table.find(None, Algorithm::PS256).unwrap().kid(), None);
    assert_eq!(
        table.find(None, Algorithm::EdDSA).unwrap_err(),
        LookupError::Ambiguous
    );
    assert_eq!(
        table.find(None, Algorithm::ES256).unwrap_err(),
        LookupError::NoKey
    );
    assert_eq!(
        table.find(None, Algorithm::HS256).unwrap_err(),
        LookupError::NoKey
    );
}

#[test]
fn row05_a_token_can_never_have_two_keys() {
    let both = vec![
        rsa(Some("a"), Algorithm::RS256),
        key(&RSA, Some("a"), AlgorithmSet::RSA),
    ];
    let duplicate = KeyTable::new(both).unwrap_err();
    assert_eq!(duplicate.kid().as_str(), "a");
    assert!(
        duplicate
            .to_string()
            .starts_with(r#"`kid` "a" names two keys"#)
    );
}

#[test]
fn an_empty_table_finds_nothing() {
    for table in [KeyTable::default(), table(vec![])] {
        assert!(table.is_empty() && table.keys().is_empty());
        assert_eq!(
            table.find(None, Algorithm::RS256).unwrap_err(),
            LookupError::NoKey
        );
        assert_eq!(
            table.find(Some("a"), Algorithm::RS256).unwrap_err(),
            LookupError::UnknownKid
        );
    }
}

#[test]
fn every_miss_has_its_own_label() {
    let all = [
        LookupError::UnknownKid,
        LookupError::AlgorithmMismatch,
        LookupError::KidTooLong,
        LookupError::NoKey,
        LookupError::Ambiguous,
    ];
    let labels: std::collections::HashSet<_> = all.iter().map(LookupError::as_str).collect();
    assert_eq!(labels.len(), all.len());
}

#[test]
fn keys_and_tables_are_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<KeyTable>();
    shared::<VerifyingKey>();
    shared::<crate::key::HmacRing>();
}

const KIDS: [Option<&str>; 4] = [None, Some("a"), Some("b"), Some("c")];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_table_agrees_with_a_search_of_the_list(
        made in proptest::collection::vec(
            (0..KIDS.len(), 1_u8..64),
            0..8,
        ),
    ) {
        let list: Vec<(Option<&str>, AlgorithmSet)> = made
            .iter()
            .map(|(kid, bits)| {
                let set = AlgorithmSet::RSA.iter().enumerate();
                let set = set.filter(|(at, _)| bits >> at & 1 == 1).map(|(_, algorithm)| algorithm);
                (KIDS[*kid], set.collect())
            })
            .collect();
        let clash = list.iter().enumerate().any(|(at, (kid, set))| {
            kid.is_some()
                && list[..at].iter().any(|(other, taken)| other == kid && !taken.is_disjoint(*set))
        });
        let keys = list.iter().enumerate().map(|(at, (kid, set))| {
            let mut key = key(&RSA, *kid, *set);
            key.set_uid(at as u64);
            key
        });
        let table = KeyTable::new(keys.collect());
        prop_assert_eq!(table.is_err(), clash);
        let Ok(table) = table else { return Ok(()) };
        for kid in KIDS {
            for algorithm in Algorithm::ALL {
                let fits: Vec<u64> = list
                    .iter()
                    .enumerate()
                    .filter(|(_, (other, set))| {
                        (kid.is_none() || *other == kid) && set.contains(algorithm)
                    })
                    .map(|(at, _)| at as u64)
                    .collect();
                let expected = match (kid, fits.as_slice()) {
                    (_, [only]) => Ok(*only),
                    (None, []) => Err(LookupError::NoKey),
                    (None, _) => Err(LookupError::Ambiguous),
                    (Some(_), _) if list.iter().any(|(other, _)| *other == kid) => {
                        Err(LookupError::AlgorithmMismatch)
                    }
                    (Some(_), _) => Err(LookupError::UnknownKid),
                };
                prop_assert_eq!(table.find(kid, algorithm).map(|key| key.uid()), expected);
            }
        }
    }
}
