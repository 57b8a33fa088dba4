//! What upstreams are told about the caller.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use portcullis_core::Identity;

/// The headers, always sent, empty where there is nothing to say.
///
/// | header | value |
/// |---|---|
/// | `x-auth-subject` | `sub` |
/// | `x-auth-issuer` | `iss`, byte for byte as configured |
/// | `x-auth-client` | the client that the token was issued to |
/// | `x-auth-scopes` | the granted scopes, a space between two |
/// | `x-auth-degraded` | the cause, if the caller was admitted during an outage by the policy of the route |
pub(crate) const IDENTITY_HEADERS: [HeaderName; 5] = [
    HeaderName::from_static("x-auth-subject"),
    HeaderName::from_static("x-auth-issuer"),
    HeaderName::from_static("x-auth-client"),
    HeaderName::from_static("x-auth-scopes"),
    HeaderName::from_static("x-auth-degraded"),
];

/// What is percent-encoded in values, beside everything that is not ASCII: whatever could end a value,
/// or part it in two where an upstream reads lists.
const ENCODED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'%')
    .add(b'"')
    .add(b',')
    .add(b';')
    .add(b'\\');

/// The same for a list of scopes, which are parted by spaces and have none in them (RFC 6749 section 3.3).
const ENCODED_IN_SCOPES: &AsciiSet = &ENCODED.remove(b' ');

const EMPTY: HeaderValue = HeaderValue::from_static("");

/// Says who the caller is; what a client said of it must be gone.
pub(crate) fn tell(headers: &mut HeaderMap, identity: Option<&Identity>) {
    for (name, value) in of(identity) {
        headers.insert(name, value);
    }
}

/// Who the caller is: every header, with its value.
pub(crate) fn of(identity: Option<&Identity>) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    IDENTITY_HEADERS.into_iter().zip(values(identity))
}

fn values(identity: Option<&Identity>) -> [HeaderValue; 5] {
    let Some(identity) = identity else {
        return [EMPTY; 5];
    };
    let degraded = identity.provenance().degraded();
    [
        value(identity.subject().unwrap_or_default(), ENCODED),
        value(identity.issuer(), ENCODED),
        value(identity.client().unwrap_or_default(), ENCODED),
        value(identity.scopes().as_str(), ENCODED_IN_SCOPES),
        degraded.map_or(EMPTY, |cause| HeaderValue::from_static(cause.as_str())),
    ]
}

/// For every request of a route with tokens, so most values take one allocation: nothing in them needs
/// encoding.
fn value(text: &str, encoded: &'static AsciiSet) -> HeaderValue {
    // Visible ASCII and spaces: always a header value.
    match utf8_percent_encode(text, encoded).into() {
        Cow::Borrowed("") => EMPTY,
        Cow::Borrowed(text) => HeaderValue::from_str(text).unwrap_or(EMPTY),
        Cow::Owned(text) => HeaderValue::try_from(text).unwrap_or(EMPTY),
    }
}

#[cfg(test)]
mod tests {
    use portcullis_core::{IdentityParts, OutageCause, Provenance, Scopes};
    use proptest::prelude::*;

    use super::*;

    fn alice() -> Identity {
        let mut parts = IdentityParts::new("https://idp.example.com");
        parts.subject = Some("alice".into());
        parts.client = Some("web".into());
        parts.scopes = Scopes::new(["api:read", "api:write"]).unwrap();
        Identity::new(parts, Provenance::Fresh)
    }

    fn sent(lines: &[(&str, &str)], identity: Option<&Identity>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        tell(&mut headers, identity);
        headers
    }

    #[test]
    fn the_caller_is_told_in_five_headers() {
        let headers = sent(&[], Some(&alice()));
        assert_eq!(headers["x-auth-subject"], "alice");
        assert_eq!(headers["x-auth-issuer"], "https://idp.example.com");
        assert_eq!(headers["x-auth-client"], "web");
        assert_eq!(headers["x-auth-scopes"], "api:read api:write");
        assert_eq!(headers["x-auth-degraded"], "");
    }

    #[test]
    fn a_degraded_admission_names_its_cause() {
        let degraded = alice().with_provenance(Provenance::Degraded(OutageCause::KeysStale));
        let headers = sent(&[], Some(&degraded));
        assert_eq!(headers["x-auth-degraded"], "keys_stale");
    }

    #[test]
    fn without_identity_every_header_is_there_and_empty() {
        let headers = sent(&[("x-auth-subject", "admin")], None);
        for name in IDENTITY_HEADERS {
            assert_eq!(
                headers.get_all(&name).iter().collect::<Vec<_>>(),
                [""],
                "{name}"
            );
        }
    }

    #[test]
    fn no_scope_can_part_a_list() {
        let mut parts = IdentityParts::new("https://idp.example.com");
        parts.scopes = Scopes::new(["a,b;c", "100%"]).unwrap();
        let headers = sent(&[], Some(&Identity::new(parts, Provenance::Fresh)));
        assert_eq!(headers["x-auth-scopes"], "a%2Cb%3Bc 100%25");
    }

    proptest! {
        #[test]
        fn any_subject_is_one_safe_value_that_decodes_to_itself(subject: String) {
            let mut parts = IdentityParts::new("https://idp.example.com");
            parts.subject = Some(subject.as_str().into());
            let headers = sent(&[], Some(&Identity::new(parts, Provenance::Cached)));
            let value = headers["x-auth-subject"].to_str().unwrap();
            prop_assert!(value.bytes().all(|b| b.is_ascii_graphic() && !b",;\"\\".contains(&b)));
            let decoded = percent_encoding::percent_decode_str(value).decode_utf8().unwrap();
            prop_assert_eq!(decoded, subject);
        }
    }
}
