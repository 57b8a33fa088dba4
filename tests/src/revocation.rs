//! A service that looks at revocations, and a log in memory that can be switched off. Time is the test's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use portcullis_auth::{AuthLayer, Issuer, JwtVerifier, Revocations};
use portcullis_core::{Clock as _, Secret};
use portcullis_revocation::log::{
    Append, Appended, Cursor, Hints, LogFuture, Page, Poll, SnapshotPage,
};
use portcullis_revocation::{
    Id, LogError, MemoryLog, Record, Revocation, RevocationBuilder, RevocationLog, Secrets, Target,
};
use portcullis_testing::{Algorithm, FakeIssuer, TestClock, TokenBuilder};

use crate::api::{Answer, ask, bearer, fixed};

/// A log in memory that can be switched off.
#[derive(Clone, Debug)]
pub struct SwitchedLog(Arc<Switched>);

#[derive(Debug)]
struct Switched {
    log: MemoryLog<TestClock>,
    off: AtomicBool,
}

/// An issuer, a node that follows a log, and a verifier that asks both. Runs on a paused runtime.
#[derive(Debug)]
pub struct Stand {
    /// Everybody's clock.
    pub clock: TestClock,
    /// Whose tokens are trusted.
    pub issuer: FakeIssuer,
    /// What the node follows.
    pub log: SwitchedLog,
    /// The node.
    pub revocation: Revocation,
    /// Its view, with the default freshness.
    pub revocations: Revocations<TestClock>,
    /// What judges tokens.
    pub verifier: JwtVerifier<TestClock>,
}

// === impl SwitchedLog ===

impl SwitchedLog {
    /// A log that is on.
    #[must_use]
    pub fn new(clock: &TestClock) -> Self {
        Self(Arc::new(Switched {
            log: MemoryLog::with_clock(clock.clone(), 1_000_000),
            off: AtomicBool::new(false),
        }))
    }

    /// Makes every call fail, or no longer.
    pub fn switch(&self, on: bool) {
        self.0.off.store(!on, Ordering::SeqCst);
    }

    fn if_on<'a, T: Send + 'a>(
        &'a self,
        call: impl FnOnce(&'a MemoryLog<TestClock>) -> LogFuture<'a, T>,
    ) -> LogFuture<'a, T> {
        if self.0.off.load(Ordering::SeqCst) {
            return Box::pin(async { Err(LogError::Unavailable("switched off".into())) });
        }
        call(&self.0.log)
    }
}

impl RevocationLog for SwitchedLog {
    fn poll(&self, poll: Poll) -> LogFuture<'_, Page> {
        self.if_on(|log| log.poll(poll))
    }

    fn snapshot(&self, cursor: Option<Cursor>, limit: usize) -> LogFuture<'_, SnapshotPage> {
        self.if_on(|log| log.snapshot(cursor, limit))
    }

    fn append(&self, append: Append) -> LogFuture<'_, Appended> {
        self.if_on(|log| log.append(append))
    }

    fn reassert(&self, records: Vec<(Id, Record)>) -> LogFuture<'_, ()> {
        self.if_on(|log| log.reassert(records))
    }

    fn hints(&self) -> Option<Hints> {
        self.0.log.hints()
    }
}

// === impl Stand ===

impl Stand {
    /// A node that has read its log.
    pub async fn synced() -> Self {
        let stand = Self::start(|revocation| revocation);
        stand.until_synced().await;
        stand
    }

    /// A node that has read nothing yet.
    ///
    /// # Panics
    /// If something is configured badly.
    pub fn start(configure: impl FnOnce(RevocationBuilder) -> RevocationBuilder) -> Self {
        let clock = TestClock::following_tokio();
        let log = SwitchedLog::new(&clock);
        Self::following(log, clock, configure)
    }

    /// A node of this clock that has read nothing yet of this log.
    ///
    /// # Panics
    /// If something is configured badly.
    pub fn following(
        log: SwitchedLog,
        clock: TestClock,
        configure: impl FnOnce(RevocationBuilder) -> RevocationBuilder,
    ) -> Self {
        let issuer = FakeIssuer::builder()
            .algorithm(Algorithm::Es256)
            .clock(clock.clone())
            .without_sockets();
        let trusted = Issuer::new(issuer.issuer(), fixed(&[&issuer.key()]));
        Self::trusting(log, clock, issuer, trusted, configure)
    }

    /// A node that trusts this issuer so.
    ///
    /// # Panics
    /// If something is configured badly.
    pub fn trusting(
        log: SwitchedLog,
        clock: TestClock,
        issuer: FakeIssuer,
        trusted: Issuer<TestClock>,
        configure: impl FnOnce(RevocationBuilder) -> RevocationBuilder,
    ) -> Self {
        let secrets =
            Secrets::new(&Secret::new(vec![7; 32])).expect("a secret that is long enough");
        let builder = Revocation::builder(secrets, log.clone()).with_clock(clock.clone());
        let revocation = configure(builder).start().expect("a good configuration");
        let trusted = trusted
            .audience(issuer.audience())
            .dangerously_any_token()
            .tenant_at("org.tenant");
        let verifier = JwtVerifier::builder_with_clock(clock.clone())
            .issuer(trusted)
            .build()
            .expect("a good configuration");
        Self {
            revocations: Revocations::new(revocation.view()).with_clock(clock.clone()),
            clock,
            issuer,
            log,
            revocation,
            verifier,
        }
    }

    /// Waits until the node has read its log.
    ///
    /// # Panics
    /// If it does not within a minute.
    pub async fn until_synced(&self) {
        for _ in 0..6_000 {
            if self.revocation.health().synced {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("not synced: {:?}", self.revocation.health());
    }

    /// Cuts the node off from its log for `span`.
    pub async fn cut_off_for(&self, span: Duration) {
        self.log.switch(false);
        self.clock.advance(span).await;
    }

    /// A layer that asks the view.
    #[must_use]
    pub fn layer(&self) -> AuthLayer<JwtVerifier<TestClock>> {
        AuthLayer::new(self.verifier.clone()).with_standing(self.revocations.clone())
    }

    /// A token in the making, with a session and a tenant.
    pub fn token(&self) -> TokenBuilder {
        let tenant = serde_json::json!({ "tenant": "blue" });
        self.issuer
            .token()
            .session("session-1")
            .claim("org", tenant)
            .expires_at(self.clock.wall() + Duration::from_secs(3_600))
    }

    /// Revokes.
    ///
    /// # Panics
    /// If that fails.
    pub async fn revoke(&self, target: Target) {
        let revoked = self.revocation.revoker().revoke(target).await;
        assert!(revoked.is_ok(), "{revoked:?}");
    }

    /// Presents a token.
    pub async fn present(&self, token: &str) -> Answer {
        ask(&self.layer(), bearer(token)).await
    }
}
