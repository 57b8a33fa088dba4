//! A key id made safe to show.

use std::fmt;

/// A `kid` as it may appear in logs and errors: at most 64 printable ASCII characters, everything
/// else escaped, and cut with `…` where there was more.
///
/// It is for reading only. Two different ids may have one label.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct KidLabel(Box<str>);

const MAX_CHARS: usize = 64;

// === impl KidLabel ===

impl KidLabel {
    /// Creates the label of an id from anywhere.
    #[must_use]
    pub fn new(kid: &str) -> Self {
        let mut label = String::new();
        for character in kid.chars() {
            let before = label.len();
            match character {
                ' '..='~' if !matches!(character, '"' | '\\') => label.push(character),
                _ => label.extend(character.escape_default()),
            }
            if label.len() > MAX_CHARS {
                label.truncate(before);
                label.push('…');
                break;
            }
        }
        Self(label.into())
    }

    /// Returns the label.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KidLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KidLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn control_characters_quotes_and_non_ascii_are_escaped() {
        assert_eq!(KidLabel::new("key-1").as_str(), "key-1");
        assert_eq!(KidLabel::new("a\r\n\"b\\").as_str(), r#"a\r\n\"b\\"#);
        assert_eq!(
            KidLabel::new("\u{202e}é\0").as_str(),
            r"\u{202e}\u{e9}\u{0}"
        );
    }

    #[test]
    fn a_long_id_is_cut() {
        assert_eq!(KidLabel::new(&"k".repeat(64)).as_str(), "k".repeat(64));
        assert_eq!(
            KidLabel::new(&"k".repeat(10_000)).as_str(),
            format!("{}…", "k".repeat(64))
        );
        // An escape is left out whole, never cut in the middle.
        assert_eq!(
            KidLabel::new(&"\n".repeat(40)).as_str(),
            format!("{}…", r"\n".repeat(32))
        );
    }

    proptest! {
        #[test]
        fn a_label_is_short_and_printable(kid in any::<String>()) {
            let label = KidLabel::new(&kid);
            prop_assert!(label.as_str().chars().count() <= MAX_CHARS + 1);
            let shown = label.as_str().trim_end_matches('…');
            prop_assert!(shown.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        }
    }
}
