//! Paths that mean the same to everybody, or are refused.

/// Why a request path is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ambiguity {
    /// A dot segment, plain, encoded, or with path parameters: `/..`, `/%2e%2e`, `/..;x`.
    DotSegment,
    /// `%2F`, `%5C`, a backslash, `%00`, or a control character.
    Separator,
    /// A `%` without two hexadecimal digits (some servers know `%u002e`), bytes beyond ASCII that are not
    /// encoded, or UTF-8 that is longer than it need be (`%c0%af` was a slash to some).
    Encoding,
}

/// Whether a path has nothing in it that anybody could read otherwise: what most paths are, told in one
/// pass and without a copy. Of others the rest of this module tells more.
pub(crate) fn is_plain(path: &str) -> bool {
    let mut before = 0;
    path.bytes().all(|byte| {
        let plain = match byte {
            b'%' | b';' | b'\\' | 0..=b' ' | 0x7f.. => false,
            b'/' | b'.' => before != b'/',
            _ => true,
        };
        before = byte;
        plain
    })
}

/// Says what is ambiguous about a path.
///
/// The path goes upstream as it came. So whatever an upstream may resolve to another path than the one
/// that was matched must not get that far: the route that was checked would not be the one that answers.
pub(crate) fn ambiguity(path: &str) -> Option<Ambiguity> {
    let decoded = decode(path);
    // What a second decoding would bring forth is not our business: `%252f` is the text `%2f`.
    let encoded_slash = decoded.iter().filter(|byte| **byte == b'/').count()
        != path.bytes().filter(|byte| *byte == b'/').count();
    if encoded_slash
        || decoded
            .iter()
            .any(|byte| *byte == b'\\' || byte.is_ascii_control())
    {
        return Some(Ambiguity::Separator);
    }
    if !path.is_ascii() || !well_encoded(path) || has_overlong(&decoded) {
        return Some(Ambiguity::Encoding);
    }
    decoded
        .split(|byte| *byte == b'/')
        .map(without_parameters)
        .any(|segment| segment == b"." || segment == b"..")
        .then_some(Ambiguity::DotSegment)
}

/// The path that a lenient upstream may see: decoded, path parameters dropped, slashes merged.
///
/// Where it leads to another route than the path as it is, the request is refused.
pub(crate) fn lenient(path: &str) -> String {
    let decoded = decode(path);
    let mut seen = Vec::with_capacity(decoded.len());
    for (index, segment) in decoded.split(|byte| *byte == b'/').enumerate() {
        let segment = without_parameters(segment);
        if index > 0 && seen.last() != Some(&b'/') {
            seen.push(b'/');
        }
        seen.extend_from_slice(segment);
    }
    String::from_utf8_lossy(&seen).into_owned()
}

/// Whether each `%` is followed by two hexadecimal digits (RFC 3986 section 2.1).
fn well_encoded(path: &str) -> bool {
    path.split('%').skip(1).all(|rest| {
        let digits = rest.as_bytes().iter().take(2);
        digits.filter(|byte| byte.is_ascii_hexdigit()).count() == 2
    })
}

/// Whether a character is encoded in more bytes than it takes (RFC 3629 section 3).
fn has_overlong(decoded: &[u8]) -> bool {
    decoded.windows(2).any(|pair| {
        matches!(
            pair,
            [0xc0..=0xc1, 0x80..=0xbf] | [0xe0, 0x80..=0x9f] | [0xf0, 0x80..=0x8f]
        )
    })
}

fn decode(path: &str) -> Vec<u8> {
    percent_encoding::percent_decode_str(path).collect()
}

/// A segment up to its first `;`: what some servers take for its name.
fn without_parameters(segment: &[u8]) -> &[u8] {
    segment
        .iter()
        .position(|byte| *byte == b';')
        .map_or(segment, |end| &segment[..end])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_an_upstream_could_resolve_otherwise_is_ambiguous() {
        use Ambiguity::{DotSegment, Encoding, Separator};
        for (path, expected) in [
            ("/", None),
            ("/a/b.c/..d/...", None),
            ("/a%20b/%E4", None),
            ("/a%252fb", None),
            ("/a//b", None),
            ("/a;v=1/b", None),
            ("/100%25", None),
            ("/\u{e4}", Some(Encoding)),
            ("/100%", Some(Encoding)),
            ("/%u002e%u002e/a", Some(Encoding)),
            ("/a%2", Some(Encoding)),
            ("/%c0%ae%c0%ae/a", Some(Encoding)),
            ("/a%c0%afb", Some(Encoding)),
            ("/a%e0%80%afb", Some(Encoding)),
            ("/a%f0%80%80%afb", Some(Encoding)),
            ("/%e2%82%ac", None),
            ("/..", Some(DotSegment)),
            ("/./a", Some(DotSegment)),
            ("/a/../b", Some(DotSegment)),
            ("/a/%2e%2E/b", Some(DotSegment)),
            ("/a/.%2e", Some(DotSegment)),
            ("/a/..;/b", Some(DotSegment)),
            ("/a/%2e%2e%3bx/b", Some(DotSegment)),
            ("/a%2fb", Some(Separator)),
            ("/a%2Fb", Some(Separator)),
            ("/a%5cb", Some(Separator)),
            ("/a\\b", Some(Separator)),
            ("/a%00", Some(Separator)),
            ("/a%0d%0a", Some(Separator)),
            ("/a%7f", Some(Separator)),
        ] {
            assert_eq!(ambiguity(path), expected, "{path}");
        }
    }

    #[test]
    fn a_lenient_reading_merges_decodes_and_drops_parameters() {
        for (path, seen) in [
            ("/a/b", "/a/b"),
            ("//a///b/", "/a/b/"),
            ("/%61dmin", "/admin"),
            ("/admin;v=1/x;y", "/admin/x"),
            ("/;/admin", "/admin"),
        ] {
            assert_eq!(lenient(path), seen, "{path}");
        }
    }

    #[test]
    fn plain_is_what_needs_no_second_look() {
        for path in ["/", "/a/b.c/x-1_2~", "/api/", "/a.b", "/a...b"] {
            assert!(is_plain(path), "{path}");
        }
        for path in [
            "//",
            "/a//b",
            "/.",
            "/a/..",
            "/.well-known",
            "/a;b",
            "/%61",
            "/a\\b",
            "/\u{e4}",
            "/\u{7f}",
        ] {
            assert!(!is_plain(path), "{path}");
        }
    }

    proptest! {
        #[test]
        fn plain_paths_have_one_reading(path in "/[a-c./%;2ef\\\\]{0,12}") {
            if is_plain(&path) {
                prop_assert_eq!(ambiguity(&path), None);
                prop_assert_eq!(lenient(&path), path);
            }
        }

        #[test]
        fn any_text_has_an_answer(path in "\\PC*") {
            let _ = (ambiguity(&path), lenient(&path));
        }

        #[test]
        fn plain_paths_are_read_as_they_are(path in "(/[a-z0-9_-]{1,8}){1,5}/?") {
            prop_assert_eq!(ambiguity(&path), None);
            prop_assert_eq!(lenient(&path), path);
        }
    }
}
