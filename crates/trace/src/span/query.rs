//! A query without its values.

use std::fmt;

/// A query of which only some values are shown: tokens, codes and signatures travel in queries.
pub(super) struct Redacted<'a> {
    pub(super) query: &'a str,
    pub(super) shown: &'a [Box<str>],
}

/// The most that is shown, in bytes.
const MOST: usize = 1024;

impl fmt::Display for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = MOST;
        for (index, pair) in self.query.split('&').enumerate() {
            let Some(rest) = left.checked_sub(pair.len() + 1) else {
                return f.write_str("&…");
            };
            left = rest;
            if index > 0 {
                f.write_str("&")?;
            }
            match pair.split_once('=') {
                // Without a name or without a value it may be all value: base64 ends in `=`.
                Some((name, value))
                    if !self.shows(name) && (is_padding(value) || name.len() > LONGEST_NAME) =>
                {
                    f.write_str("REDACTED")?;
                }
                Some((name, _)) if !self.shows(name) => write!(f, "{name}=REDACTED")?,
                None if !pair.is_empty() && !self.shows(pair) => f.write_str("REDACTED")?,
                _ => f.write_str(pair)?,
            }
        }
        Ok(())
    }
}

fn is_padding(value: &str) -> bool {
    value.bytes().all(|byte| byte == b'=')
}

/// What is longer is no name that a person gave.
const LONGEST_NAME: usize = 64;

impl Redacted<'_> {
    fn shows(&self, name: &str) -> bool {
        self.shown.iter().any(|one| **one == *name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(query: &str, shown: &[&str]) -> String {
        let shown: Vec<Box<str>> = shown.iter().map(|name| (*name).into()).collect();
        let redacted = Redacted {
            query,
            shown: &shown,
        };
        redacted.to_string()
    }

    #[test]
    fn only_values_that_are_listed_are_shown() {
        for (query, expected) in [
            ("page=2&token=secret", "page=2&token=REDACTED"),
            ("token=a=b", "token=REDACTED"),
            ("secret", "REDACTED"),
            ("c2VjcmV0LXRva2Vu=", "REDACTED"),
            ("c2VjcmV0LXRva2Vu==", "REDACTED"),
            ("empty=&page=", "REDACTED&page="),
            ("page", "page"),
            ("", ""),
            ("a=1&&page=3", "a=REDACTED&&page=3"),
            ("%70age=2", "%70age=REDACTED"),
            ("Page=2", "Page=REDACTED"),
        ] {
            assert_eq!(redacted(query, &["page"]), expected, "{query}");
        }
    }

    #[test]
    fn a_name_that_nobody_gave_is_not_shown() {
        let query = format!("{}=1", "x".repeat(65));
        assert_eq!(redacted(&query, &[]), "REDACTED");
    }

    #[test]
    fn a_long_query_is_cut_at_a_parameter() {
        let query = format!("a=1&b={}", "x".repeat(5000));
        assert_eq!(redacted(&query, &[]), "a=REDACTED&…");
    }
}
