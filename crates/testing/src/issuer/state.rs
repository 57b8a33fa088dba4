//! What the issuer knows and counts, apart from how it is reached.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::mode::{Endpoint, Mode, Modes};
use crate::mint::{Algorithm, KeyMint, SigningKey, TokenBuilder};

/// The issuer without its port.
pub(super) struct State {
    /// Scheme, authority and the issuer's own path, no slash at the end.
    pub(super) url: String,
    /// The path within `url`.
    pub(super) base: String,
    /// What documents and tokens call the issuer.
    pub(super) name: String,
    pub(super) audience: String,
    pub(super) lifetime: Duration,
    pub(super) algorithm: Algorithm,
    pub(super) mint: KeyMint,
    pub(super) modes: watch::Sender<Modes>,
    pub(super) counts: watch::Sender<HashMap<Endpoint, usize>>,
    keys: Mutex<Keys>,
}

/// Everything else that can change.
pub(super) struct Keys {
    pub(super) signing: SigningKey,
    pub(super) published: Vec<Value>,
    pub(super) cache_control: Option<HeaderValue>,
    pub(super) etag: bool,
    pub(super) not_modified: usize,
    pub(super) clients: HashMap<String, String>,
    pub(super) last_headers: HashMap<Endpoint, HeaderMap>,
}

/// How the issuer is known and what it signs with.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    pub(super) name: Option<String>,
    pub(super) path: String,
    pub(super) audience: String,
    pub(super) lifetime: Duration,
    pub(super) algorithm: Algorithm,
    pub(super) mint: KeyMint,
}

// === impl State ===

impl State {
    pub(super) fn new(origin: &str, profile: Profile) -> Self {
        let signing = SigningKey::generate(profile.algorithm);
        let url = format!("{origin}{}", profile.path);
        Self {
            name: profile.name.unwrap_or_else(|| url.clone()),
            url,
            base: profile.path,
            audience: profile.audience,
            lifetime: profile.lifetime,
            algorithm: profile.algorithm,
            mint: profile.mint,
            modes: watch::Sender::default(),
            counts: watch::Sender::default(),
            keys: Mutex::new(Keys {
                published: vec![signing.jwk()],
                signing,
                cache_control: None,
                etag: false,
                not_modified: 0,
                clients: HashMap::new(),
                last_headers: HashMap::new(),
            }),
        }
    }

    pub(super) fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn mode_at(&self, endpoint: Endpoint) -> Mode {
        self.modes.borrow().at(endpoint).clone()
    }

    /// Counts a request that arrived.
    pub(super) fn record(&self, endpoint: Endpoint, headers: &HeaderMap) {
        self.keys().last_headers.insert(endpoint, headers.clone());
        self.counts
            .send_modify(|counts| *counts.entry(endpoint).or_default() += 1);
    }

    pub(super) fn token(&self) -> TokenBuilder {
        let key = self.keys().signing.clone();
        self.mint
            .token()
            .issuer(&self.name)
            .audience(&self.audience)
            .expires_in(self.lifetime)
            .signed_by(&key)
    }

    pub(super) fn logout_token(&self, client: &str) -> TokenBuilder {
        let key = self.keys().signing.clone();
        self.mint
            .logout_token()
            .issuer(&self.name)
            .audience(client)
            .signed_by(&key)
    }

    pub(super) fn key_set(&self) -> Value {
        json!({ "keys": self.keys().published })
    }

    pub(super) fn url_of(&self, endpoint: Endpoint) -> String {
        let origin = &self.url[..self.url.len() - self.base.len()];
        format!("{origin}{}", endpoint.path(&self.base))
    }

    /// The metadata (OpenID Connect Discovery section 3, RFC 8414 section 2).
    pub(super) fn metadata(&self) -> Value {
        json!({
            "issuer": self.name,
            "jwks_uri": self.url_of(Endpoint::Jwks),
            "token_endpoint": self.url_of(Endpoint::Token),
            // Required of OpenID providers, so that strict readers are content; nothing is there.
            "authorization_endpoint": format!("{}/authorize", self.url),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [self.algorithm.as_str()],
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        })
    }
}
