//! `Authorization: Bearer`.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};
use portcullis_core::Head;

use super::{Extracted, TokenExtractor};
use crate::{Presented, Reason};

/// Reads `Authorization: Bearer TOKEN` (RFC 6750 section 2.1), or a header of another name.
///
/// | header | found |
/// |---|---|
/// | none, or another scheme such as `Basic` | nothing |
/// | `Bearer TOKEN`, any case | the token |
/// | two or more | refused: `many_credentials` |
/// | `Bearer` alone, followed by a tab or by nothing | refused: `malformed_credential` |
/// | `DPoP …` | refused: `bound_token`; it is a credential, and must not pass as anonymous |
#[derive(Clone, Debug)]
pub struct Bearer {
    header: HeaderName,
    bare: bool,
}

// === impl Bearer ===

impl Bearer {
    /// The `Authorization` header.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            header: AUTHORIZATION,
            bare: false,
        }
    }

    /// Another header, such as `proxy-authorization`, with the scheme in its value.
    #[must_use]
    pub const fn in_header(header: HeaderName) -> Self {
        Self {
            header,
            bare: false,
        }
    }

    /// Another header, such as `x-access-token`, that holds the token and no scheme.
    #[must_use]
    pub const fn bare_in_header(header: HeaderName) -> Self {
        Self { header, bare: true }
    }
}

impl Default for Bearer {
    fn default() -> Self {
        Self::new()
    }
}

impl TokenExtractor for Bearer {
    #[inline]
    fn extract<'r>(&self, head: Head<'r>) -> Extracted<'r> {
        let mut values = head.headers.get_all(&self.header).iter();
        let Some(value) = values.next() else {
            return Extracted::Nothing;
        };
        if values.next().is_some() {
            return Extracted::Refused(Reason::ManyCredentials);
        }
        if self.bare {
            return Extracted::Token(Presented::new(value.as_bytes()));
        }
        read(value.as_bytes())
    }

    #[inline]
    fn hide(&self, headers: &mut HeaderMap) {
        if let Some(value) = headers.get_mut(&self.header) {
            value.set_sensitive(true);
        }
    }

    fn remove(&self, headers: &mut HeaderMap) {
        headers.remove(&self.header);
    }
}

#[inline]
fn read(value: &[u8]) -> Extracted<'_> {
    // Nearly every request: the scheme, one space, the token.
    if let Some((scheme, [first, ..])) = value.split_first_chunk::<7>()
        && scheme.eq_ignore_ascii_case(b"bearer ")
        && *first != b' '
    {
        return Extracted::Token(Presented::new(&value[7..]));
    }
    read_slowly(value)
}

fn read_slowly(value: &[u8]) -> Extracted<'_> {
    let end = value
        .iter()
        .position(|byte| matches!(byte, b' ' | b'\t'))
        .unwrap_or(value.len());
    let (scheme, rest) = value.split_at(end);
    if scheme.eq_ignore_ascii_case(b"dpop") {
        return Extracted::Refused(Reason::Bound);
    }
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Extracted::Nothing;
    }
    // RFC 9110 section 11.4: one or more spaces, and nothing but spaces.
    match rest.iter().position(|byte| *byte != b' ') {
        Some(start) => Extracted::Token(Presented::new(&rest[start..])),
        None => Extracted::Refused(Reason::MalformedCredential),
    }
}
