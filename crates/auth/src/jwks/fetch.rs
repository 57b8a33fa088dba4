//! One attempt to fetch the keys: metadata if need be, then the set.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use portcullis_core::UnixTime;

use crate::key::{DroppedKey, JwksOptions, VerifyingKey, parse_jwks};
use crate::url::HttpUrl;

use super::discovery::Discovery;
use super::http_client::{Get, Got};
use super::{FetchError, HttpClient, cache_control, offset};

/// What fetches the keys of one issuer.
#[derive(Debug)]
pub(super) struct Fetcher {
    pub(super) client: HttpClient,
    pub(super) source: Source,
    pub(super) options: JwksOptions,
    /// The deadline of one attempt.
    pub(super) attempt: Duration,
}

/// Where the URL of the keys comes from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Url(HttpUrl),
    Discovery(Discovery),
}

/// What one attempt leaves for the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    pub(super) endpoint: Option<Endpoint>,
    pub(super) validator: Option<Validator>,
    /// Whom the metadata was of that was refused for being of another issuer.
    pub(super) stranger: Option<Box<str>>,
}

/// A URL that discovery gave.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    pub(super) url: HttpUrl,
    pub(super) found: Instant,
    /// Whether the last fetch failed, so that the metadata is to be read again.
    pub(super) suspect: bool,
    /// Whether that took too long in the last attempt.
    pub(super) timed_out: bool,
}

/// The entity tag of the set in use, and where it came from.
#[derive(Clone, Debug)]
pub(super) struct Validator {
    pub(super) url: HttpUrl,
    pub(super) etag: HeaderValue,
}

/// What an attempt brought.
#[derive(Debug)]
pub(super) struct Fetched {
    /// None if the set in use is still the one.
    pub(super) new: Option<NewKeys>,
    /// How long the server says that the set is good.
    pub(super) lifetime: Option<Duration>,
    /// How long ago the server said so: not zero if a cache answered.
    pub(super) age: Duration,
    /// The time at the issuer when it answered.
    pub(super) date: Option<UnixTime>,
}

#[derive(Debug)]
pub(super) struct NewKeys {
    pub(super) keys: Vec<VerifyingKey>,
    pub(super) dropped: Vec<DroppedKey>,
    pub(super) document: Bytes,
}

/// Metadata older than this is read again.
const METADATA_AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// Longer entity tags are not kept.
const MAX_ETAG: usize = 512;

// === impl Fetcher ===

impl Fetcher {
    /// Fetches the keys. Caches on the way are asked to look again.
    ///
    /// What is learned stays in `memory` even if the caller gives up.
    pub(super) async fn fetch(
        &self,
        memory: &mut Memory,
        now: Instant,
    ) -> Result<Fetched, FetchError> {
        let url = self.locate(memory, now).await?;
        let mut get = self.get(url);
        let validator = memory.validator.as_ref().filter(|held| held.url == get.url);
        if let Some(validator) = validator {
            get.headers.insert(IF_NONE_MATCH, validator.etag.clone());
        }
        let asked = validator.is_some();
        let got = self.client.get(&get).await?;
        let lifetime = cache_control::lifetime(&got.headers);
        let age = cache_control::age(&got.headers);
        let date = offset::date(&got.headers);
        if got.status == StatusCode::NOT_MODIFIED {
            // Unasked for, it says nothing about what we hold.
            return if asked {
                Ok(Fetched {
                    new: None,
                    lifetime,
                    age,
                    date,
                })
            } else {
                Err(FetchError::Status(304))
            };
        }
        let parsed =
            parse_jwks(&got.body, &self.options).map_err(|error| FetchError::from(&error))?;
        memory.validator = validator_of(get.url, &got);
        Ok(Fetched {
            new: Some(NewKeys {
                keys: parsed.keys,
                dropped: parsed.dropped,
                document: got.body,
            }),
            lifetime,
            age,
            date,
        })
    }

