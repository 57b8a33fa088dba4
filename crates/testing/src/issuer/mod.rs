//! A real HTTP server that plays the identity provider, and its outages.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use portcullis_core::Clock;
use serde_json::Value;

mod answer;
mod body;
mod builder;
mod client;
mod mode;
mod port;
mod state;
mod token;

pub use body::IssuerBody;
pub use builder::FakeIssuerBuilder;
pub use client::IssuerClient;
pub use mode::{Endpoint, Mode};

use crate::mint::{SigningKey, TokenBuilder};
use mode::Modes;
use port::Port;
use state::State;

/// An issuer on a port of its own at 127.0.0.1, with an outage switch.
///
/// It serves discovery (OpenID Connect and RFC 8414), `/jwks` and `/token` (client credentials), and
/// signs with RS256 unless the [builder](Self::builder) says otherwise. Clones are handles of the same
/// issuer; its tasks end, and its port closes, with the last of them.
///
/// ```
/// use portcullis_testing::{Endpoint, FakeIssuer, Mode, forge};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let issuer = FakeIssuer::start().await;
/// let good = issuer.token().subject("alice").scope("api:read").issue();
/// assert_eq!(forge::claims(&good)["iss"], issuer.issuer());
///
/// issuer.mode(Mode::Error500); // from now on the issuer is broken
/// // ... your service still answers a request with `good` ...
/// issuer.mode(Mode::Ok);
/// assert_eq!(issuer.requests(Endpoint::Jwks), 0);
/// # }
/// ```
///
/// # Limitations
/// In a runtime with paused time tokio skips ahead while the kernel carries the bytes, so that timeouts
/// fire before answers come. There, use [`client`](Self::client).
#[derive(Clone)]
pub struct FakeIssuer {
    shared: Arc<Shared>,
}

struct Shared {
    state: Arc<State>,
    port: Option<Arc<Port>>,
}

// === impl FakeIssuer ===

impl FakeIssuer {
    /// Starts an issuer on a free port.
    ///
    /// # Panics
    /// If no port of 127.0.0.1 can be bound.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// An issuer with options.
    pub fn builder() -> FakeIssuerBuilder {
        FakeIssuerBuilder::new()
    }

    fn assemble(state: State, port: Option<Port>) -> Self {
        let (state, port) = (Arc::new(state), port.map(Arc::new));
        if let Some(port) = &port {
            port.serve(&state);
        }
        Self {
            shared: Arc::new(Shared { state, port }),
        }
    }

    fn state(&self) -> &Arc<State> {
        &self.shared.state
    }

    // --- where it is ---

