//! Any bytes as the header of a token: an answer, never a panic, and one reading.

mod fuzz_kit;

use fuzz_kit::model::{RULES, expected};
use fuzz_kit::{PIECES, apply, assert_agreed, assert_named, changes, corpus, json, judge, sign};
use portcullis_auth::Reason;
use portcullis_auth::fuzz::{fuzz_header, verifiers};
use proptest::prelude::*;

/// What becomes of good claims under each header.
const VERDICTS: &[(&str, Result<(), Reason>)] = &[
    ("alg-list", Err(Reason::Malformed)),
    ("alg-null", Err(Reason::Malformed)),
    ("alg-twice", Err(Reason::Malformed)),
    ("alg-twice-escaped", Err(Reason::Malformed)),
    ("array", Err(Reason::Malformed)),
    ("b64-false", Err(Reason::UnsupportedHeader)),
    ("byte-order-mark", Err(Reason::Malformed)),
    ("crit", Err(Reason::UnsupportedHeader)),
    ("crit-empty", Err(Reason::UnsupportedHeader)),
    ("crit-null-escaped", Err(Reason::UnsupportedHeader)),
    ("deep", Err(Reason::Malformed)),
    ("deep-31", Ok(())),
    ("dpop", Err(Reason::TokenType)),
    ("empty-object", Err(Reason::Algorithm)),
    ("enc", Err(Reason::UnsupportedHeader)),
    ("good", Ok(())),
    ("half-pair", Err(Reason::Malformed)),
    ("huge-number", Err(Reason::Malformed)),
    ("kid-256", Ok(())),
    ("kid-line-break", Err(Reason::UnknownKey)),
    ("kid-list", Err(Reason::Malformed)),
    ("kid-long", Err(Reason::UnknownKey)),
    ("kid-null", Err(Reason::UnknownKey)),
    ("kid-number", Err(Reason::UnknownKey)),
    ("kid-object", Err(Reason::Malformed)),
    ("nested", Err(Reason::UnsupportedHeader)),
    ("never-closed", Err(Reason::Malformed)),
    ("none", Err(Reason::Algorithm)),
    ("not-utf8", Err(Reason::Malformed)),
    ("nul", Err(Reason::Malformed)),
    ("own-key", Ok(())),
    ("private-name", Err(Reason::Malformed)),
    ("rs256", Err(Reason::Algorithm)),
    ("two-objects", Err(Reason::Malformed)),
    ("typ-control", Err(Reason::Malformed)),
    ("typed-jwt", Ok(())),
    ("untyped", Ok(())),
    ("white-space", Ok(())),
    ("wide", Err(Reason::Malformed)),
    ("with-kid", Ok(())),
    ("zip", Err(Reason::UnsupportedHeader)),
];

/// Judges good claims under this header, signed.
fn check(header: &[u8]) {
    fuzz_header(header);
    let claims = json::good_claims().to_string().into_bytes();
    let token = sign(header, &claims);
    if header.is_empty() || token.len() > 8_192 {
        return;
    }
    for (rule, verifier) in RULES.into_iter().zip(verifiers()) {
        assert_agreed(judge(verifier, &token), expected(rule, header, &claims));
    }
}

#[test]
fn every_header_of_the_corpus_has_its_verdict() {
    let corpus = corpus("header");
    assert_named(&corpus, VERDICTS);
    let [any, ..] = verifiers();
    for (name, expected) in VERDICTS {
        let token = sign(&corpus[*name], json::good_claims().to_string().as_bytes());
        assert_eq!(judge(any, &token), *expected, "{name}");
    }
}

#[test]
fn the_corpus_breaks_no_promise_cut_off_anywhere() {
    for header in corpus("header").values() {
        check(header);
        for length in (0..header.len()).step_by(header.len() / 64 + 1) {
            check(&header[..length]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_break_no_promise(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        check(&bytes);
    }

    #[test]
    fn any_json_breaks_no_promise(value in json::value()) {
        check(value.to_string().as_bytes());
    }

    #[test]
    fn any_members_are_read_as_a_second_reader_reads_them(header in json::header()) {
        check(header.to_string().as_bytes());
    }

    #[test]
    fn a_changed_header_is_read_as_a_second_reader_reads_it(
        pick in any::<prop::sample::Index>(),
        changes in changes(PIECES),
    ) {
        let mut headers: Vec<_> = corpus("header").into_values().collect();
        let mut header = headers.swap_remove(pick.index(headers.len()));
        apply(&mut header, &changes);
        check(&header);
    }
}
