//! Any bytes as metadata or as caching headers: an answer, never a panic.

use portcullis_auth::jwks::fuzz::{fuzz_lifetime, fuzz_metadata};
use proptest::prelude::*;

const METADATA: &[&[u8]] = &[
    b"",
    b"null",
    b"{\"issuer\":\"https://id.example\",\"jwks_uri\":\"https://id.example/jwks\"}",
    b"{\"issuer\":\"https://id.example\",\"jwks_uri\":\"http://id.example/jwks\"}",
    b"{\"issuer\":\"https://id.example\",\"jwks_uri\":\"https://[::1\"}",
    b"{\"issuer\":\"https://id.example\",\"issuer\":\"https://id.example\",\"jwks_uri\":\"\"}",
    b"{\"issuer\":\"https://id.example\",\"jwks_uri\":\"https://\\ud800\"}",
    b"\xef\xbb\xbf{}",
];

const HEADERS: &[&[u8]] = &[
    b"cache-control: max-age=60\nage: 7",
    b"cache-control: max-age=\"60, no-store\"",
    b"cache-control: ,,,=,=\",max-age=\"",
    b"expires: Thu, 01 Jan 1970 00:00:00 GMT\ndate: Fri, 31 Dec 9999 23:59:59 GMT",
    b"expires: Fri, 31 Dec 9999 23:59:59 GMT\ndate: Thu, 01 Jan 1970 00:00:00 GMT",
    b"age: 18446744073709551616\ncache-control: max-age=18446744073709551616",
    b"cache-control: \xff\xfe",
];

#[test]
fn the_corpus_is_answered() {
    METADATA.iter().for_each(|data| fuzz_metadata(data));
    HEADERS.iter().for_each(|data| fuzz_lifetime(data));
}

/// A member of the corpus with a few bytes changed: deeper than what chance alone finds.
fn mutated(corpus: &'static [&'static [u8]]) -> impl Strategy<Value = Vec<u8>> {
    let changes = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8);
    (prop::sample::select(corpus), changes).prop_map(|(data, changes)| {
        let mut data = data.to_vec();
        for (at, byte) in changes {
            if !data.is_empty() {
                let at = at.index(data.len());
                data[at] = byte;
            }
        }
        data
    })
}

proptest! {
    #[test]
    fn any_bytes_are_answered(data: Vec<u8>) {
        fuzz_metadata(&data);
        fuzz_lifetime(&data);
    }

    #[test]
    fn nearly_right_bytes_are_answered(
        metadata in mutated(METADATA), headers in mutated(HEADERS),
    ) {
        fuzz_metadata(&metadata);
        fuzz_lifetime(&headers);
    }
}
