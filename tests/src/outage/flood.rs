//! Tokens whose key nobody has, by the thousand.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use portcullis_core::UnixTime;
use portcullis_testing::{Algorithm, FakeIssuer, SigningKey};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::{Caller, Tally};

/// Makes tokens that look good but for their key: what an attacker sends.
#[derive(Clone, Debug)]
pub struct UnknownKey {
    issuer: FakeIssuer,
    key: SigningKey,
    age: Duration,
}

/// Requests that are all in the air at once.
#[derive(Debug)]
pub struct Flood {
    running: JoinSet<Tally>,
    answered: Arc<AtomicUsize>,
}

/// The connections of a flood.
const CONNECTIONS: usize = 4;

// === impl UnknownKey ===

impl UnknownKey {
    /// Tokens in the name of `issuer`. Their signatures are junk: nobody has the key to see it.
    #[must_use]
    pub fn of(issuer: &FakeIssuer) -> Self {
        let jwk = SigningKey::es256().jwk();
        Self {
            issuer: issuer.clone(),
            key: SigningKey::custom(Algorithm::Es256, jwk, |_| vec![7; 64]),
            age: Duration::ZERO,
        }
    }

    /// The same, with tokens that say they were issued `age` ago.
    #[must_use]
    pub fn aged(mut self, age: Duration) -> Self {
        self.age = age;
        self
    }

    /// A token that names `kid`.
    #[must_use]
    pub fn token(&self, kid: &str) -> String {
        let now = UnixTime::from(std::time::SystemTime::now());
        self.issuer
            .token()
            .subject("mallory")
            .client("app")
            .issued_at(now - self.age)
            .sign(&self.key.clone().with_kid(kid))
    }
}

// === impl Flood ===

impl Flood {
    /// Sends every token to `path` of the service at `base`, all at once, over HTTP/2.
    #[must_use]
    pub fn start(base: &str, path: &'static str, tokens: Vec<String>) -> Self {
        let callers: Vec<_> = (0..CONNECTIONS).map(|_| Caller::http2(base)).collect();
        let gate = Arc::new(Barrier::new(tokens.len()));
        let answered = Arc::new(AtomicUsize::new(0));
        let mut running = JoinSet::new();
        for (number, token) in tokens.into_iter().enumerate() {
            let caller = callers[number % CONNECTIONS].clone();
            let (gate, answered) = (Arc::clone(&gate), Arc::clone(&answered));
            running.spawn(async move {
                gate.wait().await;
                let mut tally = Tally::default();
                tally.add(&caller.get(path, &token).await);
                answered.fetch_add(1, Ordering::Relaxed);
                tally
            });
        }
        Self { running, answered }
    }

    /// How many were answered so far.
    #[must_use]
    pub fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// Waits for every answer, and counts.
    ///
    /// # Panics
    /// If a request did.
    pub async fn finish(mut self) -> Tally {
        let mut sum = Tally::default();
        while let Some(tally) = self.running.join_next().await {
            sum.merge(tally.expect("a request that is answered"));
        }
        sum
    }
}
