//! One look at what an issuer publishes, for tools that say how it is.

use std::fmt;
use std::pin::pin;
use std::time::Instant;

use futures_util::future::{Either, select};
use http::Uri;

use crate::key::{JwksError, ParsedJwks, parse_jwks};

use super::fetch::{Fetcher, Memory, Source};
use super::{FetchError, task};

/// What one look at the documents of an issuer came to. See [`JwksBuilder::inspect`](super::JwksBuilder::inspect).
#[derive(Debug)]
#[non_exhaustive]
pub struct Inspection {
    /// Where the keys are, as configured or as the metadata says; none if there is no usable metadata.
    pub keys_url: Option<Uri>,
    /// The issuer that the metadata names, where it is another one: text of the server.
    pub stranger: Option<Box<str>>,
    /// The keys, with those that were left out; or why there are none.
    pub keys: Result<ParsedJwks, InspectError>,
}

/// Why one look at the documents of an issuer brought no keys.
#[derive(Debug)]
#[non_exhaustive]
pub enum InspectError {
    /// A document could not be had, or is not what it must be.
    Fetch(FetchError),
    /// The key set was had, and cannot be used.
    Set(JwksError),
}

// === impl Fetcher ===

impl Fetcher {
    /// Fetches once, by the rules and within the deadline of every other attempt.
    pub(super) async fn inspect(&self) -> Inspection {
        // What is learned stays here even if the time runs out.
        let mut memory = Memory::default();
        let keys = match task::timer(self.attempt) {
            None => Err(FetchError::NoRuntime.into()),
            Some(deadline) => {
                let look = pin!(self.look(&mut memory));
                match select(look, pin!(deadline)).await {
                    Either::Left((keys, _)) => keys,
                    Either::Right(((), _)) => Err(FetchError::Timeout.into()),
                }
            }
        };
        let url = match &self.source {
            Source::Url(url) => Some(url),
            Source::Discovery(_) => memory.endpoint.as_ref().map(|found| &found.url),
        };
        Inspection {
            keys_url: url.map(|url| url.uri().clone()),
            stranger: memory.stranger,
            keys,
        }
    }

    async fn look(&self, memory: &mut Memory) -> Result<ParsedJwks, InspectError> {
        let url = self.locate(memory, Instant::now()).await?;
        let got = self.client.get(&self.get(url)).await?;
        if got.status != http::StatusCode::OK {
            return Err(FetchError::Status(got.status.as_u16()).into());
        }
        parse_jwks(&got.body, &self.options).map_err(InspectError::Set)
    }
}

// === impl InspectError ===

impl InspectError {
    /// The error that a [`Jwks`](super::Jwks) would report.
    #[must_use]
    pub fn reason(&self) -> FetchError {
        match self {
            Self::Fetch(error) => *error,
            Self::Set(error) => FetchError::from(error),
        }
    }
}

impl From<FetchError> for InspectError {
    fn from(error: FetchError) -> Self {
        Self::Fetch(error)
    }
}

