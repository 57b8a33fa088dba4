//! Any bytes where a credential is read from: an answer of the table, never a panic.

mod fuzz_kit;

use fuzz_kit::{apply, assert_named, changes, corpus};
use portcullis_auth::fuzz::{fuzz_authorization, statuses};
use proptest::prelude::*;

/// The status of each request where the token is in the header, and where it may be in a cookie or in
/// the query, too. gRPC says it elsewhere.
const VERDICTS: &[(&str, [u16; 2])] = &[
    ("basic", [401, 401]),
    ("comma", [400, 400]),
    ("cookie", [401, 200]),
    ("cookie-and-header", [200, 400]),
    ("cookie-half-quoted", [401, 400]),
    ("cookie-odd", [401, 401]),
    ("cookie-post-cross-site", [401, 400]),
    ("cookie-post-same-origin", [401, 200]),
    ("cookie-quoted", [401, 200]),
    ("cookie-twice", [401, 400]),
    ("dpop", [401, 401]),
    ("dpop-alone", [401, 401]),
    ("empty", [401, 401]),
    ("glued", [401, 401]),
    ("good", [200, 200]),
    ("grpc", [200, 200]),
    ("grpc-bad-request", [200, 200]),
    ("grpc-web-text", [200, 200]),
    ("huge", [401, 401]),
    ("junk", [401, 401]),
    ("lower-case", [200, 200]),
    ("many-spaces", [200, 200]),
    ("no-token", [400, 400]),
    ("not-ascii", [400, 400]),
    ("preflight", [401, 401]),
    ("query", [401, 200]),
    ("query-and-header", [200, 400]),
    ("query-empty", [401, 400]),
    ("query-post", [401, 401]),
    ("query-twice", [401, 400]),
    ("second-line-empty", [400, 400]),
    ("space-only", [400, 400]),
    ("space-tab", [400, 400]),
    ("tab", [400, 400]),
    ("two-lines", [400, 400]),
    ("two-tokens", [400, 400]),
];

/// Pieces of requests.
const PIECES: &[&str] = &[
    "Bearer ",
    "bearer",
    "DPoP ",
    "Basic ",
    "\n",
    "\nBearer x",
    "\ncookie: __Host-token=x",
    "__Host-token=",
    "; ",
    ";",
    "\"",
    ",",
    "=",
    "==",
    " ",
    "\t",
    "\n:method: POST",
    "\n:method: OPTIONS",
    "\n:query: access_token=x",
    "&access_token=",
    "\norigin: https://a.example",
    "\nsec-fetch-site: same-origin",
    "\nhost: a.example",
    "\naccess-control-request-method: GET",
    "\ncontent-type: application/grpc",
    "\u{e9}",
    ".",
    "e30.e30.AA",
];

#[test]
fn every_request_of_the_corpus_has_its_status() {
    let corpus = corpus("authorization");
    assert_named(&corpus, VERDICTS);
    for (name, expected) in VERDICTS {
        assert_eq!(statuses(&corpus[*name]), *expected, "{name}");
    }
}

#[test]
fn the_corpus_breaks_no_promise_cut_off_anywhere() {
    for request in corpus("authorization").values() {
        fuzz_authorization(request);
        for length in (0..request.len()).step_by(request.len() / 64 + 1) {
            fuzz_authorization(&request[..length]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_break_no_promise(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        fuzz_authorization(&bytes);
    }

    #[test]
    fn any_pieces_break_no_promise(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..12)) {
        fuzz_authorization(pieces.concat().as_bytes());
    }

    #[test]
    fn any_header_breaks_no_promise(
        name in "[a-z-]{1,16}|authorization|cookie|host|origin|content-type",
        value in prop::collection::vec(any::<u8>(), 0..200),
        more in prop::sample::select(PIECES),
    ) {
        let request = [name.as_bytes(), b": ", &value, more.as_bytes()].concat();
        fuzz_authorization(&request);
    }

    #[test]
    fn a_changed_request_breaks_no_promise(
        pick in any::<prop::sample::Index>(),
        changes in changes(PIECES),
    ) {
        let mut requests: Vec<_> = corpus("authorization").into_values().collect();
        let mut request = requests.swap_remove(pick.index(requests.len()));
        apply(&mut request, &changes);
        fuzz_authorization(&request);
    }
}
