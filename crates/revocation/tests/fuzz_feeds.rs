//! Any bytes as a form and as a client's credentials: an answer, never a panic, and one reading.
#![allow(clippy::unwrap_used, reason = "unwrap in a test is an assertion")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use portcullis_revocation::fuzz::{fuzz_basic, fuzz_form};
use proptest::prelude::*;

/// A committed corpus, by file name. One line break at the end of a file is not part of it.
fn corpus(folder: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(folder);
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let mut bytes = fs::read(path).unwrap();
            assert_eq!(bytes.pop(), Some(b'\n'));
            (name, bytes)
        })
        .collect()
}

/// How many parameters each has, or why it is none.
const FORMS: &[(&str, Result<usize, &str>)] = &[
    ("bad-percent", Err("malformed")),
    ("del", Err("malformed")),
    ("double-percent", Err("malformed")),
    ("empty", Ok(0)),
    ("empty-name", Ok(1)),
    ("empty-name-twice", Err("duplicate")),
    ("empty-value", Ok(1)),
    ("equals", Ok(1)),
    ("escaped", Ok(1)),
    ("good", Ok(2)),
    ("half-pair", Err("malformed")),
    ("half-percent", Err("malformed")),
    ("json", Ok(1)),
    ("line-break", Err("malformed")),
    ("long", Ok(1)),
    ("many", Ok(32)),
    ("no-value", Ok(1)),
    ("not-utf8", Err("malformed")),
    ("nul", Err("malformed")),
    ("only-separators", Ok(0)),
    ("overlong", Err("malformed")),
    ("plus", Ok(1)),
    ("raw-line-break", Err("malformed")),
    ("raw-not-utf8", Err("malformed")),
    ("semicolon", Ok(1)),
    ("stray-percent", Err("malformed")),
    ("tab", Err("malformed")),
    ("too-many", Err("too_many")),
    ("twice", Err("duplicate")),
    ("twice-empty", Err("duplicate")),
    ("twice-escaped", Err("duplicate")),
    ("utf8", Ok(1)),
];

/// The client and the secret of each, if it has them.
const CREDENTIALS: &[(&str, Option<(&str, &str)>)] = &[
    ("bad-percent", None),
    ("bearer", None),
    ("colon-in-secret", Some(("web", "a:b"))),
    ("control", None),
    ("empty-client", None),
    ("empty-secret", None),
    ("escaped", Some(("w:b", "a% b"))),
    ("good", Some(("web", "hunter2"))),
    ("lower", Some(("web", "x"))),
    ("no-colon", None),
    ("no-padding", None),
    ("no-space", None),
    ("not-base64", None),
    ("not-utf8", None),
    ("nothing", None),
    ("scheme-only", None),
    ("scheme-space", None),
    ("tab", None),
    ("two-spaces", Some(("web", "x"))),
    ("url-alphabet", None),
    ("utf8", Some(("wéb", "pässwörd"))),
];

#[test]
fn every_form_of_the_corpus_has_its_verdict() {
    let corpus = corpus("form");
    let names: Vec<&str> = FORMS.iter().map(|(name, _)| *name).collect();
    assert!(
        corpus.keys().eq(&names),
        "a file without a verdict: {:?}",
        corpus.keys()
    );
    for (name, expected) in FORMS {
        let found = fuzz_form(&corpus[*name]).map(|found| found.len());
        assert_eq!(found, *expected, "{name}");
    }
}

#[test]
fn all_credentials_of_the_corpus_have_their_verdict() {
    let corpus = corpus("basic");
    let names: Vec<&str> = CREDENTIALS.iter().map(|(name, _)| *name).collect();
    assert!(
        corpus.keys().eq(&names),
        "a file without a verdict: {:?}",
        corpus.keys()
    );
    for (name, expected) in CREDENTIALS {
        let found = fuzz_basic(&corpus[*name]);
        let found = found
            .as_ref()
            .map(|(client, secret)| (&**client, &**secret));
        assert_eq!(found, *expected, "{name}");
    }
}

#[test]
fn the_corpus_breaks_no_promise_cut_off_anywhere() {
    for bytes in corpus("form").values().chain(corpus("basic").values()) {
        for length in (0..bytes.len()).step_by(bytes.len() / 64 + 1) {
            let _ = (fuzz_form(&bytes[..length]), fuzz_basic(&bytes[..length]));
        }
    }
}

/// The encoding as the URL standard reads it, leniently: what is accepted reads the same.
fn plainly(form: &[u8]) -> Vec<(String, String)> {
    let decoded = |text: &[u8]| {
        let mut bytes = Vec::new();
        let mut rest = text;
        while let Some((first, after)) = rest.split_first() {
            let digits = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
            let byte = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
            match (first, byte) {
                (b'%', Some(byte)) => {
                    bytes.push(byte);
                    rest = &after[2..];
                    continue;
                }
                (b'+', _) => bytes.push(b' '),
                (other, _) => bytes.push(*other),
            }
            rest = after;
        }
        String::from_utf8_lossy(&bytes).into_owned()
    };
    form.split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let name = decoded(halves.next().unwrap_or_default());
            (name, decoded(halves.next().unwrap_or_default()))
        })
        .collect()
}

/// Bytes that mean something, more often than others.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        4 => prop::sample::select(b"&=%+ab0F2".to_vec()),
        1 => any::<u8>(),
    ];
    prop::collection::vec(byte, 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_form_that_is_accepted_reads_as_a_lenient_reader_reads_it(form in bytes()) {
        if let Ok(found) = fuzz_form(&form) {
            prop_assert_eq!(found, plainly(&form));
        }
    }

    #[test]
    fn any_bytes_break_no_promise(any in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = (fuzz_form(&any), fuzz_basic(&any));
        let _ = fuzz_basic(&[b"Basic ".as_slice(), &any].concat());
    }

    #[test]
    fn any_names_and_values_survive_being_written(
        pairs in prop::collection::btree_map("[^\\p{Cc}]{0,12}", "[^\\p{Cc}]{0,12}", 0..8)
    ) {
        let escaped = |text: &str| -> String {
            text.bytes().map(|byte| format!("%{byte:02x}")).collect()
        };
        let form: Vec<_> = pairs
            .iter()
            .map(|(name, value)| format!("{}={}", escaped(name), escaped(value)))
            .collect();
        let found = fuzz_form(form.join("&").as_bytes()).unwrap();
        prop_assert!(found.into_iter().eq(pairs));
    }
}
