//! Which id a request has.

use http::{HeaderMap, HeaderName, HeaderValue, Request};
use tower_http::request_id::{MakeRequestId, RequestId};

/// The header of the id: of requests to upstreams, and of every response.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken from a proxy.
const LONGEST: usize = 64;

/// Makes ids: 128 random bits, as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fresh;

// === impl Fresh ===

impl MakeRequestId for Fresh {
    fn make_request_id<B>(&mut self, _: &Request<B>) -> Option<RequestId> {
        fresh().map(RequestId::new)
    }
}

fn fresh() -> Option<HeaderValue> {
    // An id tells requests apart and is no secret, so it need not be hard to guess.
    HeaderValue::try_from(format!("{:032x}", fastrand::u128(..))).ok()
}

/// Settles the id of a request before anything else is done with it: one that is [admitted](admit), or a
/// fresh one.
pub(crate) fn settle(headers: &mut HeaderMap, trusted: bool) -> Option<HeaderValue> {
    admit(headers, trusted);
    if let Some(id) = headers.get(HEADER) {
        return Some(id.clone());
    }
    let id = fresh()?;
    headers.insert(HEADER, id.clone());
    Some(id)
}

/// Takes away an id that is not to be believed: of a peer that is not trusted, or not one word of at
/// most 64 letters, digits, dots, dashes and underscores. What stays can stand in any log.
fn admit(headers: &mut HeaderMap, trusted: bool) {
    let mut lines = headers.get_all(HEADER).iter();
    let good = match (lines.next(), lines.next()) {
        (None, _) => return,
        (Some(id), None) => trusted && is_safe(id.as_bytes()),
        _ => false,
    };
    if !good {
        headers.remove(HEADER);
    }
}

fn is_safe(id: &[u8]) -> bool {
    (1..=LONGEST).contains(&id.len())
        && id
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(ids: &[&str], trusted: bool) -> bool {
        let mut headers = HeaderMap::new();
        for id in ids {
            headers.append(HEADER, id.parse().unwrap());
        }
        admit(&mut headers, trusted);
        headers.contains_key(HEADER)
    }

    #[test]
    fn a_safe_id_of_a_trusted_peer_is_kept() {
        let longest = "x".repeat(LONGEST);
        for id in ["a", "0af7-65.19_Z", &longest] {
            assert!(admitted(&[id], true), "{id}");
            assert!(!admitted(&[id], false), "{id}");
        }
    }

    #[test]
    fn any_other_id_is_replaced() {
        let longer = "x".repeat(LONGEST + 1);
        for ids in [
            &[""][..],
            &["a b"],
            &["a\"b"],
            &["a,b"],
            &["a/b"],
            &[&longer],
            &["a", "a"],
        ] {
            assert!(!admitted(ids, true), "{ids:?}");
        }
    }

    #[test]
    fn fresh_ids_are_safe_and_differ() {
        let request = Request::new(());
        let make = || Fresh.make_request_id(&request).unwrap().into_header_value();
        let (one, two) = (make(), make());
        assert_ne!(one, two);
        for id in [one, two] {
            assert!(id.len() == 32 && is_safe(id.as_bytes()), "{id:?}");
        }
    }
}
