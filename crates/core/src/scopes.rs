//! The granted scopes of a token.

use std::fmt;

/// A set of scopes, kept as the space-separated text of RFC 6749 section 3.3.
///
/// ```
/// use portcullis_core::Scopes;
///
/// let scopes: Scopes = "api:read  api:write".parse()?;
/// assert!(scopes.contains("api:read"));
/// assert!(!scopes.contains("api"));
/// assert_eq!(scopes.as_str(), "api:read api:write");
/// # Ok::<(), portcullis_core::BadScope>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Scopes(Box<str>);

/// A scope with a character that RFC 6749 section 3.3 does not allow (a space, `"`, `\`, a control
/// character, or anything outside ASCII), or an empty one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadScope;

// === impl Scopes ===

impl Scopes {
    /// A set of the given scopes.
    ///
    /// # Errors
    /// [`BadScope`] if one of them is empty or has a character that a scope cannot have: a space in
    /// one would smuggle in a second.
    pub fn new<'a>(scopes: impl IntoIterator<Item = &'a str>) -> Result<Self, BadScope> {
        let mut text = String::new();
        for scope in scopes {
            if !is_scope(scope) {
                return Err(BadScope);
            }
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(scope);
        }
        Ok(Self(text.into_boxed_str()))
    }

    /// Whether `scope` is in the set.
    #[must_use]
    pub fn contains(&self, scope: &str) -> bool {
        self.iter().any(|one| one == scope)
    }

    /// The scopes one by one.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ').filter(|scope| !scope.is_empty())
    }

    /// The scopes as text, one space between two.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::str::FromStr for Scopes {
    type Err = BadScope;

    fn from_str(text: &str) -> Result<Self, BadScope> {
        // The common spelling is the canonical one: keep it with one allocation.
        let canonical = text.split(' ').all(is_scope);
        if canonical {
            return Ok(Self(text.into()));
        }
        Self::new(text.split(' ').filter(|scope| !scope.is_empty()))
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

// === impl BadScope ===

impl fmt::Display for BadScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a scope is printable ASCII without space, quote or backslash (RFC 6749, 3.3)")
    }
}

impl std::error::Error for BadScope {}

/// RFC 6749 section 3.3: `scope-token = 1*( %x21 / %x23-5B / %x5D-7E )`.
fn is_scope(scope: &str) -> bool {
    !scope.is_empty()
        && scope
            .bytes()
            .all(|byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_space_inside_one_scope_is_refused() {
        assert_eq!(Scopes::new(["api:read admin"]), Err(BadScope));
    }

    #[test]
    fn quotes_and_control_characters_are_refused() {
        for bad in ["a\"b", "a\\b", "a\tb", "a\u{7f}", "ä", "a\r\nb"] {
            assert_eq!(bad.parse::<Scopes>(), Err(BadScope), "{bad:?}");
        }
    }

    #[test]
    fn empty_text_is_no_scope() {
        let none: Scopes = "  ".parse().unwrap();
        assert!(none.is_empty() && none.iter().next().is_none());
        assert!("".parse::<Scopes>().unwrap().is_empty());
    }
}
