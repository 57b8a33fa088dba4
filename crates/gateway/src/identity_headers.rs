//! What upstreams are told about the caller.

use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use portcullis_core::{Identity, IdentityParts, MemoKey, Provenance};

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

/// What follows from the token alone: all values but the last.
type OfToken = [HeaderValue; 4];

/// Where those are kept, beside the verdict of the token.
static OF_TOKEN: LazyLock<MemoKey<OfToken>> = LazyLock::new(MemoKey::new);

/// Who the caller is: every header, with its value, to be put in place of what a client said.
pub(crate) fn of(
    identity: Option<&Identity>,
) -> impl Iterator<Item = (HeaderName, HeaderValue)> + use<> {
    IDENTITY_HEADERS.into_iter().zip(values(identity))
}

fn values(identity: Option<&Identity>) -> [HeaderValue; 5] {
    let Some(identity) = identity else {
        return [EMPTY; 5];
    };
    let provenance = identity.provenance();
    let [subject, issuer, client, scopes] = match provenance {
        // Most tokens that are seen once are never seen again: nothing is kept of them.
        Provenance::Fresh => of_token(identity.parts()),
        _ => identity.memo(&OF_TOKEN, of_token, OfToken::clone),
    };
    let degraded = provenance.degraded();
    let degraded = degraded.map_or(EMPTY, |cause| HeaderValue::from_static(cause.as_str()));
    [subject, issuer, client, scopes, degraded]
}

/// All in one piece of memory: what is shared is then taken and given back at one place.
fn of_token(parts: &IdentityParts) -> OfToken {
    let texts = [
        (parts.subject.as_deref().unwrap_or_default(), ENCODED),
        (&parts.issuer, ENCODED),
        (parts.client.as_deref().unwrap_or_default(), ENCODED),
        (parts.scopes.as_str(), ENCODED_IN_SCOPES),
    ];
    // Most need no encoding.
    let length = texts.iter().map(|(text, _)| text.len()).sum();
    let mut all = String::with_capacity(length);
    let ends = texts.map(|(text, encoded)| {
        all.extend(utf8_percent_encode(text, encoded));
        all.len()
    });
    let all = Bytes::from(all);
    let mut begin = 0;
    ends.map(|end| {
        let value = all.slice(begin..end);
        begin = end;
        // Visible ASCII and spaces: always a header value.
        HeaderValue::from_maybe_shared(value).unwrap_or(EMPTY)
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use portcullis_core::{OutageCause, Scopes};
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
        for (name, value) in of(identity) {
            headers.insert(name, value);
        }
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
    fn what_is_kept_is_of_the_token_and_not_of_the_request() {
        let first = alice();
        let told = |provenance| sent(&[], Some(&first.with_provenance(provenance)));
        let fresh = told(Provenance::Fresh);
        for _ in 0..2 {
            let degraded = told(Provenance::Degraded(OutageCause::KeysStale));
            assert_eq!(degraded["x-auth-degraded"], "keys_stale");
            assert_eq!(
                told(Provenance::Cached),
                fresh,
                "and no cause is left in it"
            );
        }
        let mut bob = IdentityParts::new("https://idp.example.com");
        bob.subject = Some("bob".into());
        let headers = sent(&[], Some(&Identity::new(bob, Provenance::Cached)));
        assert_eq!(headers["x-auth-subject"], "bob");
        assert_eq!(headers["x-auth-client"], "");
    }

    #[test]
    fn a_token_that_was_seen_before_is_told_of_without_an_allocation() {
        let seen = alice().with_provenance(Provenance::Cached);
        let told = || of(Some(&seen)).for_each(drop);
        // The first writes the values, the second makes them shared.
        told();
        told();
        let counted = allocation_counter::measure(told);
        assert_eq!(counted.count_total, 0);
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
