//! One member of a `baggage`, by the grammar of W3C Baggage.

use super::list::trim;

/// `key = value ; property ; property`.
pub(super) struct Member<'a> {
    pub(super) key: &'a str,
    /// As it is sent, percent-encoded.
    pub(super) value: &'a str,
    /// All behind the first `;`.
    pub(super) properties: &'a str,
}

// === impl Member ===

impl<'a> Member<'a> {
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let (pair, properties) = match text.split_once(';') {
            Some((pair, properties)) => (pair, Some(properties)),
            None => (text, None),
        };
        let (key, value) = pair.split_once('=')?;
        let (key, value) = (key.trim_matches(BLANKS), value.trim_matches(BLANKS));
        let mut rest = properties.into_iter().flat_map(|all| all.split(';'));
        let good = is_token(key) && is_value(value) && rest.all(is_property);
        good.then(|| Self {
            key,
            value,
            properties: properties.unwrap_or_default(),
        })
    }

    /// The key of a member that is otherwise not read.
    pub(super) fn key(text: &[u8]) -> Option<&[u8]> {
        let end = text.iter().position(|&byte| byte == b'=')?;
        Some(trim(&text[..end]))
    }
}

const BLANKS: [char; 2] = [' ', '\t'];

/// A key with or without a value.
fn is_property(text: &str) -> bool {
    match text.split_once('=') {
        Some((key, value)) => {
            is_token(key.trim_matches(BLANKS)) && is_value(value.trim_matches(BLANKS))
        }
        None => is_token(text.trim_matches(BLANKS)),
    }
}

/// A token of RFC 9110, section 5.6.2.
pub(super) fn is_token(text: &str) -> bool {
    let of_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(of_token)
}

/// Visible characters but `"`, `,`, `;` and `\`.
fn is_value(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b'!'..=b'~') && !b"\",;\\".contains(&byte))
}
