//! Paths that mean the same to everybody, or are refused.

/// Why a request path is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ambiguity {
    /// A dot segment, plain, encoded, or with path parameters: `/..`, `/%2e%2e`, `/..;x`.
    DotSegment,
    /// `%2F`, `%5C`, a backslash, `%00`, or a control character.
    Separator,
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
        use Ambiguity::{DotSegment, Separator};
        for (path, expected) in [
            ("/", None),
            ("/a/b.c/..d/...", None),
            ("/a%20b/%E4", None),
            ("/a%252fb", None),
            ("/a//b", None),
            ("/a;v=1/b", None),
            ("/100%", None),
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

    proptest! {
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
