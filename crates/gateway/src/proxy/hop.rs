//! Fields that are for one hop.

use http::header::{CONNECTION, EXPECT, PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

/// Removes from a request what was for the hop to here (RFC 9110 section 7.6.1). What it wants to upgrade
/// to is looked at before.
///
/// `TE: trailers` is kept, for gRPC wants it, and `Trailer` too: trailers go through. `Expect` is met here:
/// the client is told to go on as soon as the upstream is there to read.
pub(super) fn strip_request(headers: &mut HeaderMap, http2: bool) {
    let te = headers.get(TE).is_some_and(is_trailers);
    strip(headers);
    headers.remove(HTTP2_SETTINGS);
    headers.remove(EXPECT);
    // Meant for a proxy, and this is the last one (RFC 9110 section 11.7.2).
    headers.remove(PROXY_AUTHORIZATION);
    if te {
        headers.insert(TE, HeaderValue::from_static("trailers"));
        if !http2 {
            // RFC 9110 section 10.1.4.
            headers.insert(CONNECTION, HeaderValue::from_static("te"));
        }
    }
}

/// Removes from an answer what was for the hop from the upstream.
pub(super) fn strip_response(headers: &mut HeaderMap) {
    strip(headers);
}

fn strip(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        remove_nominated(headers);
    }
    for name in [KEEP_ALIVE, PROXY_CONNECTION, TE, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
}

/// Removes `Connection` and the fields that it names.
fn remove_nominated(headers: &mut HeaderMap) {
    let nominated: Vec<_> = tokens(headers, CONNECTION)
        .filter_map(|token| HeaderName::from_bytes(token).ok())
        .collect();
    headers.remove(CONNECTION);
    for name in nominated {
        headers.remove(name);
    }
}

fn is_trailers(te: &HeaderValue) -> bool {
    te.as_bytes().trim_ascii().eq_ignore_ascii_case(b"trailers")
}

/// The members of a list, over all lines of a field.
pub(super) fn tokens(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &[u8]> {
    headers
        .get_all(name)
        .into_iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        headers
    }

    fn left(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn what_is_for_one_hop_stays_on_it() {
        let lines = [
            ("connection", "x-one, Keep-Alive"),
            ("Connection", " x-two ,, not a name"),
            ("x-one", "1"),
            ("x-two", "2"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("te", "gzip"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("x-end", "to end"),
            ("trailer", "x-sum"),
        ];
        let mut headers = map(&lines);
        strip_response(&mut headers);
        assert_eq!(left(&headers), ["trailer", "x-end"]);
        let mut headers = map(&lines);
        headers.insert(EXPECT, HeaderValue::from_static("100-continue"));
        headers.insert(HTTP2_SETTINGS, HeaderValue::from_static("AAMAAABk"));
        headers.insert(PROXY_AUTHORIZATION, HeaderValue::from_static("Basic eDp5"));
        strip_request(&mut headers, false);
        assert_eq!(left(&headers), ["trailer", "x-end"]);
    }

    #[test]
    fn a_wish_for_trailers_is_passed_on_hop_by_hop() {
        for (http2, expected) in [(false, &["connection", "te"][..]), (true, &["te"])] {
            let mut headers = map(&[("te", " Trailers "), ("connection", "te")]);
            strip_request(&mut headers, http2);
            assert_eq!(left(&headers), expected);
            assert_eq!(headers[TE], "trailers");
        }
    }
}
