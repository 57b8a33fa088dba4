//! An issuer, a service that trusts it, and a client of the service.

use std::time::Duration;

use portcullis_auth::jwks::{HttpClient, Jwks, JwksBuilder, JwksTimes};
use portcullis_auth::{AuthLayer, Issuer, JwtVerifier, client};
use portcullis_core::{Clock, SystemClock};
use portcullis_testing::{Algorithm, FakeIssuer};

use super::{Caller, Service, guarded, until};

/// An issuer, a service that trusts it, and a client of the service.
#[derive(Debug)]
pub struct World<C: Clock = SystemClock> {
    /// Whose tokens are trusted.
    pub issuer: FakeIssuer,
    /// Its keys, as the service has them.
    pub jwks: Jwks<C>,
    /// What judges.
    pub verifier: JwtVerifier<C>,
    /// Routes `/api`, behind the layer with its defaults, and `/open`, behind none.
    pub service: Service,
    /// Asks the service.
    pub caller: Caller,
}

/// Long enough for anything on a busy machine that should happen at once.
const SOON: Duration = Duration::from_secs(10);

// === impl World ===

impl World {
    /// A service with the defaults, whose keys have arrived.
    pub async fn warm() -> Self {
        Self::warm_with(|jwks| jwks).await
    }

    /// A service whose keys have arrived.
    pub async fn warm_with(configure: impl FnOnce(JwksBuilder) -> JwksBuilder) -> Self {
        let world = Self::start(issuer().await, configure).await;
        world.until_healthy(SOON).await;
        world
    }

    /// A service of `issuer`, which may be down.
    pub async fn start(
        issuer: FakeIssuer,
        configure: impl FnOnce(JwksBuilder) -> JwksBuilder,
    ) -> Self {
        Self::start_at(issuer, SystemClock, configure).await
    }
}

impl<C: Clock> World<C> {
    /// A service of `issuer` that goes by `clock`.
    ///
    /// # Panics
    /// If it is configured badly.
    pub async fn start_at(
        issuer: FakeIssuer,
        clock: C,
        configure: impl FnOnce(JwksBuilder<C>) -> JwksBuilder<C>,
    ) -> Self {
        let builder = Jwks::builder(issuer.issuer())
            .with_http_client(http_client())
            .with_clock(clock.clone());
        let jwks = configure(builder).build().expect("a good configuration");
        let trusted = Issuer::published(jwks.clone())
            .audience(issuer.audience())
            .access_tokens_only();
        let verifier = JwtVerifier::builder_with_clock(clock)
            .issuer(trusted)
            .build()
            .expect("a good configuration");
        let service = Service::start(guarded(AuthLayer::new(verifier.clone()))).await;
        let caller = Caller::http1(service.base());
        Self {
            issuer,
            jwks,
            verifier,
            service,
            caller,
        }
    }

    /// Waits until the keys are there and the issuer is known to be well. Says how long that took.
    pub async fn until_healthy(&self, bound: Duration) -> Duration {
        let healthy = || self.jwks.status().is_healthy().then_some(());
        until("the keys are there", bound, healthy).await.1
    }

    /// Waits until `failures` attempts in a row are known to have failed.
    pub async fn until_failing(&self, failures: u32, bound: Duration) {
        let failing = || (self.jwks.status().failures >= failures).then_some(());
        until("the issuer is known to be down", bound, failing).await;
    }

    /// A good token of this moment.
    #[must_use]
    pub fn token(&self) -> String {
        good(&self.issuer)
    }
}

/// A good token: one that [`access_tokens_only`](Issuer::access_tokens_only) takes.
pub fn good(issuer: &FakeIssuer) -> String {
    issuer.token().subject("alice").client("app").issue()
}

/// An issuer that signs with ES256: a new key takes no time.
pub async fn issuer() -> FakeIssuer {
    FakeIssuer::builder()
        .algorithm(Algorithm::Es256)
        .start()
        .await
}

/// The ready client, with a root of its own, so that no machine has to have one.
///
/// # Panics
/// If it cannot be built.
#[must_use]
pub fn http_client() -> HttpClient {
    client::Builder::new()
        .without_system_roots()
        .with_ca_pem(include_bytes!("ca.pem"))
        .build()
        .expect("a good configuration")
}

/// The default times, made about fifteen times shorter, but for the hard age.
#[must_use]
pub fn quick() -> JwksTimes {
    let mut times = JwksTimes::default();
    times.attempt = Duration::from_millis(1_500);
    times.soft_min = Duration::from_millis(300);
    times.soft_default = Duration::from_millis(300);
    times.soft_max = Duration::from_millis(300);
    times.retry_first = Duration::from_millis(100);
    times.retry_max = Duration::from_secs(1);
    times
}
