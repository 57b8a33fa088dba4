//! A node: revocation over a log, as a service has it.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test uses some of it; a test that cannot go on should stop"
)]

use std::time::{Duration, SystemTime};

use portcullis_core::{Secret, SystemClock, UnixTime};
use portcullis_redis::RedisLog;
use portcullis_revocation::{
    Check, Health, Moment, Revocation, Revoker, Secrets, Target, TokenFacts, Trouble, View,
};

use super::until;

const ISSUER: &str = "https://idp.example.com";
/// How old a view may be.
pub(crate) const FRESH: Duration = Duration::from_secs(3);

pub(crate) struct Node {
    revocation: Revocation,
    view: View,
}

pub(crate) fn secrets(byte: u8) -> Secrets {
    Secrets::new(&Secret::new(vec![byte; 32])).unwrap()
}

impl Node {
    /// A node that polls often.
    pub(crate) fn new(log: RedisLog) -> Self {
        Self::of(log, b'x', 1000)
    }

    pub(crate) fn of(log: RedisLog, secret: u8, page: usize) -> Self {
        let revocation = Revocation::builder(secrets(secret), log)
            .with_poll_every(Duration::from_millis(100))
            .with_poll_deadline(Duration::from_millis(1500))
            .with_max_age(FRESH)
            .with_page(page)
            .start()
            .unwrap();
        Self {
            view: revocation.view(),
            revocation,
        }
    }

    pub(crate) fn revoker(&self) -> Revoker {
        self.revocation
            .revoker()
            .with_patience(Duration::from_secs(5))
    }

    pub(crate) fn session(session: &str) -> Target {
        Target::session(ISSUER, session)
    }

    pub(crate) fn health(&self) -> Health {
        self.revocation.health()
    }

    /// What is known of a session.
    pub(crate) fn check(&self, session: &str) -> Check {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap();
        let mut facts = TokenFacts::new(ISSUER);
        facts.session = Some(session);
        facts.issued_at = Some(UnixTime::from_secs(now.as_secs()));
        facts.expires_at = Some(UnixTime::from_secs(now.as_secs() + 3600));
        let ids = self.view.token_ids(&facts);
        self.view.check(&ids, Moment::of(&SystemClock), FRESH)
    }

    pub(crate) fn is_revoked(&self, session: &str) -> bool {
        matches!(self.check(session), Check::Revoked(_))
    }

    pub(crate) async fn until_revoked(&self, session: &str) {
        until(async || self.is_revoked(session), |revoked| *revoked).await;
    }

    pub(crate) async fn until_synced(&self) {
        until(
            async || self.health(),
            |health| health.synced && health.troubles.is_empty(),
        )
        .await;
    }

    /// Waits for a trouble of this name.
    pub(crate) async fn until_troubled(&self, label: &str) {
        let troubled = |health: &Health| health.troubles.iter().any(|one| one.label() == label);
        until(async || self.health(), troubled).await;
    }

    /// Waits until no token is let through any more.
    pub(crate) async fn until_stale(&self) {
        let stale = |check: &Check| !matches!(check, Check::Clear);
        until(async || self.check("nobody"), stale).await;
    }

    pub(crate) fn is_clear(&self) -> bool {
        self.check("nobody") == Check::Clear
    }

    pub(crate) fn troubles(&self) -> Vec<Trouble> {
        self.health().troubles
    }
}
