//! From configured issuers to the one verifier.

use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use portcullis_auth::jwks::{HttpClient, Jwks};
use portcullis_auth::key::{JwksOptions, parse_jwks};
use portcullis_auth::{Issuer, JwtVerifier, Keys, LogoutVerifier};
use portcullis_circuit_breaker::{Cancelled, Circuit, CircuitBreakerLayer};
use portcullis_core::{Backoff, ConfigError, Outcome, Problems};
use tower::BoxError;

use crate::admin::IssuerHealth;
use crate::config::{self, TokenRule};
use crate::files;
use crate::trace::Layers;

/// The one verifier of the gateway, with what there is to say about its keys.
pub(crate) struct Trust {
    pub(crate) verifier: JwtVerifier,
    sources: Vec<(Origin, Source)>,
}

/// What a source of keys was made from. Another audience needs no other keys.
#[derive(PartialEq, Eq)]
struct Origin {
    url: String,
    keys: config::Keys,
    allow_http: bool,
}

/// Where the keys of one issuer come from.
#[derive(Clone)]
enum Source {
    Remote(Jwks, Circuit),
    Fixed { issuer: String, keys: usize },
}

/// The largest key set read from a file, as for one that is fetched.
const MOST_BYTES: u64 = 256 * 1024;

// === impl Trust ===

impl Trust {
    /// Trusts the issuers. Keys are fetched from now on, if this is inside a runtime.
    ///
    /// Where keys come from the same place as before, they are taken over, so that a reload fetches
    /// nothing and works while the issuer is down; and so are verdicts, as long as no issuer is
    /// configured in another way. What is taken over fetches as it did before, in a trace or not.
    pub(crate) fn new(
        issuers: &[config::Issuer],
        before: Option<&Self>,
        trace: Option<&Layers>,
    ) -> Result<Self, ConfigError> {
        let mut client = portcullis_auth::client::default_client()?;
        if let Some(layers) = trace {
            client = client.layer(&layers.client);
        }
        let mut builder = JwtVerifier::builder();
        if let Some(before) = before {
            builder = builder.cache(before.verifier.cache().clone());
        }
        let mut sources = Vec::with_capacity(issuers.len());
        let mut problems = Problems::new();
        for (index, configured) in issuers.iter().enumerate() {
            let origin = Origin::of(configured);
            let keys = match before.and_then(|before| before.remote(&origin)) {
                Some((jwks, circuit)) => {
                    Ok((Keys::from(jwks.clone()), Source::Remote(jwks, circuit)))
                }
                None => keys(configured, &client),
            };
            if let Some((keys, source)) = problems.absorb(&format!("issuer[{index}]"), keys) {
                builder = builder.issuer(trusted(configured, keys));
                sources.push((origin, source));
            }
        }
        problems.check()?;
        Ok(Self {
            verifier: builder.build()?,
            sources,
        })
    }

    /// The keys that were fetched for such an issuer.
    fn remote(&self, origin: &Origin) -> Option<(Jwks, Circuit)> {
        let mut sources = self.sources.iter();
        sources.find_map(|(known, source)| match source {
            Source::Remote(jwks, circuit) if known == origin => {
                Some((jwks.clone(), circuit.clone()))
            }
            _ => None,
        })
    }

    /// The verifier for logout tokens of the same issuers, by the same keys.
    pub(crate) fn logouts(
        &self,
        issuers: &[config::Issuer],
        feed: &config::BackchannelLogout,
    ) -> Result<LogoutVerifier, ConfigError> {
        let mut builder = LogoutVerifier::builder();
        if feed.untyped {
            builder = builder.untyped_too();
        }
        for (configured, (_, source)) in issuers.iter().zip(&self.sources) {
            let keys = match (source, &configured.keys) {
                (Source::Fixed { .. }, config::Keys::File(path)) => fixed(&configured.url, path)?.0,
                (Source::Remote(jwks, _), _) => Keys::from(jwks.clone()),
                // Sources are made from what is configured.
                (Source::Fixed { .. }, _) => continue,
            };
            let mut issuer = Issuer::new(&configured.url, keys);
            for client in &feed.clients {
                issuer = issuer.audience(client.as_str());
            }
            if let Some(algorithms) = &configured.algorithms {
                issuer = issuer.algorithms(algorithms.iter().copied());
            }
            if let Some(leeway) = configured.leeway {
                issuer = issuer.leeway(leeway);
            }
            builder = builder.issuer(issuer);
        }
        builder.build()
    }

