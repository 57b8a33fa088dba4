//! One element of the `Forwarded` header (RFC 7239 section 4).
//!
//! Elements are found from the right, so that an unbalanced quote which a client put on the left
//! cannot swallow what a proxy appended. That is unambiguous for well-formed elements: going left
//! inside a quoted string, the first quote without an odd number of backslashes before it is the
//! opening one.

use super::element::{Node, trim};

/// The longest node worth unquoting: a bracketed IPv6 address and a port have at most 53 bytes.
const MAX_NODE_BYTES: usize = 64;

/// The last comma that does not stand in a quoted string.
pub(super) fn last_comma(line: &[u8]) -> Option<usize> {
    let mut quoted = false;
    for (at, &byte) in line.iter().enumerate().rev() {
        match byte {
            b',' if !quoted => return Some(at),
            b'"' => quoted = !quoted || is_escaped(&line[..at]),
            _ => {}
        }
    }
    None
}

/// Whether what follows `before` is escaped by its last backslash.
fn is_escaped(before: &[u8]) -> bool {
    let backslashes = before.iter().rev().take_while(|&&b| b == b'\\').count();
    backslashes % 2 == 1
}

/// The node of the `for` parameter.
pub(super) fn node(element: &[u8]) -> Node {
    let mut node = None;
    let mut rest = element;
    loop {
        // forwarded-element = [ forwarded-pair ] *( ";" [ forwarded-pair ] )
        rest = trim(rest);
        if let [b';', after @ ..] = rest {
            rest = after;
            continue;
        }
        if rest.is_empty() {
            // Without `for` the proxy tells nothing about who called it.
            return node.unwrap_or(Node::Hidden);
        }
        let Some(pair) = Pair::take(&mut rest) else {
            return Node::Malformed;
        };
        if pair.name.eq_ignore_ascii_case(b"for") {
            // "Each parameter MUST NOT occur more than once per field-value."
            if node.replace(pair.node()).is_some() {
                return Node::Malformed;
            }
        }
    }
}

struct Pair<'a> {
    name: &'a [u8],
    /// Without the quotes, but with the backslashes.
    value: &'a [u8],
    quoted: bool,
}

// === impl Pair ===

impl<'a> Pair<'a> {
    /// Takes `name=value` off the front of `rest`, up to the semicolon or the end.
    fn take(rest: &mut &'a [u8]) -> Option<Self> {
        let equals = rest.iter().position(|&b| b == b'=')?;
        let name = &rest[..equals];
        if name.is_empty() || !name.iter().all(is_token) {
            return None;
        }
        let after = &rest[equals + 1..];
        let (value, quoted, after) = match after {
            [b'"', inside @ ..] => {
                let close = closing_quote(inside)?;
                (&inside[..close], true, trim(&inside[close + 1..]))
            }
            _ => {
                let end = after.iter().position(|&b| b == b';');
                let (value, after) = after.split_at(end.unwrap_or(after.len()));
                // Only a token may go unquoted, yet ports and brackets are often seen.
                (trim(value), false, after)
            }
        };
        if !matches!(after, [] | [b';', ..]) {
            return None;
        }
        if !quoted && (value.is_empty() || value.iter().any(|b| b" \t\"\\".contains(b))) {
            return None;
        }
        *rest = after;
        Some(Self {
            name,
            value,
            quoted,
        })
    }

    fn node(&self) -> Node {
        if !self.quoted || !self.value.contains(&b'\\') {
            return Node::parse(self.value);
        }
        let mut buffer = [0; MAX_NODE_BYTES];
        unescape(self.value, &mut buffer).map_or(Node::Malformed, Node::parse)
    }
}

