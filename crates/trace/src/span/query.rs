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
                Some((name, _)) if !self.shows(name) => write!(f, "{name}=REDACTED")?,
                // Without a name it is all value.
                None if !pair.is_empty() && !self.shows(pair) => f.write_str("REDACTED")?,
                _ => f.write_str(pair)?,
            }
        }
        Ok(())
    }
}

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
    fn a_long_query_is_cut_at_a_parameter() {
        let query = format!("a=1&b={}", "x".repeat(5000));
        assert_eq!(redacted(&query, &[]), "a=REDACTED&…");
    }
}
