//! The entry points for fuzzing what an issuer sends beside its keys.

use http::{HeaderMap, HeaderName, HeaderValue};
use portcullis_core::Problems;

use super::cache_control;
use super::discovery::Discovery;
use super::endpoint::{self, Http};

/// Reads any bytes as the metadata of an issuer; panics if a promise is broken.
pub fn fuzz_metadata(data: &[u8]) {
    let mut problems = Problems::new();
    let issuer = "https://id.example";
    let Some(discovery) = Discovery::new(issuer, Vec::new(), Http::OnLoopback, &mut problems)
    else {
        unreachable!("the issuer is a good one")
    };
    if let Ok(url) = discovery.jwks_uri(data) {
        assert!(endpoint::is_allowed(&url, Http::OnLoopback));
    }
}

/// Reads any bytes, line by line, as the headers of a response that say how long it is good.
pub fn fuzz_lifetime(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n').take(64) {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let name = parts.next().map(HeaderName::from_bytes);
        let value = parts.next().map(HeaderValue::from_bytes);
        if let (Some(Ok(name)), Some(Ok(value))) = (name, value) {
            headers.append(name, value);
        }
    }
    let _ = cache_control::lifetime(&headers);
    let _ = cache_control::age(&headers);
}
