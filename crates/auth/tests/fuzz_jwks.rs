//! Any bytes as a JWK Set: an answer, never a panic.
#![allow(clippy::unwrap_used, reason = "unwrap in a test is an assertion")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use portcullis_auth::fuzz::fuzz_jwks;
use portcullis_auth::key::{JwksOptions, parse_jwks};
use proptest::prelude::*;

/// The committed corpus, by file name.
fn corpus() -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/jwks");
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read(path).unwrap())
        })
        .collect()
}

/// How many keys a document keeps and drops, or the label of its refusal.
type Verdict = Result<(usize, usize), &'static str>;

const VERDICTS: &[(&str, Verdict)] = &[
    ("byte-order-mark.json", Err("jwks_malformed")),
    ("deep.json", Ok((1, 1))),
    ("duplicate-keys.json", Err("jwks_malformed")),
    ("duplicate-kid.json", Err("jwks_duplicate_kid")),
    ("duplicate-members.json", Ok((1, 2))),
    ("empty.json", Err("jwks_no_usable_key")),
    ("entra-like.json", Ok((2, 0))),
    ("every-type.json", Ok((4, 0))),
    ("google-like.json", Ok((3, 0))),
    ("hostile-kids.json", Ok((2, 2))),
    ("html.json", Err("jwks_malformed")),
    ("huge-numbers.json", Ok((1, 1))),
    ("keycloak-like.json", Ok((1, 1))),
    ("lone-surrogates.json", Ok((1, 2))),
    ("many-keys.json", Err("jwks_too_many_keys")),
    ("many-members.json", Ok((1, 1))),
    ("mixed-with-secret.json", Err("jwks_symmetric_key")),
    ("no-kid.json", Ok((1, 0))),
    ("not-utf8.json", Err("jwks_malformed")),
    ("nul.json", Err("jwks_malformed")),
    ("nulls.json", Ok((1, 0))),
    ("one-kid-two-types.json", Ok((3, 0))),
    ("only-encryption.json", Err("jwks_no_usable_key")),
    ("private-markers.json", Ok((1, 2))),
    ("private-part.json", Ok((1, 1))),
    ("too-deep-beside-keys.json", Err("jwks_malformed")),
    ("truncated.json", Err("jwks_malformed")),
    ("weak.json", Ok((1, 7))),
    ("wrong-types.json", Ok((1, 12))),
];

#[test]
fn every_document_of_the_corpus_has_its_verdict() {
    let corpus = corpus();
    assert!(
        corpus.keys().eq(VERDICTS.iter().map(|(name, _)| name)),
        "a file without a verdict"
    );
    for (name, expected) in VERDICTS {
        let parsed = parse_jwks(&corpus[*name], &JwksOptions::new());
        let verdict = match &parsed {
            Ok(parsed) => Ok((parsed.keys.len(), parsed.dropped.len())),
            Err(error) => Err(error.as_str()),
        };
        assert_eq!(verdict, *expected, "{name}: {parsed:?}");
    }
}

#[test]
fn the_corpus_breaks_no_promise() {
    for document in corpus().values() {
        fuzz_jwks(document);
        // And cut anywhere.
        for length in (0..document.len()).step_by(document.len() / 64 + 1) {
            fuzz_jwks(&document[..length]);
        }
    }
}

/// One change to a document.
#[derive(Clone, Debug)]
enum Change {
    Set(usize, u8),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    Repeat(usize, usize),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let token = prop::sample::select(vec![
        "\"",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "null",
        "\\u0000",
        "\\ud800",
        "-1",
        "1e999",
        "=",
        "\"kid\":",
        "\"alg\":\"HS256\",",
        "\"kty\":\"oct\",",
        "\"d\":\"AA\",",
        "\"use\":\"enc\",",
        "AQAB",
    ]);
    let at = any::<usize>();
    let change = prop_oneof![
        (at, any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (at, prop::collection::vec(any::<u8>(), 0..9))
            .prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (at, token).prop_map(|(at, token)| Change::Insert(at, token.into())),
        (at, 0..40_usize).prop_map(|(at, length)| Change::Remove(at, length)),
        (at, 0..400_usize).prop_map(|(at, length)| Change::Repeat(at, length)),
    ];
    prop::collection::vec(change, 1..8)
}

fn apply(document: &mut Vec<u8>, change: &Change) {
    let place = |at: usize| at % (document.len() + 1);
    match change {
        Change::Set(at, byte) => {
            let at = place(*at);
            if let Some(old) = document.get_mut(at) {
                *old = *byte;
            }
        }
        Change::Insert(at, bytes) => {
            let at = place(*at);
            document.splice(at..at, bytes.iter().copied());
        }
        Change::Remove(at, length) => {
            let at = place(*at);
            document.drain(at..document.len().min(at + length));
        }
        Change::Repeat(at, length) => {
            let at = place(*at);
            let piece = document[at..document.len().min(at + length)].to_vec();
            document.splice(at..at, piece);
        }
    }
}

/// A JSON value of any shape, short texts of key material among them.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
        "[A-Za-z0-9_-]{0,400}".prop_map(Into::into),
        prop::sample::select(vec![
            "RSA", "EC", "OKP", "oct", "P-256", "P-384", "Ed25519", "RS256", "ES256", "EdDSA",
            "sig", "enc", "verify", "AQAB",
        ])
        .prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 24, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
            prop::collection::hash_map(any::<String>(), inner, 0..8)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

fn members() -> impl Strategy<Value = serde_json::Value> {
    let name = prop::sample::select(vec![
        "kty", "crv", "kid", "alg", "use", "key_ops", "n", "e", "x", "y", "d", "k", "x5c",
    ]);
    prop::collection::hash_map(name.prop_map(String::from), json(), 0..12)
        .prop_map(|map| serde_json::Value::Object(map.into_iter().collect()))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_break_no_promise(bytes in prop::collection::vec(any::<u8>(), 0..2048)) {
        fuzz_jwks(&bytes);
    }

    #[test]
    fn a_changed_document_breaks_no_promise(pick in any::<prop::sample::Index>(), changes in changes()) {
        let mut documents: Vec<_> = corpus().into_values().collect();
        let mut document = documents.swap_remove(pick.index(documents.len()));
        for change in &changes {
            apply(&mut document, change);
        }
        fuzz_jwks(&document);
    }

    #[test]
    fn any_members_break_no_promise(keys in prop::collection::vec(members(), 0..6)) {
        fuzz_jwks(serde_json::json!({"keys": keys}).to_string().as_bytes());
    }
}
