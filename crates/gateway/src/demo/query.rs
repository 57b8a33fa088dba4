//! The query of a URL, as names and values.

use percent_encoding::percent_decode_str;

/// The names and values of a query, decoded.
pub(super) fn pairs(query: Option<&str>) -> Vec<(String, String)> {
    query
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

fn decode(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded_pairs() {
        let of = |query| -> Vec<(String, String)> { pairs(query) };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(of(None), []);
        assert_eq!(of(Some("&&")), []);
        assert_eq!(
            of(Some("expired&scope=api%3Aread+x&a=b=c")),
            [
                pair("expired", ""),
                pair("scope", "api:read x"),
                pair("a", "b=c")
            ]
        );
    }
}
