//! The clients that may revoke, and how they prove who they are.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use hmac::{Hmac, Mac};
use portcullis_core::{ConfigError, Problems, Secret};
use sha2::Sha256;

use crate::feeds::FeedFuture;

/// Says whether a client is who it says it is.
pub trait ClientAuthenticator: Send + Sync + 'static {
    /// Checks a client's secret. It must take as long for an unknown client as for a wrong secret.
    ///
    /// # Cancel safety
    /// The future may be dropped at any time.
    fn authenticate<'a>(
        &'a self,
        client: &'a str,
        secret: &'a Secret,
    ) -> FeedFuture<'a, ClientVerdict>;
}

/// What was found out about a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientVerdict {
    /// It is this one.
    Known(KnownClient),
    /// There is no such client, or the secret is wrong.
    Unknown,
    /// It could not be found out.
    Unavailable {
        /// When another attempt makes sense.
        retry_after: Option<Duration>,
    },
}

/// A client that proved who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KnownClient {
    /// Its id at the issuer.
    pub id: Box<str>,
    /// The issuer whose tokens it may revoke: two issuers may have a client of one name.
    pub issuer: Box<str>,
}

/// A client with a secret, or two while it changes its secret.
#[derive(Clone, Debug)]
pub struct Client {
    issuer: Box<str>,
    id: Box<str>,
    secrets: Vec<Secret>,
}

/// Clients with secrets, known from the configuration.
///
/// ```
/// use portcullis_core::Secret;
/// use portcullis_revocation::feeds::{Client, Clients};
///
/// let secret = Secret::from("a long random text");
/// let clients = Clients::new([Client::new("https://idp.example.com", "web", secret)])?;
/// # Ok::<(), portcullis_core::ConfigError>(())
/// ```
///
/// Secrets are compared in constant time, and not kept: only their keyed hashes are.
pub struct Clients {
    mac: Hmac<Sha256>,
    clients: HashMap<Box<str>, Entry>,
}

struct Entry {
    issuer: Box<str>,
    tags: Vec<[u8; 32]>,
}

/// The most secrets of one client: one, and the next.
const SECRETS_MOST: usize = 2;

// === impl Client ===

impl Client {
    /// A client of `issuer`, which may revoke its own tokens of that issuer: the name by which the issuer is
    /// configured.
    #[must_use]
    pub fn new(issuer: &str, id: &str, secret: Secret) -> Self {
        Self {
            issuer: issuer.into(),
            id: id.into(),
            secrets: vec![secret],
        }
    }

    /// Takes another secret too, while the client changes from one to the other.
    #[must_use]
    pub fn with_next(mut self, secret: Secret) -> Self {
        self.secrets.push(secret);
        self
    }
}

// === impl KnownClient ===

impl KnownClient {
    /// The client `id` of `issuer`.
    #[must_use]
    pub fn new(issuer: &str, id: &str) -> Self {
        let (id, issuer) = (id.into(), issuer.into());
        Self { id, issuer }
    }
}

// === impl Clients ===

impl Clients {
    /// Takes these clients.
    ///
    /// # Errors
    /// All that is wrong: an empty name or secret, a client named twice, more than two secrets of one, or a
    /// system without a source of randomness.
    pub fn new(clients: impl IntoIterator<Item = Client>) -> Result<Self, ConfigError> {
        let mut problems = Problems::new();
        let mut key = [0; 32];
        if getrandom::fill(&mut key).is_err() {
            problems.push("", "found no randomness", "give the process a source of it");
        }
        let mac = keyed(&key);
        let mut table = HashMap::new();
        for (position, client) in clients.into_iter().enumerate() {
            let mut wrong = |field: &str, message: &str, remedy: &str| {
                problems.push(format!("client[{position}].{field}"), message, remedy);
            };
            if client.id.is_empty() {
                wrong("id", "is empty", "give it the client id");
            }
            if client.issuer.is_empty() {
                wrong("issuer", "is empty", "name the issuer of its tokens");
            }
            if client.secrets.iter().any(Secret::is_empty) {
                wrong("secret", "is empty", "give the client a long random secret");
            }
            if client.secrets.len() > SECRETS_MOST {
                wrong(
                    "secret",
                    "is there too often",
                    "keep the current and the next",
                );
            }
            let tags = client.secrets.iter();
            let tags = tags.map(|secret| tag(&mac, secret)).collect();
            let issuer = client.issuer;
            if table.insert(client.id, Entry { issuer, tags }).is_some() {
                wrong(
                    "id",
                    "is there twice",
                    "where two issuers have a client of one name, make an endpoint for each",
                );
            }
        }
        let clients = table;
        problems.into_result(Self { mac, clients })
    }