    /// How the keys of each issuer are.
    pub(crate) fn health(&self) -> Vec<IssuerHealth> {
        let sources = self.sources.iter();
        sources.map(|(_, source)| source.health()).collect()
    }
}

// === impl Origin ===

impl Origin {
    fn of(configured: &config::Issuer) -> Self {
        Self {
            url: configured.url.clone(),
            keys: configured.keys.clone(),
            allow_http: configured.allow_http,
        }
    }
}

/// Everything that is wrong with an issuer, by the names of its keys in the file.
pub(crate) fn problems(configured: &config::Issuer) -> Result<(), ConfigError> {
    // Where there is no runtime a key source can be built that fetches nothing.
    let judged = thread::scope(|scope| {
        let judge = thread::Builder::new().spawn_scoped(scope, || judge(configured))?;
        judge
            .join()
            .map_err(|_| io::Error::other("the check panicked"))
    });
    judged.unwrap_or_else(|error| {
        let message = format!("cannot be checked: {error}");
        Err(ConfigError::new("", message, "check again"))
    })
}

fn judge(configured: &config::Issuer) -> Result<(), ConfigError> {
    let nobody = tower::service_fn(|_: Request<Full<Bytes>>| async {
        Err::<Response<Full<Bytes>>, _>(io::Error::from(io::ErrorKind::Unsupported))
    });
    let mut problems = Problems::new();
    let keys = problems.absorb("", keys(configured, &HttpClient::new(nobody)));
    // The rules are judged although there are no keys: as if the issuer published some.
    let some = || {
        let client = HttpClient::new(nobody);
        let jwks = Jwks::builder("https://issuer.invalid").with_http_client(client);
        jwks.build().map(Keys::from)
    };
    let keys = keys.map_or_else(some, |(keys, _)| Ok(keys));
    if let Ok(keys) = keys
        && let Err(error) = JwtVerifier::builder()
            .issuer(trusted(configured, keys))
            .build()
    {
        problems.absorb::<()>("", Err(named_here(&error)));
    }
    problems.check()
}

/// The keys of an issuer.
fn keys(configured: &config::Issuer, client: &HttpClient) -> Result<(Keys, Source), ConfigError> {
    let circuit = circuit(&configured.url)?;
    let layer = CircuitBreakerLayer::new(circuit.clone()).with_classify(outcome);
    let mut builder = Jwks::builder(&*configured.url).with_http_client(client.layer(&layer));
    match &configured.keys {
        config::Keys::File(path) => return fixed(&configured.url, path),
        config::Keys::Url(url) => builder = builder.with_jwks_url(url),
        config::Keys::Discovery => {}
    }
    if configured.allow_http {
        builder = builder.dangerously_allow_http();
    }
    let jwks = builder.build().map_err(|error| named_here(&error))?;
    Ok((Keys::from(jwks.clone()), Source::Remote(jwks, circuit)))
}

/// An issuer is asked a few times an hour, and again and again while it does not answer. Not for long: whoever waits
/// for a new key waits for this too.
fn circuit(issuer: &str) -> Result<Circuit, ConfigError> {
    // One that is refused for its name is judged elsewhere.
    let name = if issuer.is_empty() { "issuer" } else { issuer };
    Circuit::by_the_row(name)
        .open_for(Backoff::fixed(Duration::from_secs(2)))
        .cancelled(Cancelled::FailedAfter(Duration::from_secs(1)))
        .build()
}

/// What a fetch says about an issuer.
fn outcome<B>(fetched: Result<&Response<B>, &BoxError>) -> Outcome {
    match fetched {
        Err(_) => Outcome::Failure,
        Ok(response) if response.status().is_server_error() => Outcome::Failure,
        Ok(_) => Outcome::Success,
    }
}

/// The issuer, and what its tokens must look like.
fn trusted(configured: &config::Issuer, keys: Keys) -> Issuer {
    let mut issuer = Issuer::new(&configured.url, keys);
    for audience in &configured.audiences {
        issuer = issuer.audience(audience.as_str());
    }
    if !configured.clients.is_empty() {
        issuer = issuer.clients(configured.clients.iter().map(String::as_str));
    }
    if let Some(algorithms) = &configured.algorithms {
        issuer = issuer.algorithms(algorithms.iter().copied());
    }
    if let Some(leeway) = configured.leeway {
        issuer = issuer.leeway(leeway);
    }
    match configured.tokens {
        TokenRule::Scoped => issuer.scope_required(),
        TokenRule::AccessTokens => issuer.access_tokens_only(),
        TokenRule::Any => issuer.dangerously_any_token(),
    }
}