    /// What the issuer calls itself: the `iss` of its tokens and the `issuer` of its metadata.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.state().name
    }

    /// Where the issuer is reached, no slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.state().url
    }

    /// The URL of an endpoint.
    #[must_use]
    pub fn url_of(&self, endpoint: Endpoint) -> String {
        self.state().url_of(endpoint)
    }

    /// The URL of the key set.
    #[must_use]
    pub fn jwks_url(&self) -> String {
        self.url_of(Endpoint::Jwks)
    }

    /// The address of the port; `None` for an issuer without sockets.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.shared.port.as_ref().map(|port| port.address())
    }

    /// The audience of its tokens.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.state().audience
    }

    /// An HTTP client that reaches the issuer in memory, without its port.
    #[must_use]
    pub fn client(&self) -> IssuerClient {
        IssuerClient {
            state: Arc::clone(self.state()),
        }
    }

    // --- the outage switch ---

    /// Turns the outage switch for every endpoint. Holds for the next request, on open connections too.
    ///
    /// # Panics
    /// On the way back from [`Mode::Refuse`], if another process took the port meanwhile.
    pub fn mode(&self, mode: Mode) {
        let refuse = mode == Mode::Refuse;
        self.state().modes.send_replace(Modes::everywhere(mode));
        if let Some(port) = &self.shared.port {
            if refuse {
                port.shut(self.state());
            } else {
                port.open();
            }
        }
    }

    /// Turns the outage switch for one endpoint, until the next call of [`mode`](Self::mode).
    ///
    /// There, [`Mode::Refuse`] is a reset: the port is shared.
    pub fn mode_at(&self, endpoint: Endpoint, mode: Mode) {
        self.state()
            .modes
            .send_modify(|modes| modes.set(endpoint, mode));
    }

    // --- keys ---

    /// The key that signs now.
    #[must_use]
    pub fn key(&self) -> SigningKey {
        self.state().keys().signing.clone()
    }

    /// The key set, as a client gets it while all is well.
    #[must_use]
    pub fn jwks(&self) -> Value {
        self.state().key_set()
    }

    /// Signs with a new key from now on, as most issuers do it: the old keys stay published.
    ///
    /// Generating an RSA key takes a tenth of a second, on this thread.
    pub fn rotate(&self) -> SigningKey {
        self.rotate_keeping_old()
    }

    /// Signs with a new key and publishes it beside the old ones.
    pub fn rotate_keeping_old(&self) -> SigningKey {
        let key = SigningKey::generate(self.state().algorithm);
        self.publish(&key);
        self.sign_with(&key);
        key
    }

    /// Signs with a new key and publishes nothing else, as after a leak.
    pub fn rotate_and_drop_old(&self) -> SigningKey {
        let key = SigningKey::generate(self.state().algorithm);
        let mut keys = self.state().keys();
        keys.published = vec![key.jwk()];
        keys.signing = key.clone();
        key
    }

    /// Publishes a key, whether or not it signs.
    pub fn publish(&self, key: &SigningKey) {
        self.publish_jwk(key.jwk());
    }

    /// Publishes any JSON as a member of `keys`, right or wrong.
    pub fn publish_jwk(&self, jwk: Value) {
        self.state().keys().published.push(jwk);
    }

    /// Signs with `key` from now on, published or not.
    pub fn sign_with(&self, key: &SigningKey) {
        self.state().keys().signing = key.clone();
    }

    /// Takes every key with this `kid` out of the set. Returns whether there was one.
    pub fn withdraw(&self, kid: &str) -> bool {
        let published = &mut self.state().keys().published;
        let before = published.len();
        published.retain(|jwk| jwk["kid"] != kid);
        published.len() < before
    }

    // --- tokens and clients ---

    /// A token in the making, with this issuer, its audience and its time. Finish it with
    /// [`issue`](TokenBuilder::issue).
    pub fn token(&self) -> TokenBuilder {
        self.state().token()
    }

    /// A logout token in the making, for the client `client`, with this issuer and its time. Finish it with
    /// [`issue`](TokenBuilder::issue).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let issuer = portcullis_testing::FakeIssuer::start().await;
    /// let token = issuer.logout_token("web").session("s-4711").issue();
    /// // POST it to your service as the form parameter `logout_token`.
    /// # drop(token);
    /// # }
    /// ```
    pub fn logout_token(&self, client: &str) -> TokenBuilder {
        self.state().logout_token(client)
    }

    /// Lets a client in at `/token`. Before the first of these calls any client is let in.
    pub fn register_client(&self, id: &str, secret: &str) {
        self.state()
            .keys()
            .clients
            .insert(id.to_owned(), secret.to_owned());
    }

    // --- caching headers ---

    /// Sets or removes `Cache-Control` of metadata and key set.
    ///
    /// # Panics
    /// If `value` cannot be a header.
    pub fn cache_control(&self, value: Option<&str>) {
        let value = value.map(|value| HeaderValue::try_from(value).expect("a header value"));
        self.state().keys().cache_control = value;
    }

    /// Sends `ETag` with metadata and key set, and answers 304 to whoever has that version.
    pub fn etag(&self, on: bool) {
        self.state().keys().etag = on;
    }

    // --- what happened ---

    /// How many requests came to `endpoint`.
    #[must_use]
    pub fn requests(&self, endpoint: Endpoint) -> usize {
        let counts = self.state().counts.borrow();
        counts.get(&endpoint).copied().unwrap_or(0)
    }

    /// How many of all requests were answered with 304.
    #[must_use]
    pub fn not_modified(&self) -> usize {
        self.state().keys().not_modified
    }

    /// The headers of the latest request to `endpoint`.
    #[must_use]
    pub fn last_headers(&self, endpoint: Endpoint) -> Option<HeaderMap> {
        self.state().keys().last_headers.get(&endpoint).cloned()
    }

    /// Waits until `endpoint` was asked at least `count` times since the start.
    ///
    /// # Panics
    /// If that does not happen within `deadline`.
    pub async fn wait_for_requests(&self, endpoint: Endpoint, count: usize, deadline: Duration) {
        let mut counts = self.state().counts.subscribe();
        let reached =
            counts.wait_for(|counts| counts.get(&endpoint).copied().unwrap_or(0) >= count);
        let reached = tokio::time::timeout(deadline, reached).await.is_ok();
        assert!(
            reached,
            "{endpoint:?} was asked {} times within {deadline:?}, not {count}",
            self.requests(endpoint)
        );
    }
}

impl fmt::Debug for FakeIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeIssuer")
            .field("issuer", &self.issuer())
            .field("url", &self.url())
            .finish_non_exhaustive()
    }
}

// === impl Shared ===

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(port) = &self.port {
            port.end();
        }
    }
}
