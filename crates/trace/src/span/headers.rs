//! Headers that may be shown.

use std::fmt;
use std::sync::Arc;

use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE, USER_AGENT};
use http::{HeaderMap, HeaderName};
use portcullis_core::{ConfigError, Problems};

#[derive(Clone, Debug, Default)]
pub(super) struct Shown {
    pub(super) user_agent: bool,
    others: Arc<[HeaderName]>,
}

/// The headers of a request, as far as they may be shown.
pub(super) struct Listed<'a>(&'a Shown, &'a HeaderMap);

/// The most that is shown of one value, in bytes.
const MOST: usize = 256;

// === impl Shown ===

impl Shown {
    pub(super) fn new(headers: impl IntoIterator<Item = HeaderName>) -> Result<Self, ConfigError> {
        let mut problems = Problems::new();
        let mut shown = Self::default();
        let mut others = Vec::new();
        for name in headers {
            if [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, SET_COOKIE].contains(&name) {
                let message = format!("has {name:?}, which carries credentials");
                problems.push("headers", message, "leave it out");
            } else if name == USER_AGENT {
                shown.user_agent = true;
            } else if !others.contains(&name) {
                others.push(name);
            }
        }
        shown.others = others.into();
        problems.into_result(shown)
    }

    /// Those of a request, if any are to be shown.
    pub(super) fn of<'a>(&'a self, headers: &'a HeaderMap) -> Option<Listed<'a>> {
        let any = self.others.iter().any(|name| headers.contains_key(name));
        any.then_some(Listed(self, headers))
    }
}

/// What is shown of one value: not more than fits, and no control characters.
pub(super) fn value(value: &http::HeaderValue) -> String {
    if value.is_sensitive() {
        return "…".to_owned();
    }
    let bytes = value.as_bytes();
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(MOST)]);
    let escaped = shown.chars().map(|char| match char.is_control() {
        true => char.escape_default().to_string(),
        false => char.to_string(),
    });
    escaped.collect()
}

// === impl Listed ===

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(shown, headers) = self;
        let mut first = true;
        for name in shown.others.iter() {
            for one in headers.get_all(name) {
                if !std::mem::take(&mut first) {
                    f.write_str("; ")?;
                }
                // Quoted, lest a value look like another field.
                write!(f, "{name}: {:?}", value(one))?;
            }
        }
        Ok(())
    }
}