    /// The URL of the keys. Metadata that cannot be read does not take away a URL that is known.
    pub(super) async fn locate(
        &self,
        memory: &mut Memory,
        now: Instant,
    ) -> Result<HttpUrl, FetchError> {
        let discovery = match &self.source {
            Source::Url(url) => return Ok(url.clone()),
            Source::Discovery(discovery) => discovery,
        };
        if let Some(known) = &mut memory.endpoint {
            // Half of the time may never be enough for a slow server: the next attempt has all of it for
            // the keys.
            let spared = std::mem::take(&mut known.timed_out);
            if spared || known.is_good(now) {
                return Ok(known.url.clone());
            }
        }
        let found = match &memory.endpoint {
            // The other half of the time is for the keys.
            Some(_) => {
                let half = self.attempt / 2;
                tokio::time::timeout(half, self.discover(discovery, &mut memory.stranger))
                    .await
                    .unwrap_or(Err(FetchError::Timeout))
            }
            None => self.discover(discovery, &mut memory.stranger).await,
        };
        match (found, &mut memory.endpoint) {
            (Ok(url), _) => {
                memory.endpoint = Some(Endpoint {
                    url: url.clone(),
                    found: now,
                    suspect: false,
                    timed_out: false,
                });
                Ok(url)
            }
            (Err(error), Some(known)) => {
                tracing::debug!(
                    target: "portcullis::jwks",
                    error = error.as_str(),
                    "metadata could not be read; the known jwks_uri stays"
                );
                known.timed_out = error == FetchError::Timeout;
                Ok(known.url.clone())
            }
            (Err(error), None) => Err(error),
        }
    }

    async fn discover(
        &self,
        discovery: &Discovery,
        stranger: &mut Option<Box<str>>,
    ) -> Result<HttpUrl, FetchError> {
        let [oidc, oauth] = &discovery.candidates;
        let first = match self.metadata(discovery, oidc, stranger).await {
            // Not there: the other place.
            Err(FetchError::Status(status)) if (400..500).contains(&status) => {
                FetchError::Status(status)
            }
            other => return other,
        };
        match self.metadata(discovery, oauth, stranger).await {
            // The more usual place is the one to complain about.
            Err(FetchError::Status(_)) => Err(first),
            other => other,
        }
    }

    async fn metadata(
        &self,
        discovery: &Discovery,
        url: &HttpUrl,
        stranger: &mut Option<Box<str>>,
    ) -> Result<HttpUrl, FetchError> {
        let got = self.client.get(&self.get(url.clone())).await?;
        if got.status != StatusCode::OK {
            return Err(FetchError::Status(got.status.as_u16()));
        }
        let found = discovery.jwks_uri(&got.body);
        *stranger = match found {
            Err(FetchError::IssuerMismatch) => Discovery::named(&got.body),
            _ => None,
        };
        found
    }

    pub(super) fn get(&self, url: HttpUrl) -> Get {
        let mut headers = HeaderMap::new();
        // RFC 9111 section 5.2.1.4: a cache on the way may hold the set from before the rotation. Scheduled fetches
        // are evidence like the others, and few.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        Get {
            url,
            headers,
            max_bytes: self.options.max_bytes(),
        }
    }
}

// === impl Endpoint ===

impl Endpoint {
    fn is_good(&self, now: Instant) -> bool {
        !self.suspect && now.saturating_duration_since(self.found) < METADATA_AGE
    }
}

// === impl Source ===

impl Source {
    /// Whether it is fetched from without TLS.
    #[cfg(feature = "client")]
    pub(super) fn is_plain(&self) -> bool {
        match self {
            Self::Url(url) => !url.is_https(),
            Self::Discovery(discovery) => !discovery.candidates[0].is_https(),
        }
    }

    /// What a saved set must have come from to be used.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Url(url) => url.to_string(),
            Self::Discovery(discovery) => discovery.candidates[0].to_string(),
        }
    }
}

fn validator_of(url: HttpUrl, got: &Got) -> Option<Validator> {
    got.headers
        .get(ETAG)
        .filter(|etag| etag.len() <= MAX_ETAG)
        .map(|etag| Validator {
            url,
            etag: etag.clone(),
        })
}
