//! A stand whose issuer publishes its keys, with every request for them on record.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use portcullis_auth::jwks::{HttpClient, Jwks};
use portcullis_core::Clock;
use portcullis_testing::{Algorithm, FakeIssuer, TestClock, TokenBuilder};
use tower::ServiceExt;

use crate::stand::{AUDIENCE, Stand, lenient};

/// A stand and its issuer, in a runtime whose time is paused.
pub(crate) struct Published {
    pub(crate) stand: Stand,
    pub(crate) issuer: FakeIssuer,
    pub(crate) jwks: Jwks<TestClock>,
    record: Record,
}

/// The heads of all requests that went out: method, target, headers.
type Record = Arc<Mutex<Vec<String>>>;

// === impl Published ===

impl Published {
    /// An issuer with one ES256 key.
    pub(crate) fn new() -> Self {
        Self::prepared(|_| {})
    }

    /// An issuer on which something was done before anybody asked it.
    pub(crate) fn prepared(prepare: impl FnOnce(&FakeIssuer)) -> Self {
        Self::of(Algorithm::Es256, prepare)
    }

    pub(crate) fn of(algorithm: Algorithm, prepare: impl FnOnce(&FakeIssuer)) -> Self {
        let clock = TestClock::following_tokio();
        let issuer = FakeIssuer::builder()
            .algorithm(algorithm)
            .audience(AUDIENCE)
            .lifetime(Duration::from_secs(3_600))
            .clock(clock.clone())
            .without_sockets();
        prepare(&issuer);
        let record = Record::default();
        let jwks = Jwks::builder(issuer.issuer())
            .with_clock(clock.clone())
            .with_http_client(recording(&issuer, &record))
            .build()
            .expect("a good configuration");
        let trusted = lenient(jwks.clone());
        let stand = Stand::at(clock, issuer.key(), trusted);
        Self {
            stand,
            issuer,
            jwks,
            record,
        }
    }

    /// A good token, issued so long ago that a fetch from now on tells whether its key exists.
    pub(crate) fn token(&self) -> TokenBuilder {
        let issued = self.stand.clock.wall() - Duration::from_secs(120);
        self.issuer.token().subject("alice").issued_at(issued)
    }

    /// What went out so far.
    pub(crate) fn record(&self) -> Vec<String> {
        self.record
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// How often the key set was fetched.
    pub(crate) fn fetches(&self) -> usize {
        self.issuer.requests(portcullis_testing::Endpoint::Jwks)
    }

    /// Waits out the fetch budget: as many fetches are possible as at the start.
    pub(crate) async fn rest(&self) {
        // Step by step, so that what a timer starts goes on in time.
        for _ in 0..61 {
            self.stand.clock.advance(Duration::from_secs(1)).await;
        }
    }
}

fn recording(issuer: &FakeIssuer, record: &Record) -> HttpClient {
    let (client, record) = (issuer.client(), Arc::clone(record));
    HttpClient::new(tower::service_fn(move |request: Request<Full<Bytes>>| {
        let head = format!(
            "{} {} {:?}",
            request.method(),
            request.uri(),
            request.headers()
        );
        record
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(head);
        client.clone().oneshot(request)
    }))
}
