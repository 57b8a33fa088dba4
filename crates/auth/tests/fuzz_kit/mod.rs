//! What the fuzz tests of tokens have in common: the corpus, changes to it, JSON of any shape, tokens
//! whose signature is good whatever they say, and a second opinion about them.
#![allow(dead_code, reason = "each test uses its part")]
#![allow(clippy::unwrap_used, reason = "unwrap in a test is an assertion")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use portcullis_auth::fuzz::{SECRET, StillClock};
use portcullis_auth::{Attempt, JwtVerifier, Reason, Verdict};
use portcullis_testing::SigningKey;
use proptest::prelude::*;

pub(crate) mod json;
pub(crate) mod model;
mod strict;

/// A committed corpus, by file name. One line break at the end of a file is not part of it.
pub(crate) fn corpus(folder: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(folder);
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let mut bytes = fs::read(path).unwrap();
            if bytes.last() == Some(&b'\n') {
                bytes.pop();
            }
            (name, bytes)
        })
        .collect()
}

/// The corpus and its verdicts name the same files.
pub(crate) fn assert_named<V>(corpus: &BTreeMap<String, Vec<u8>>, verdicts: &[(&str, V)]) {
    let names: Vec<&str> = verdicts.iter().map(|(name, _)| *name).collect();
    let files: Vec<&str> = corpus.keys().map(String::as_str).collect();
    assert_eq!(
        files, names,
        "a file without a verdict, or the other way round"
    );
}

/// A token whose signature is good, whatever is in it.
pub(crate) fn sign(header: &[u8], payload: &[u8]) -> String {
    SigningKey::hmac(SECRET).sign_raw(header, payload)
}

pub(crate) fn judge(verifier: &JwtVerifier<StillClock>, token: &str) -> Result<(), Reason> {
    match verifier.explain(token) {
        Attempt::Done(Verdict::Valid(_)) => Ok(()),
        Attempt::Done(Verdict::Invalid(reason)) => Err(reason),
        other => panic!("{other:?} with a key that is there"),
    }
}

/// Two verdicts about one token are the same.
///
/// In what is no JSON, whichever fault comes first may be named.
pub(crate) fn assert_agreed(ours: Result<(), Reason>, theirs: Result<(), Reason>) {
    let not_json = theirs == Err(Reason::Malformed) && ours == Err(Reason::MalformedClaim);
    assert!(
        ours == theirs || not_json,
        "{ours:?}, and by the model {theirs:?}"
    );
}

/// One change to a document.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Set(usize, u8),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    Repeat(usize, usize),
}

/// A few changes, `pieces` among what is put in.
pub(crate) fn changes(pieces: &'static [&'static str]) -> impl Strategy<Value = Vec<Change>> {
    let at = any::<usize>();
    let change = prop_oneof![
        1 => (at, any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        1 => (at, prop::collection::vec(any::<u8>(), 0..9))
            .prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        3 => (at, prop::sample::select(pieces))
            .prop_map(|(at, piece)| Change::Insert(at, piece.into())),
        1 => (at, 0..40_usize).prop_map(|(at, length)| Change::Remove(at, length)),
        1 => (at, 0..200_usize).prop_map(|(at, length)| Change::Repeat(at, length)),
    ];
    prop::collection::vec(change, 0..6)
}

pub(crate) fn apply(document: &mut Vec<u8>, changes: &[Change]) {
    for change in changes {
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
}

/// Pieces of JSON that break it, or bend it.
pub(crate) const PIECES: &[&str] = &[
    "\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "\\",
    "\\u0000",
    "\\ud800",
    "\\ud83d\\ude00",
    "-1",
    "1e999",
    "0.5",
    ",\"x\":1",
    ",\"exp\":1",
    ",\"\\u0065xp\":1",
    ",\"alg\":\"none\"",
    ",\"crit\":[]",
    ",\"cnf\":{}",
    "[[[[",
    "\"$serde_json::private::Number\":",
    " ",
    "\n",
    "\0",
];
