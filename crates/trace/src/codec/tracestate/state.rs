//! A `tracestate` for those who have something of their own to say in it.

use std::fmt;
use std::str::FromStr;

use http::HeaderValue;

use super::members::{self, MOST, Members};

/// A `tracestate`: what each of several tracing systems notes about a trace, under a key of its own.
///
/// The layers hand it on unread. It is for whoever adds an entry.
///
/// | | |
/// |---|---|
/// | key | a lower-case letter or digit, then up to 255 of those and `_-*/@` (level 2) |
/// | value | up to 256 visible characters and blanks but `,` and `=`; the last is no blank |
/// | entries | up to 32; of those with one key, the first counts |
///
/// # Examples
/// ```
/// use portcullis_trace::TraceState;
///
/// let theirs = TraceState::parse(b"rojo=00f067aa0ba902b7, congo=t61rcWkgMzE")?;
/// let mine = theirs.with("acme@shop", "tier:2")?;
/// assert_eq!(mine.to_string(), "acme@shop=tier:2,rojo=00f067aa0ba902b7,congo=t61rcWkgMzE");
/// assert_eq!(mine.get("rojo"), Some("00f067aa0ba902b7"));
/// # Ok::<(), portcullis_trace::BadTraceState>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct TraceState {
    /// The list as it is sent.
    text: String,
}

/// Why something is no `tracestate`, or no entry of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadTraceState {
    /// No key, or not one.
    Key,
    /// No value, or not one.
    Value,
    /// More than 32 entries.
    Members,
}

// === impl TraceState ===

impl TraceState {
    /// Reads the value of the header. One that is not as it must be says nothing: no part of it is to be used.
    ///
    /// # Errors
    /// The first thing in it that is not allowed.
    pub fn parse(value: &[u8]) -> Result<Self, BadTraceState> {
        let mut members = Members::new();
        members.read(value)?;
        let text = String::from_utf8(members.join()).map_err(|_| BadTraceState::Value)?;
        Ok(Self { text })
    }

    /// What is noted under `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        let (_, value) = self.iter().find(|&(other, _)| other == key)?;
        Some(value)
    }

    /// The same with an entry of one's own: it stands first, in the place of an older one with its key. If that
    /// makes 33, the last goes.
    ///
    /// # Errors
    /// `key` is no key or `value` no value.
    pub fn with(&self, key: &str, value: &str) -> Result<Self, BadTraceState> {
        if !members::is_key(key.as_bytes()) {
            return Err(BadTraceState::Key);
        }
        if !members::is_value(value.as_bytes()) {
            return Err(BadTraceState::Value);
        }
        let mut text = String::with_capacity(key.len() + value.len() + 2 + self.text.len());
        text.extend([key, "=", value]);
        let others = self.iter().filter(|&(other, _)| other != key);
        for (key, value) in others.take(MOST - 1) {
            text.extend([",", key, "=", value]);
        }
        Ok(Self { text })
    }

    /// The keys and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.text
            .split(',')
            .filter_map(|member| member.split_once('='))
    }

    /// Whether there is no entry.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The header to send; none if there is no entry.
    #[must_use]
    pub fn to_header_value(&self) -> Option<HeaderValue> {
        let value = HeaderValue::from_str(&self.text).ok()?;
        (!value.is_empty()).then_some(value)
    }
}

impl fmt::Display for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TraceState").field(&self.text).finish()
    }
}

impl FromStr for TraceState {
    type Err = BadTraceState;

    fn from_str(text: &str) -> Result<Self, BadTraceState> {
        Self::parse(text.as_bytes())
    }
}

// === impl BadTraceState ===

impl fmt::Display for BadTraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "not a key of a tracestate",
            Self::Value => "not a value of a tracestate",
            Self::Members => "more entries than a tracestate may have",
        })
    }
}

impl std::error::Error for BadTraceState {}
