//! The spans of `tracing`, in the words of OpenTelemetry.

mod fields;
mod headers;
mod make;
mod pseudonym;
mod query;
mod record;

use std::sync::Arc;

use http::HeaderName;
use portcullis_core::{ConfigError, Secret};

pub(crate) use make::{client, server};
pub(crate) use record::{ended, head};

use headers::Shown;
use pseudonym::Pseudonyms;

/// What the spans of a layer show. By default no header, no value of a query, and no user.
///
/// Spans have the target `portcullis::trace` and the level `INFO`, end with the body of the answer, and are as long as
/// the duration that an [`Observer`](portcullis_core::Observer) is told.
#[derive(Clone, Debug, Default)]
pub struct Spans {
    headers: Shown,
    query: Arc<[Box<str>]>,
    pseudonyms: Option<Pseudonyms>,
    only_sampled: bool,
}

/// Whether anybody may want a span at all: costs next to nothing.
#[inline]
pub(crate) fn listened_to() -> bool {
    use tracing::level_filters::{LevelFilter, STATIC_MAX_LEVEL};
    LevelFilter::INFO <= STATIC_MAX_LEVEL && LevelFilter::INFO <= LevelFilter::current()
}

// === impl Spans ===

impl Spans {
    /// No header, no value of a query, no user.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Shows these headers of requests: `user-agent` as `user_agent.original`, others in `http.request.headers`.
    ///
    /// # Errors
    /// Names every header that carries credentials: those are never shown.
    pub fn with_headers(
        mut self,
        headers: impl IntoIterator<Item = HeaderName>,
    ) -> Result<Self, ConfigError> {
        self.headers = Shown::new(headers)?;
        Ok(self)
    }

    /// Shows the values of these parameters of a query. Of all others only the name is shown.
    #[must_use]
    pub fn with_query_values<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.query = names.into_iter().map(Box::from).collect();
        self
    }

    /// Shows who the caller is, under a name that only the holder of `key` can tell from the caller's own:
    /// HMAC-SHA-256 of issuer and subject, its first half, in hexadecimal digits.
    #[must_use]
    pub fn with_pseudonyms(mut self, key: Secret) -> Self {
        self.pseudonyms = Some(Pseudonyms::new(key));
        self
    }

    /// Makes no span of a request whose trace is not sampled: it keeps its ids, and is counted.
    #[must_use]
    pub const fn only_sampled(mut self) -> Self {
        self.only_sampled = true;
        self
    }
}
