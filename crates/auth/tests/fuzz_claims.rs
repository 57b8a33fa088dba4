//! Any bytes as the claims of a token: an answer, never a panic, and one reading.

mod fuzz_kit;

use fuzz_kit::model::{RULES, expected};
use fuzz_kit::{PIECES, apply, assert_agreed, assert_named, changes, corpus, json, judge, sign};
use portcullis_auth::Reason;
use portcullis_auth::fuzz::{fuzz_claims, verifiers};
use proptest::prelude::*;

const HEADER: &[u8] = br#"{"alg":"HS256","typ":"at+jwt"}"#;

/// What becomes of each where any type of token is taken.
const VERDICTS: &[(&str, Result<(), Reason>)] = &[
    ("array", Err(Reason::Malformed)),
    ("aud-empty", Err(Reason::Audience)),
    ("aud-nested", Err(Reason::MalformedClaim)),
    ("aud-number", Err(Reason::MalformedClaim)),
    ("auth0-like", Ok(())),
    ("bound", Err(Reason::Bound)),
    ("bound-to-null", Err(Reason::Bound)),
    ("deep", Err(Reason::Malformed)),
    ("empty-object", Err(Reason::MissingClaim)),
    ("entra-like", Ok(())),
    ("events-list", Ok(())),
    ("events-null", Ok(())),
    ("events-other", Ok(())),
    ("exp-2-63", Ok(())),
    ("exp-2-64", Ok(())),
    ("exp-float", Ok(())),
    ("exp-infinite", Err(Reason::Malformed)),
    ("exp-last-second", Ok(())),
    ("exp-nan", Err(Reason::Malformed)),
    ("exp-negative", Err(Reason::MalformedClaim)),
    ("exp-negative-zero", Err(Reason::MalformedClaim)),
    ("exp-over", Err(Reason::Expired)),
    ("exp-string", Err(Reason::MalformedClaim)),
    ("exp-twice", Err(Reason::Malformed)),
    ("good", Ok(())),
    ("half-pair", Err(Reason::Malformed)),
    ("iat-future", Err(Reason::IssuedInFuture)),
    ("iss-list", Err(Reason::MalformedClaim)),
    ("iss-slash", Err(Reason::Issuer)),
    ("iss-twice", Err(Reason::Malformed)),
    ("keycloak-like", Ok(())),
    ("logout-event", Err(Reason::TokenType)),
    ("logout-event-escaped", Err(Reason::TokenType)),
    ("logout-event-null", Err(Reason::TokenType)),
    ("minimal", Ok(())),
    ("nbf-fraction", Err(Reason::NotYetValid)),
    ("nbf-future", Err(Reason::NotYetValid)),
    ("not-utf8", Err(Reason::Malformed)),
    ("nul", Err(Reason::Malformed)),
    ("nulls", Ok(())),
    ("pair", Ok(())),
    ("private-name", Err(Reason::Malformed)),
    ("roles-nested", Ok(())),
    ("scope-list-space", Err(Reason::MalformedClaim)),
    ("scope-quote", Err(Reason::MalformedClaim)),
    ("scope-spaces", Ok(())),
    ("sub-line-break", Err(Reason::MalformedClaim)),
    ("sub-number", Err(Reason::MalformedClaim)),
    ("text", Err(Reason::Malformed)),
    ("truncated", Err(Reason::Malformed)),
    ("unread-number", Err(Reason::Malformed)),
    ("unread-twins", Err(Reason::Malformed)),
];

/// Judges these claims under a good header, signed.
fn check(claims: &[u8]) {
    fuzz_claims(claims);
    let token = sign(HEADER, claims);
    if claims.is_empty() || token.len() > 8_192 {
        return;
    }
    for (rule, verifier) in RULES.into_iter().zip(verifiers()) {
        assert_agreed(judge(verifier, &token), expected(rule, HEADER, claims));
    }
}

#[test]
fn all_claims_of_the_corpus_have_their_verdict() {
    let corpus = corpus("claims");
    assert_named(&corpus, VERDICTS);
    let [any, ..] = verifiers();
    for (name, expected) in VERDICTS {
        let token = sign(HEADER, &corpus[*name]);
        assert_eq!(judge(any, &token), *expected, "{name}");
    }
}

#[test]
fn the_corpus_breaks_no_promise_cut_off_anywhere() {
    for claims in corpus("claims").values() {
        check(claims);
        for length in (0..claims.len()).step_by(claims.len() / 64 + 1) {
            check(&claims[..length]);
        }
    }
}

/// So that the comparison below is of all verdicts, and not of two or three.
#[test]
fn the_generator_brings_about_every_reason_that_claims_can_have() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..1_500 {
        let tree = json::claims().new_tree(&mut runner).expect("claims");
        let claims = tree.current().to_string();
        for rule in RULES {
            seen.insert(expected(rule, HEADER, claims.as_bytes()));
        }
    }
    for verdict in [
        Ok(()),
        Err(Reason::MalformedClaim),
        Err(Reason::MissingClaim),
        Err(Reason::Issuer),
        Err(Reason::Audience),
        Err(Reason::Client),
        Err(Reason::Expired),
        Err(Reason::NotYetValid),
        Err(Reason::IssuedInFuture),
        Err(Reason::TooOld),
        Err(Reason::Bound),
        Err(Reason::TokenType),
    ] {
        assert!(seen.contains(&verdict), "{verdict:?} never came up");
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
    fn any_members_are_judged_as_a_second_reader_judges_them(claims in json::claims()) {
        check(claims.to_string().as_bytes());
    }

    #[test]
    fn changed_claims_are_judged_as_a_second_reader_judges_them(
        pick in any::<prop::sample::Index>(),
        changes in changes(PIECES),
    ) {
        let mut corpus: Vec<_> = corpus("claims").into_values().collect();
        let mut claims = corpus.swap_remove(pick.index(corpus.len()));
        apply(&mut claims, &changes);
        check(&claims);
    }
}
