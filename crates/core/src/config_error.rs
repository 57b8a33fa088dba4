//! Every problem of a configuration at once.

use std::{
    error::Error,
    fmt::{self, Write},
    slice,
};

/// One thing that is wrong with a configuration: where, what, and what to do about it.
///
/// Never put the value of a secret in it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigProblem {
    /// The path of the field, such as `issuer[0].audiences`.
    pub path: String,
    /// What is wrong, as the predicate of a sentence about the field: `is empty`.
    pub message: String,
    /// What to do about it, as a command: `name at least one audience`. May be empty.
    pub remedy: String,
}

/// A configuration that cannot be used, with every problem found in it.
///
/// `Display` writes one line for each, in the order they were found.
///
/// # Examples
/// ```
/// use portcullis_core::{ConfigError, Problems};
///
/// fn check(audiences: &[&str], leeway_seconds: u64) -> Result<(), ConfigError> {
///     let mut problems = Problems::new();
///     if audiences.is_empty() {
///         problems.push("audiences", "is empty", "name at least one audience");
///     }
///     if leeway_seconds > 300 {
///         problems.push("leeway", format!("is {leeway_seconds} s"), "choose at most 300 s");
///     }
///     problems.into_result(())
/// }
///
/// let mut all = Problems::new();
/// all.absorb("issuer[0]", check(&[], 600));
/// assert_eq!(
///     all.into_result(()).unwrap_err().to_string(),
///     "issuer[0].audiences: is empty; name at least one audience\n\
///      issuer[0].leeway: is 600 s; choose at most 300 s",
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    // Never empty: only made from a list that has something in it.
    problems: Vec<ConfigProblem>,
}

/// A list of problems in the making.
///
/// A checking function pushes all that it finds and ends in
/// [`into_result`](Problems::into_result), so that a user repairs a configuration in one round.
#[derive(Clone, Debug, Default)]
#[must_use = "problems are only reported by into_result or check"]
pub struct Problems {
    problems: Vec<ConfigProblem>,
}

// === impl ConfigError ===

impl ConfigError {
    /// A single problem.
    pub fn new(
        path: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            problems: vec![ConfigProblem {
                path: path.into(),
                message: message.into(),
                remedy: remedy.into(),
            }],
        }
    }

    /// The problems, in the order they were found; there is at least one.
    pub fn problems(&self) -> slice::Iter<'_, ConfigProblem> {
        self.problems.iter()
    }

    /// The same problems one level deeper: each path gets `prefix` in front of it.
    #[must_use]
    pub fn nested(mut self, prefix: &str) -> Self {
        for problem in &mut self.problems {
            problem.path = join(prefix, &problem.path);
        }
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_char('\n')?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl Error for ConfigError {}

// === impl Problems ===

impl Problems {
    /// An empty list.
    pub const fn new() -> Self {
        Self {
            problems: Vec::new(),
        }
    }

    /// Whether nothing was found so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// Adds a problem of the field at `path` (empty: of the whole).
    pub fn push(
        &mut self,
        path: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.extend(ConfigError::new(path, message, remedy));
    }

    /// Adds the problems of a part that is configured under `prefix`, or gives its value.
    ///
    /// A prefix and a path are joined by a dot, except before an index: `issuer` and `[0].name`
    /// become `issuer[0].name`.
    pub fn absorb<T>(&mut self, prefix: &str, part: Result<T, ConfigError>) -> Option<T> {
        match part {
            Ok(value) => Some(value),
            Err(error) => {
                self.extend(error.nested(prefix));
                None
            }
        }
    }

    /// Gives `value` if nothing was found.
    ///
    /// # Errors
    /// All that was found.
    pub fn into_result<T>(self, value: T) -> Result<T, ConfigError> {
        self.check().map(|()| value)
    }

    /// Ends the search where no value is at hand before all is known to be right.
    ///
    /// # Errors
    /// All that was found.
    pub fn check(self) -> Result<(), ConfigError> {
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err(ConfigError {
                problems: self.problems,
            })
        }
    }

    fn extend(&mut self, error: ConfigError) {
        self.problems.extend(error.problems);
    }
}

fn join(prefix: &str, path: &str) -> String {
    match (prefix, path) {
        ("", only) | (only, "") => only.to_owned(),
        (prefix, index) if index.starts_with('[') => format!("{prefix}{index}"),
        (prefix, path) => format!("{prefix}.{path}"),
    }
}

// === impl ConfigProblem ===

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write_line(f, &self.path)?;
            f.write_str(": ")?;
        }
        write_line(f, &self.message)?;
        if !self.remedy.is_empty() {
            f.write_str("; ")?;
            write_line(f, &self.remedy)?;
        }
        Ok(())
    }
}

/// Writes text without the line breaks and control characters that a quoted value may bring.
fn write_line(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    text.chars()
        .try_for_each(|c| f.write_char(if c.is_control() { ' ' } else { c }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(error: &ConfigError) -> Vec<&str> {
        error.problems().map(|p| p.path.as_str()).collect()
    }

    #[test]
    fn nothing_found_gives_the_value() {
        assert_eq!(Problems::new().into_result(7), Ok(7));
        assert_eq!(Problems::new().check(), Ok(()));
    }

    #[test]
    fn every_problem_is_reported_in_order() {
        let mut problems = Problems::new();
        assert!(problems.is_empty());
        problems.push("listen", "is not an address", "write host:port");
        problems.push("upstream", "is missing", "");
        assert!(!problems.is_empty());
        let error = problems.into_result(()).unwrap_err();
        assert_eq!(paths(&error), ["listen", "upstream"]);
        assert_eq!(
            error.to_string(),
            "listen: is not an address; write host:port\nupstream: is missing"
        );
    }

    #[test]
    fn nested_paths_join_with_dots_and_indices() {
        let inner = || Err::<(), _>(ConfigError::new("audiences", "is empty", ""));
        let mut issuer = Problems::new();
        assert_eq!(issuer.absorb("[0]", Ok(3)), Some(3));
        assert_eq!(issuer.absorb("[1]", inner()), None);
        assert_eq!(issuer.absorb("", inner()), None);
        issuer.push("", "has no name", "");
        let mut whole = Problems::new();
        whole.absorb("issuer", issuer.into_result(()));
        let error = whole.check().unwrap_err().nested("auth");
        assert_eq!(
            paths(&error),
            [
                "auth.issuer[1].audiences",
                "auth.issuer.audiences",
                "auth.issuer"
            ]
        );
    }

    #[test]
    fn a_problem_of_the_whole_has_no_colon_in_front() {
        let error = ConfigError::new("", "is not TOML", "");
        assert_eq!(error.to_string(), "is not TOML");
    }

    #[test]
    fn a_quoted_value_cannot_break_the_line() {
        let error = ConfigError::new("a\nb", "is \"x\r\ny\"", "z\u{1b}[31m");
        assert_eq!(error.to_string(), "a b: is \"x  y\"; z [31m");
    }
}
