//! Options of an issuer.

use super::*;
use crate::mint::{Algorithm, KeyMint};
use state::Profile;

/// Options of a [`FakeIssuer`].
#[derive(Clone, Debug)]
#[must_use = "a builder is no issuer before it starts"]
pub struct FakeIssuerBuilder {
    profile: Profile,
    address: SocketAddr,
}

// === impl FakeIssuerBuilder ===

impl FakeIssuerBuilder {
    pub(super) fn new() -> Self {
        Self {
            profile: Profile {
                name: None,
                path: String::new(),
                audience: crate::AUDIENCE.to_owned(),
                lifetime: Duration::from_secs(300),
                algorithm: Algorithm::Rs256,
                mint: KeyMint::new(),
            },
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        }
    }

    /// Sets the algorithm of the keys. Default: RS256.
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.profile.algorithm = algorithm;
        self
    }

    /// Sets the audience of the tokens. Default: [`AUDIENCE`](crate::AUDIENCE).
    pub fn audience(mut self, audience: &str) -> Self {
        self.profile.audience = audience.to_owned();
        self
    }

    /// Sets the lifetime of the tokens. Default: five minutes.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.profile.lifetime = lifetime;
        self
    }

    /// Sets the clock that tokens and `Date` go by. Default: that of the operating system.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.profile.mint = KeyMint::with_clock(clock);
        self
    }

    /// Puts the issuer under a path, such as `/realms/blue`.
    pub fn path(mut self, path: &str) -> Self {
        let path = path.trim_matches('/');
        self.profile.path = if path.is_empty() {
            String::new()
        } else {
            format!("/{path}")
        };
        self
    }

    /// Makes documents and tokens call the issuer `name`, wherever it is reached.
    pub fn known_as(mut self, name: &str) -> Self {
        self.profile.name = Some(name.to_owned());
        self
    }

    /// Listens on `address` instead of a free port of 127.0.0.1.
    pub fn listen_on(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Starts the issuer.
    ///
    /// # Panics
    /// If the port cannot be bound, or outside a tokio runtime.
    pub async fn start(self) -> FakeIssuer {
        let address = self.address;
        self.try_start()
            .await
            .unwrap_or_else(|error| panic!("cannot listen on {address}: {error}"))
    }

    /// Starts the issuer.
    ///
    /// # Errors
    /// If the port cannot be bound.
    pub async fn try_start(self) -> io::Result<FakeIssuer> {
        let port = Port::bind(self.address)?;
        let state = State::new(&format!("http://{}", port.address()), self.profile);
        Ok(FakeIssuer::assemble(state, Some(port)))
    }

    /// An issuer at `https://idp.example.com` that has no port: only [`FakeIssuer::client`] reaches it.
    #[must_use]
    pub fn without_sockets(self) -> FakeIssuer {
        FakeIssuer::assemble(State::new(crate::ISSUER, self.profile), None)
    }
}