/// Where the quoted string ends whose inside begins here.
fn closing_quote(inside: &[u8]) -> Option<usize> {
    let mut escaped = false;
    inside.iter().position(|&byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

/// Resolves quoted pairs (RFC 9110 section 5.6.4).
fn unescape<'b>(value: &[u8], buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let mut length = 0;
    let mut escaped = false;
    for &byte in value {
        if byte == b'\\' && !escaped {
            escaped = true;
        } else {
            *buffer.get_mut(length)? = byte;
            length += 1;
            escaped = false;
        }
    }
    Some(&buffer[..length])
}

/// RFC 9110 section 5.6.2.
fn is_token(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_read_as_documented() {
        for (text, expected) in [
            ("for=192.0.2.43", "192.0.2.43"),
            ("For=192.0.2.43", "192.0.2.43"),
            ("FOR=\"192.0.2.43:47011\"", "192.0.2.43"),
            ("for=192.0.2.43:47011", "192.0.2.43"),
            ("for=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("for=\"[2001:db8:cafe::17]\"", "2001:db8:cafe::17"),
            ("for=\"2001:db8:cafe::17\"", "2001:db8:cafe::17"),
            ("for=[2001:db8:cafe::17]:80", "2001:db8:cafe::17"),
            ("for=\"\\1\\92.0.2.43\"", "192.0.2.43"),
            ("for=\"[::ffff:192.0.2.43]\"", "192.0.2.43"),
            ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
            (
                "proto=http ; by=203.0.113.43; for=192.0.2.60 ;",
                "192.0.2.60",
            ),
            ("host=\"a;for=6.6.6.6\";for=192.0.2.60", "192.0.2.60"),
            ("host=\"a\\\";for=6.6.6.6\";for=192.0.2.60", "192.0.2.60"),
            ("host=\"a, for=6.6.6.6\";for=192.0.2.60", "192.0.2.60"),
            ("x-for=6.6.6.6;for=192.0.2.60", "192.0.2.60"),
        ] {
            let expected = Node::Address(expected.parse().unwrap());
            assert_eq!(node(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn hidden_elements_are_hidden() {
        for text in [
            "for=unknown",
            "for=Unknown",
            "for=_hidden",
            "for=\"_SEVKISEK:80\"",
            "for=\"\\_hidden\"",
            "by=203.0.113.43;proto=https",
            ";",
        ] {
            assert_eq!(node(text.as_bytes()), Node::Hidden, "{text}");
        }
    }

    #[test]
    fn anything_else_is_malformed() {
        for text in [
            "192.0.2.43",
            "for",
            "for=",
            "for=\"\"",
            "=192.0.2.43",
            "for =192.0.2.43",
            "for= \"192.0.2.43\"",
            "for=\"192.0.2.43",
            "for=192.0.2.43\"",
            "for=\"192.0.2.43\"x",
            "for=\"192.0.2.43\\",
            "for=192.0.2.43 x",
            "for=192.0.2.43;for=192.0.2.43",
            "for=192.0.2.43;FOR=unknown",
            "for=192.0.2.43;what",
            "for=192.0.2.43;host=\"x",
            "for=localhost",
        ] {
            assert_eq!(node(text.as_bytes()), Node::Malformed, "{text}");
        }
        let long = format!("for=\"\\{}\"", "1".repeat(MAX_NODE_BYTES + 1));
        assert_eq!(node(long.as_bytes()), Node::Malformed);
    }

    #[test]
    fn commas_in_quotes_do_not_separate() {
        for (line, expected) in [
            ("for=1.1.1.1", None),
            ("a, for=1.1.1.1", Some(1)),
            ("a, host=\"x,y\"", Some(1)),
            ("a, host=\"x\\\",y\"", Some(1)),
            ("a, host=\"x,\\\\\"", Some(1)),
            ("a, host=\"\\\\\\\",\"", Some(1)),
            // What a client left open does not reach what was appended.
            ("for=\", for=1.1.1.1", Some(5)),
            ("for=\"\\, for=\"1.1.1.1\"", Some(6)),
            ("host=\"x,y\"", None),
        ] {
            assert_eq!(last_comma(line.as_bytes()), expected, "{line}");
        }
    }
}