    fn verdict(&self, id: &str, secret: &Secret) -> ClientVerdict {
        let given = self.mac.clone().chain_update(secret.expose());
        let entry = self.clients.get(id);
        // Of every client, known or not, both places are compared.
        let fits = (0..SECRETS_MOST).fold(false, |fits, place| {
            let tag = entry.and_then(|entry| entry.tags.get(place));
            let same = given.clone().verify_slice(tag.unwrap_or(&[0; 32])).is_ok();
            fits | (same & tag.is_some())
        });
        match entry {
            Some(entry) if fits => ClientVerdict::Known(KnownClient::new(&entry.issuer, id)),
            _ => ClientVerdict::Unknown,
        }
    }
}

impl ClientAuthenticator for Clients {
    fn authenticate<'a>(
        &'a self,
        client: &'a str,
        secret: &'a Secret,
    ) -> FeedFuture<'a, ClientVerdict> {
        Box::pin(std::future::ready(self.verdict(client, secret)))
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients")
            .field("count", &self.clients.len())
            .finish_non_exhaustive()
    }
}

fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    // HMAC takes a key of any length, and this one fills half a block.
    <Hmac<Sha256> as Mac>::new_from_slice(key).expect("a key of 32 bytes, and any length will do")
}

fn tag(mac: &Hmac<Sha256>, secret: &Secret) -> [u8; 32] {
    let mac = mac.clone().chain_update(secret.expose());
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://idp.example.com";

    #[test]
    fn a_client_is_known_by_either_of_its_secrets_and_no_other() {
        let web = Client::new(ISSUER, "web", Secret::from("one")).with_next(Secret::from("two"));
        let other = Client::new(ISSUER, "other", Secret::from("three"));
        let clients = Clients::new([web, other]).unwrap();
        let known = ClientVerdict::Known(KnownClient::new(ISSUER, "web"));
        for (id, secret, expected) in [
            ("web", "one", &known),
            ("web", "two", &known),
            ("web", "three", &ClientVerdict::Unknown),
            ("web", "", &ClientVerdict::Unknown),
            ("web", "one ", &ClientVerdict::Unknown),
            ("Web", "one", &ClientVerdict::Unknown),
            ("", "", &ClientVerdict::Unknown),
            ("nobody", "one", &ClientVerdict::Unknown),
        ] {
            let verdict = clients.verdict(id, &Secret::from(secret));
            assert_eq!(&verdict, expected, "{id} {secret}");
        }
    }

    #[test]
    fn every_problem_of_the_clients_is_told_at_once_and_no_secret() {
        let secret = || Secret::from("hunter2");
        let error = Clients::new([
            Client::new("", "", Secret::from("")),
            Client::new(ISSUER, "web", secret()),
            Client::new("https://other.example.com", "web", secret()),
            Client::new(ISSUER, "many", secret())
                .with_next(secret())
                .with_next(secret()),
        ])
        .unwrap_err();
        let paths: Vec<_> = error.problems().map(|one| one.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "client[0].id",
                "client[0].issuer",
                "client[0].secret",
                "client[2].id",
                "client[3].secret",
            ]
        );
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn debug_shows_neither_secrets_nor_hashes() {
        let client = Client::new(ISSUER, "web", Secret::from("hunter2"));
        assert!(!format!("{client:?}").contains("hunter2"));
        let clients = Clients::new([client]).unwrap();
        assert_eq!(format!("{clients:?}"), "Clients { count: 1, .. }");
    }
}
