//! The elements of a forwarding header, from the right.

use std::{
    iter::Rev,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str,
};

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{FORWARDED, ValueIter},
};

use super::{ClientIp, ProxyHeader, forwarded};

/// The longest element. Room for a quoted address with port, a host name, and more parameters.
pub(super) const MAX_ELEMENT_BYTES: usize = 512;

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// What one element says about who called the proxy that wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// This address.
    Address(IpAddr),
    /// Somebody; the proxy chose not to tell (RFC 7239 sections 6.2 and 6.3).
    Hidden,
    /// Nothing that can be read.
    Malformed,
}

/// There is more to the left than is ever looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// The nodes of all lines of a header as one list, right to left.
pub(super) struct NodesFromRight<'a> {
    header: ProxyHeader,
    lines: Rev<ValueIter<'a, HeaderValue>>,
    line: Option<&'a [u8]>,
    budget: u8,
}

// === impl Node ===

impl Node {
    /// Reads `node` of RFC 7239 section 6; also what stands in `X-Forwarded-For`, where IPv6
    /// addresses mostly have no brackets.
    pub(super) fn parse(text: &[u8]) -> Self {
        let Ok(text) = str::from_utf8(text) else {
            return Self::Malformed;
        };
        if let Ok(address) = text.parse::<IpAddr>() {
            return Self::address(address);
        }
        if let Some(bracketed) = text.strip_prefix('[') {
            return bracketed
                .split_once(']')
                .filter(|(_, rest)| rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port))
                .and_then(|(address, _)| address.parse::<Ipv6Addr>().ok())
                .map_or(Self::Malformed, |address| Self::address(address.into()));
        }
        let name = match text.split_once(':') {
            Some((name, port)) if is_port(port) => name,
            Some(_) => return Self::Malformed,
            None => text,
        };
        if let Ok(address) = name.parse::<Ipv4Addr>() {
            Self::address(address.into())
        } else if name.eq_ignore_ascii_case("unknown") || is_obfuscated(name) {
            Self::Hidden
        } else {
            Self::Malformed
        }
    }

    fn address(address: IpAddr) -> Self {
        Self::Address(address.to_canonical())
    }
}

/// RFC 7239 section 6: `port = 1*5DIGIT`, or obfuscated.
fn is_port(text: &str) -> bool {
    let number = (1..=5).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    number || is_obfuscated(text)
}

/// RFC 7239 section 6.3: `"_" 1*( ALPHA / DIGIT / "." / "_" / "-")`.
fn is_obfuscated(text: &str) -> bool {
    text.strip_prefix('_').is_some_and(|name| {
        !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    })
}

// === impl NodesFromRight ===

impl<'a> NodesFromRight<'a> {
    pub(super) fn new(header: ProxyHeader, headers: &'a HeaderMap) -> Self {
        let lines = match header {
            ProxyHeader::XForwardedFor => headers.get_all(&X_FORWARDED_FOR),
            ProxyHeader::Forwarded => headers.get_all(FORWARDED),
        };
        Self {
            header,
            lines: lines.iter().rev(),
            line: None,
            budget: ClientIp::MAX_HOPS,
        }
    }

    /// The next node to the left.
    ///
    /// Empty elements are skipped (RFC 9110 section 5.6.1.2), but use up the budget.
    pub(super) fn next(&mut self) -> Result<Option<Node>, TooLong> {
        loop {
            let line = match self.line.take() {
                Some(line) => line,
                None => match self.lines.next() {
                    Some(value) => value.as_bytes(),
                    None => return Ok(None),
                },
            };
            self.budget = self.budget.checked_sub(1).ok_or(TooLong)?;
            let element = match self.last_comma(line)? {
                Some(comma) => {
                    self.line = Some(&line[..comma]);
                    &line[comma + 1..]
                }
                None => line,
            };
            let element = trim(element);
            if !element.is_empty() {
                return Ok(Some(match self.header {
                    ProxyHeader::XForwardedFor => Node::parse(element),
                    ProxyHeader::Forwarded => forwarded::node(element),
                }));
            }
        }
    }

    /// Where the last element of `line` begins: at the comma before it, or at the line's start.
    fn last_comma(&self, line: &[u8]) -> Result<Option<usize>, TooLong> {
        let unseen = line.len().saturating_sub(MAX_ELEMENT_BYTES + 1);
        let window = &line[unseen..];
        let comma = match self.header {
            ProxyHeader::XForwardedFor => window.iter().rposition(|&byte| byte == b','),
            ProxyHeader::Forwarded => forwarded::last_comma(window),
        };
        match comma {
            Some(comma) => Ok(Some(unseen + comma)),
            None if line.len() > MAX_ELEMENT_BYTES => Err(TooLong),
            None => Ok(None),
        }
    }
}

/// Without the optional whitespace of RFC 9110 section 5.6.3 on both sides.
pub(super) fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_read_as_documented() {
        for (text, expected) in [
            ("192.0.2.1", Some("192.0.2.1")),
            ("192.0.2.1:4711", Some("192.0.2.1")),
            ("192.0.2.1:_p", Some("192.0.2.1")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("[2001:DB8::1]:4711", Some("2001:db8::1")),
            ("::ffff:192.0.2.1", Some("192.0.2.1")),
            ("[::ffff:c000:201]:80", Some("192.0.2.1")),
            ("192.0.2.1:", None),
            ("192.0.2.1:123456", None),
            ("192.0.2.1:-1", None),
            ("192.0.2.1:80:80", None),
            ("192.0.2.256", None),
            ("192.0.2.01", None),
            ("192.0.2", None),
            ("[192.0.2.1]:80", None),
            ("[2001:db8::1", None),
            ("[2001:db8::1]80", None),
            ("[2001:db8::1]:", None),
            ("fe80::1%eth0", None),
            ("\"192.0.2.1\"", None),
            ("localhost", None),
            ("", None),
        ] {
            let expected =
                expected.map_or(Node::Malformed, |ip| Node::Address(ip.parse().unwrap()));
            assert_eq!(Node::parse(text.as_bytes()), expected, "{text}");
        }
        for text in [
            "unknown",
            "UNKNOWN",
            "unknown:80",
            "_x",
            "_SEVKISEK",
            "_a.b-c_d:_e",
        ] {
            assert_eq!(Node::parse(text.as_bytes()), Node::Hidden, "{text}");
        }
        for text in ["_", "_a b", "_ü", "unknown:", "unknowns"] {
            assert_eq!(Node::parse(text.as_bytes()), Node::Malformed, "{text}");
        }
        assert_eq!(Node::parse(b"192.0.2.1\xff"), Node::Malformed);
    }

    #[test]
    fn trimming_takes_spaces_and_tabs_only() {
        assert_eq!(trim(b" \t a b\t "), b"a b");
        assert_eq!(trim(b" \t "), b"");
        assert_eq!(trim(b"\x0ba"), b"\x0ba");
    }
}