fn fixed(issuer: &str, path: &Path) -> Result<(Keys, Source), ConfigError> {
    let wrong = |message: String| ConfigError::new("jwks_file", message, "name a JWKS document");
    let bytes =
        files::read(path, MOST_BYTES).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let parsed = parse_jwks(&bytes, &JwksOptions::new())
        .map_err(|error| wrong(format!("cannot be used: {error}")))?;
    let count = parsed.keys.len();
    let keys =
        Keys::fixed(parsed.keys).map_err(|error| wrong(format!("cannot be used: {error}")))?;
    let issuer = issuer.to_owned();
    Ok((
        keys,
        Source::Fixed {
            issuer,
            keys: count,
        },
    ))
}

/// The same problems, by the names of the keys in the file.
fn named_here(error: &ConfigError) -> ConfigError {
    let mut problems = Problems::new();
    for problem in error.problems() {
        let path = match problem.path.trim_start_matches("issuer[0].") {
            "name" | "issuer" => "url",
            "audience" => "audiences",
            "token_type" => "tokens",
            same => same,
        };
        problems.push(path, &problem.message, &problem.remedy);
    }
    // There is at least one.
    problems.check().err().unwrap_or_else(|| error.clone())
}

// === impl Source ===

impl Source {
    fn health(&self) -> IssuerHealth {
        match self {
            Self::Fixed { issuer, keys } => IssuerHealth {
                issuer: issuer.clone(),
                keys: "static",
                usable_keys: *keys,
                age_seconds: None,
                last_error: None,
                circuit: None,
                well: true,
            },
            Self::Remote(jwks, circuit) => {
                let status = jwks.status();
                IssuerHealth {
                    issuer: jwks.issuer().to_owned(),
                    keys: status.freshness.as_str(),
                    usable_keys: status.keys,
                    age_seconds: status.age.map(|age| age.as_secs()),
                    last_error: status.last_error.map(|error| error.as_str()),
                    circuit: Some(circuit.state().as_str()),
                    well: status.is_healthy(),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use portcullis_auth::{Attempt, Verdict};
    use portcullis_core::Provenance;
    use portcullis_testing::{KeyMint, SigningKey, jwks};

    use super::*;
    use crate::Config;

    const IDP: &str = "https://idp.example.com";

    fn issuers(text: &str) -> Vec<config::Issuer> {
        let rest = "[server]\nlisten = '127.0.0.1:1'\n\
                    [[route]]\npath = '/'\nupstream = ['http://127.0.0.1:2']\n";
        Config::parse(&format!("{rest}{text}")).unwrap().issuers
    }

    fn seen(trust: &Trust, token: &str) -> Provenance {
        match trust.verifier.explain(token) {
            Attempt::Done(Verdict::Valid(identity)) => identity.provenance(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_warm_verdict_stays_warm_unless_the_rules_or_keys_of_an_issuer_change() {
        let folder = tempfile::tempdir().unwrap();
        let key = SigningKey::es256();
        let file = folder.path().join("keys.json");
        fs::write(&file, jwks([&key]).to_string()).unwrap();
        let configured = format!(
            "[[issuer]]\nurl = '{IDP}'\naudiences = ['api']\njwks_file = '{}'\n",
            file.display()
        );
        let mint = KeyMint::new();
        let token = mint
            .token()
            .issuer(IDP)
            .audience("api")
            .scope("read")
            .sign(&key);
        let alike = issuers(&configured);
        let first = Trust::new(&alike, None, None).unwrap();
        assert_eq!(seen(&first, &token), Provenance::Fresh);
        let second = Trust::new(&alike, Some(&first), None).unwrap();
        assert_eq!(seen(&second, &token), Provenance::Cached);

        let lenient = issuers(&format!("{configured}leeway = '60s'\n"));
        let third = Trust::new(&lenient, Some(&second), None).unwrap();
        assert_eq!(seen(&third, &token), Provenance::Fresh);

        fs::write(&file, jwks([&key, &SigningKey::es256()]).to_string()).unwrap();
        let fourth = Trust::new(&alike, Some(&third), None).unwrap();
        assert_eq!(seen(&fourth, &token), Provenance::Fresh);
    }
}
