//! What upstreams are told about the caller.

use std::fmt::Write as _;

use http::header::CONNECTION;
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

/// Takes away what a client must not say to an upstream, and says who the caller is.
///
/// `Connection` is worked off here: a client that names one of our headers in it must not have the
/// proxy remove that header as hop-by-hop (RFC 9110 section 7.6.1).
pub(crate) fn rewrite(headers: &mut HeaderMap, identity: Option<&Identity>) {
    remove_nominated(headers);
    let claimed: Vec<HeaderName> = headers
        .keys()
        .filter(|name| is_ours(name.as_str()))
        .cloned()
        .collect();
    for name in claimed {
        headers.remove(name);
    }
    for (name, value) in IDENTITY_HEADERS.into_iter().zip(values(identity)) {
        headers.insert(name, value);
    }
}

/// Whether an upstream could take a header for one that only the gateway may send: an identity header
/// or one about the client's address, in any spelling that CGI-like servers make equal.
fn is_ours(name: &str) -> bool {
    let name = name.replace('_', "-");
    name.starts_with("x-auth-")
        || name.starts_with("x-forwarded-")
        || matches!(&*name, "forwarded" | "x-real-ip")
}

/// Removes what the client declared to be for one hop, and leaves of `Connection` the wish to upgrade.
fn remove_nominated(headers: &mut HeaderMap) {
    let mut upgrade = false;
    let mut nominated = Vec::new();
    for line in headers.get_all(CONNECTION) {
        for option in line.as_bytes().split(|byte| *byte == b',') {
            let option = option.trim_ascii();
            if option.eq_ignore_ascii_case(b"upgrade") {
                upgrade = true;
            } else if option.eq_ignore_ascii_case(b"te") {
                // Said of `TE: trailers`, which gRPC wants to arrive; the proxy drops any other value.
            } else if let Ok(name) = HeaderName::from_bytes(option) {
                nominated.push(name);
            }
        }
    }
    for name in nominated {
        headers.remove(name);
    }
    headers.remove(CONNECTION);
    if upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    }
}

fn values(identity: Option<&Identity>) -> [HeaderValue; 5] {
    let Some(identity) = identity else {
        return [const { HeaderValue::from_static("") }; 5];
    };
    let mut scopes = String::new();
    for scope in identity.scopes().iter() {
        let separator = if scopes.is_empty() { "" } else { " " };
        // Writing to a string does not fail.
        let _ = write!(scopes, "{separator}{}", encode(scope));
    }
    let degraded = identity.provenance().degraded();
    [
        value(&encode(identity.subject().unwrap_or_default())),
        value(&encode(identity.issuer())),
        value(&encode(identity.client().unwrap_or_default())),
        value(&scopes),
        value(degraded.map_or("", |cause| cause.as_str())),
    ]
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

fn value(encoded: &str) -> HeaderValue {
    // Visible ASCII and spaces: always a header value.
    HeaderValue::from_str(encoded).unwrap_or_else(|_| HeaderValue::from_static(""))
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
        rewrite(&mut headers, identity);
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
    fn no_spelling_of_our_headers_comes_from_a_client() {
        for name in [
            "x-auth-subject",
            "X-Auth-Subject",
            "X_AUTH_SUBJECT",
            "x-auth_subject",
            "x_auth-scopes",
            "x-auth-anything-later",
            "x-forwarded-for",
            "X_Forwarded_For",
            "x-forwarded-proto",
            "forwarded",
            "x-real-ip",
        ] {
            let headers = sent(
                &[(name, "forged"), (name, "twice"), ("accept", "*/*")],
                None,
            );
            assert!(
                !headers.values().any(|v| v == "forged" || v == "twice"),
                "{name}"
            );
            assert_eq!(headers["accept"], "*/*");
        }
    }

    #[test]
    fn a_client_cannot_have_our_headers_removed_as_hop_by_hop() {
        let headers = sent(
            &[
                ("connection", "x-auth-subject, close"),
                ("connection", "X-Secret,keep-alive"),
                ("x-secret", "for one hop"),
                ("keep-alive", "timeout=5"),
            ],
            Some(&alice()),
        );
        assert_eq!(headers["x-auth-subject"], "alice");
        for gone in ["connection", "x-secret", "keep-alive"] {
            assert!(!headers.contains_key(gone), "{gone}");
        }
    }

    #[test]
    fn a_wish_to_upgrade_and_te_are_kept() {
        let headers = sent(
            &[
                ("connection", "Upgrade, TE, x-auth-subject"),
                ("upgrade", "websocket"),
                ("te", "trailers"),
            ],
            None,
        );
        assert_eq!(headers["connection"], "upgrade");
        assert_eq!(headers["upgrade"], "websocket");
        assert_eq!(headers["te"], "trailers");
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
