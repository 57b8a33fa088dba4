//! Requests that come back.

use std::sync::Arc;

use http::header::VIA;
use http::{HeaderMap, HeaderValue, Version};

/// What a gateway calls itself in `Via`: 64 random bits, so that it knows itself and no other one, and tells
/// nobody where it runs (RFC 9110 section 7.6.3). It is the same for as long as it runs.
///
/// # Clone
/// Clones are of the same gateway.
#[derive(Clone, Debug)]
pub(crate) struct Via(Arc<Name>);

#[derive(Debug)]
struct Name {
    text: String,
    http10: HeaderValue,
    http11: HeaderValue,
    http2: HeaderValue,
}

// === impl Via ===

impl Via {
    pub(crate) fn fresh() -> Self {
        Self(Arc::new(Name::new(fastrand::u64(..))))
    }

    /// Says that a request came through here, and by which version of HTTP.
    pub(crate) fn tell(&self, headers: &mut HeaderMap, version: Version) {
        self.0.tell(headers, version);
    }

    /// Whether a request came through here before: it is going round in a circle, which nobody else ends.
    pub(crate) fn is_back(&self, headers: &HeaderMap) -> bool {
        // Few requests have it.
        headers.contains_key(VIA) && self.0.is_in(headers)
    }
}

// === impl Name ===

impl Name {
    fn new(number: u64) -> Self {
        let text = format!("portcullis-{number:016x}");
        let of = |version| {
            // Always a value.
            let value = HeaderValue::try_from(format!("{version} {text}"));
            value.unwrap_or(HeaderValue::from_static("1.1 portcullis"))
        };
        let (http10, http11, http2) = (of("1.0"), of("1.1"), of("2"));
        Self {
            text,
            http10,
            http11,
            http2,
        }
    }

    fn tell(&self, headers: &mut HeaderMap, version: Version) {
        let value = match version {
            Version::HTTP_10 => &self.http10,
            Version::HTTP_2 => &self.http2,
            _ => &self.http11,
        };
        // Behind those that are there: the last to forward it is the last in the list.
        headers.append(VIA, value.clone());
    }

    fn is_in(&self, headers: &HeaderMap) -> bool {
        let mut hops = headers
            .get_all(VIA)
            .into_iter()
            .flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
        // A version, a name, perhaps a comment.
        hops.any(|hop| {
            let mut words = hop.split(u8::is_ascii_whitespace);
            let mut words = words.by_ref().filter(|word| !word.is_empty());
            words.nth(1) == Some(self.text.as_bytes())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn via(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(VIA, line.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_gateway_knows_itself_among_others() {
        let (own, other) = (Name::new(7), Name::new(8));
        for version in [Version::HTTP_10, Version::HTTP_11, Version::HTTP_2] {
            let mut headers = via(&["1.0 fred, 1.1 p.example.com (Apache/1.1)"]);
            other.tell(&mut headers, version);
            assert!(!own.is_in(&headers));
            own.tell(&mut headers, version);
            other.tell(&mut headers, version);
            assert!(own.is_in(&headers), "{headers:?}");
        }
    }

    #[test]
    fn a_name_is_found_however_others_put_the_list() {
        let own = Name::new(7);
        let name = &own.text;
        for (lines, back) in [
            (vec![format!("1.1 a, 1.1 {name}")], true),
            (
                vec![format!("1.1 a,HTTP/1.1\t {name} (a comment),2 b")],
                true,
            ),
            (vec!["1.1 a".to_owned(), format!(" 2 {name} ,")], true),
            (vec![format!("1.1 {name}x, 1.1 x{name}")], false),
            (vec![name.clone()], false),
            (vec![format!("1.1 a ({name})")], false),
            (vec![",, ,".to_owned(), String::new()], false),
        ] {
            let lines: Vec<_> = lines.iter().map(String::as_str).collect();
            assert_eq!(own.is_in(&via(&lines)), back, "{lines:?}");
        }
    }
}
