//! Any bytes as a token: an answer, never a panic.

mod fuzz_kit;

use fuzz_kit::model::{RULES, expected};
use fuzz_kit::{PIECES, apply, assert_named, changes, corpus, json, judge, sign};
use portcullis_auth::Reason;
use portcullis_auth::fuzz::{fuzz_token, verifiers};
use proptest::prelude::*;

/// What becomes of each token where any type of token is taken.
const VERDICTS: &[(&str, Result<(), Reason>)] = &[
    ("dots", Err(Reason::Malformed)),
    ("empty", Err(Reason::MalformedCredential)),
    ("expired", Err(Reason::Expired)),
    ("five-parts", Err(Reason::Malformed)),
    ("forged", Err(Reason::Signature)),
    ("good", Ok(())),
    ("inner-padding", Err(Reason::MalformedCredential)),
    ("jwe", Err(Reason::Malformed)),
    ("long-signature", Err(Reason::Malformed)),
    ("nested", Err(Reason::Malformed)),
    ("no-signature", Err(Reason::Malformed)),
    ("none", Err(Reason::Algorithm)),
    ("padded", Err(Reason::Malformed)),
    ("short-signature", Err(Reason::Signature)),
    ("standard-alphabet", Err(Reason::Malformed)),
    ("stray-bits", Err(Reason::Malformed)),
    ("too-large", Err(Reason::TooLarge)),
    ("two-parts", Err(Reason::Malformed)),
    ("unicode", Err(Reason::MalformedCredential)),
    ("white-space", Err(Reason::MalformedCredential)),
];

#[test]
fn every_token_of_the_corpus_has_its_verdict() {
    let corpus = corpus("token");
    assert_named(&corpus, VERDICTS);
    let [any, ..] = verifiers();
    for (name, expected) in VERDICTS {
        let token = String::from_utf8_lossy(&corpus[*name]);
        assert_eq!(judge(any, &token), *expected, "{name}");
    }
}

#[test]
fn the_corpus_breaks_no_promise_cut_off_anywhere() {
    for token in corpus("token").values() {
        fuzz_token(token);
        for length in (0..token.len()).step_by(token.len() / 64 + 1) {
            fuzz_token(&token[..length]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_break_no_promise(bytes in prop::collection::vec(any::<u8>(), 0..1024)) {
        fuzz_token(&bytes);
    }

    #[test]
    fn any_text_of_its_alphabet_breaks_no_promise(token in "[A-Za-z0-9_~+/=-]{0,90}(\\.[A-Za-z0-9_-]{0,120}){0,4}") {
        fuzz_token(token.as_bytes());
    }

    #[test]
    fn a_changed_token_breaks_no_promise(
        pick in any::<prop::sample::Index>(),
        changes in changes(&[".", "..", "=", "e30", "eyJ", "~", "+", "A", " "]),
    ) {
        let mut tokens: Vec<_> = corpus("token").into_values().collect();
        let mut token = tokens.swap_remove(pick.index(tokens.len()));
        apply(&mut token, &changes);
        fuzz_token(&token);
    }

    /// Both parts are anything, and what signs them is right: the whole of the judgement is reached.
    #[test]
    fn a_signed_token_is_judged_as_a_second_reader_does(
        header in json::header(),
        claims in json::claims(),
        spoil_header in changes(PIECES),
        spoil_claims in changes(PIECES),
        spoil in 0..4_u8,
    ) {
        let mut header = header.to_string().into_bytes();
        let mut claims = claims.to_string().into_bytes();
        if spoil == 0 {
            apply(&mut header, &spoil_header);
        }
        if spoil == 1 {
            apply(&mut claims, &spoil_claims);
        }
        let token = sign(&header, &claims);
        prop_assume!(token.len() <= 8_192);
        for (rule, verifier) in RULES.into_iter().zip(verifiers()) {
            fuzz_kit::assert_agreed(judge(verifier, &token), expected(rule, &header, &claims));
        }
    }
}
