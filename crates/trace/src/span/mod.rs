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
pub(crate) use record::ended;

use headers::Shown;
use pseudonym::Pseudonyms;

/// What the spans of a layer show. By default no header, no value of a query, and no user; the path, but for what is
/// beyond 1 KiB.
///
/// Spans have the target `portcullis::trace` and the level `INFO`, end with the body of the answer, and are as long as
/// the duration that an [`Observer`](portcullis_core::Observer) is told.
#[derive(Clone, Debug, Default)]
pub struct Spans {
    headers: Shown,
    query: Arc<[Box<str>]>,
    pseudonyms: Option<Pseudonyms>,
    hides_path: bool,
    made: Made,
}

/// Of which requests there are spans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Made {
    #[default]
    All,
    Sampled,
    None,
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

    /// Shows no path: where something secret may be in one, such as a link to reset a password. The route is shown.
    #[must_use]
    pub const fn without_path(mut self) -> Self {
        self.hides_path = true;
        self
    }

    /// Makes no span of a request whose trace is not sampled: it keeps its ids, and is counted.
    #[must_use]
    pub const fn only_sampled(mut self) -> Self {
        self.made = Made::Sampled;
        self
    }

    /// No span at all: ids and observers only.
    #[must_use]
    pub fn off() -> Self {
        Self {
            made: Made::None,
            ..Self::default()
        }
    }

    /// Whether there is a span of a request that is sampled, or that is not.
    fn makes(&self, sampled: bool) -> bool {
        match self.made {
            Made::All => true,
            Made::Sampled => sampled,
            Made::None => false,
        }
    }

    /// Whether anybody may want a span at all: costs next to nothing.
    #[inline]
    pub(crate) fn listened_to(&self) -> bool {
        use tracing::level_filters::{LevelFilter, STATIC_MAX_LEVEL};
        LevelFilter::INFO <= STATIC_MAX_LEVEL
            && LevelFilter::INFO <= LevelFilter::current()
            && self.made != Made::None
    }
}