impl fmt::Display for InspectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch(error) => error.fmt(f),
            Self::Set(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for InspectError {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use http_body_util::Full;
    use portcullis_testing::{Endpoint, FakeIssuer, Mode, SigningKey};

    use crate::jwks::{HttpClient, Jwks, JwksBuilder};
    use crate::key::KeyError;

    use super::*;

    fn builder(issuer: &FakeIssuer) -> JwksBuilder {
        Jwks::builder(issuer.issuer())
            .with_http_client(HttpClient::new::<_, Full<Bytes>, _>(issuer.client()))
    }

    async fn look(issuer: &FakeIssuer) -> Inspection {
        builder(issuer).inspect().await.unwrap()
    }

    #[tokio::test]
    async fn a_good_issuer_shows_where_its_keys_are_and_what_was_left_out() {
        let issuer = FakeIssuer::builder().without_sockets();
        issuer.publish(&SigningKey::es256().with_kid("second"));
        issuer.publish_jwk(serde_json::json!({"kty": "RSA", "kid": "third", "use": "enc"}));
        let seen = look(&issuer).await;
        assert_eq!(seen.keys_url.unwrap().to_string(), issuer.jwks_url());
        let keys = seen.keys.unwrap();
        assert_eq!(keys.keys.len(), 2);
        let [dropped] = &keys.dropped[..] else {
            panic!("one was left out: {:?}", keys.dropped)
        };
        assert_eq!(dropped.kid.as_ref().unwrap().as_str(), "third");
        assert_ne!(dropped.why, KeyError::Malformed);
    }

    #[tokio::test]
    async fn what_is_wrong_is_what_the_key_source_reports() {
        let issuer = FakeIssuer::builder().without_sockets();
        for (endpoint, mode, reason, located) in [
            (
                Endpoint::OpenIdConfiguration,
                Mode::Error500,
                FetchError::Status(500),
                false,
            ),
            (
                Endpoint::OpenIdConfiguration,
                Mode::Garbage,
                FetchError::NotJson,
                false,
            ),
            (Endpoint::Jwks, Mode::Garbage, FetchError::NotJson, true),
            (
                Endpoint::Jwks,
                Mode::EmptySet,
                FetchError::NoUsableKey,
                true,
            ),
            (Endpoint::Jwks, Mode::Oversize, FetchError::TooLarge, true),
            (Endpoint::Jwks, Mode::Reset, FetchError::Connect, true),
        ] {
            issuer.mode_at(endpoint, mode.clone());
            let seen = look(&issuer).await;
            assert_eq!(seen.keys_url.is_some(), located, "{mode:?}");
            let error = seen.keys.unwrap_err();
            assert_eq!(error.reason(), reason, "{mode:?}: {error}");
            let jwks = builder(&issuer).build().unwrap();
            while jwks.status().last_error.is_none() {
                tokio::task::yield_now().await;
            }
            assert_eq!(jwks.status().last_error, Some(reason), "{mode:?}");
            issuer.mode_at(endpoint, Mode::Ok);
        }
    }

    #[tokio::test]
    async fn metadata_of_another_issuer_shows_whose_it_is() {
        let issuer = FakeIssuer::builder()
            .known_as("https://idp.example.com/")
            .without_sockets();
        let http = HttpClient::new::<_, Full<Bytes>, _>(issuer.client());
        let seen = Jwks::builder(issuer.url()).with_http_client(http);
        let seen = seen.inspect().await.unwrap();
        assert_eq!(seen.stranger.as_deref(), Some("https://idp.example.com/"));
        let error = seen.keys.unwrap_err();
        assert_eq!(error.reason(), FetchError::IssuerMismatch);
        assert_eq!(
            look(&FakeIssuer::builder().without_sockets())
                .await
                .stranger,
            None
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_issuer_is_waited_for_as_long_as_one_attempt_and_what_was_found_stays() {
        let issuer = FakeIssuer::builder().without_sockets();
        issuer.mode_at(Endpoint::Jwks, Mode::Hang);
        let start = tokio::time::Instant::now();
        let seen = look(&issuer).await;
        assert_eq!(seen.keys.unwrap_err().reason(), FetchError::Timeout);
        assert!(seen.keys_url.is_some());
        assert_eq!(start.elapsed(), Duration::from_secs(5));
    }

    #[tokio::test]
    async fn a_url_that_must_not_be_used_is_a_configuration_error() {
        let issuer = FakeIssuer::builder().without_sockets();
        let plain =
            Jwks::builder("http://idp.example.com").with_http_client(HttpClient::new::<
                _,
                Full<Bytes>,
                _,
            >(issuer.client()));
        let error = plain.inspect().await.unwrap_err();
        let paths: Vec<_> = error.problems().map(|problem| &*problem.path).collect();
        assert_eq!(paths, ["issuer"]);
    }
}
