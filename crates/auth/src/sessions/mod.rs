//! Allow-list mode: a token is good only while its session is open.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use portcullis_core::{
    Clock, ConfigError, Identity, IdentityParts, MemoKey, OutageCause, Secret, SystemClock,
};
use portcullis_revocation::sessions::{
    Presence, SessionDirectory, SessionFacts, SessionKey, SessionKeys, Standing,
};

use self::asking::{Asked, Asking, Name};
use crate::key::sha256;
use crate::verifier::settle;
use crate::{Attempt, Gate, Outage, Presented, Reason, Verdict, Verifier};

mod asking;

/// Takes a token for good only while the key of its session exists in a directory: for systems in which a
/// session is what is recorded, and logging out removes the record.
///
/// | the verifier inside | the directory | verdict |
/// |---|---|---|
/// | invalid | is not asked | that |
/// | valid | has the key, or had it when it was last asked, no longer ago than the freshness | valid |
/// | valid | has it not | invalid: `session_ended` |
/// | valid; the token names no session | is not asked | invalid: `missing_claim` |
/// | valid | cannot be asked | indeterminate, `revocation_stale`; the same caller, if the session was open when last asked and its key cannot have expired since, may be let pass by the degrade table |
/// | indeterminate | has the key | that |
/// | indeterminate | has it not | invalid: `session_ended` |
/// | indeterminate | cannot be asked | that, and no degrade policy helps: two outages at once |
///
/// A session that ended is refused within the freshness and the deadline of one question. Of one session there
/// is one question at a time, whoever asks; after a failure nothing is asked for a second, so that nobody
/// waits for a directory that is down. The answer that is remembered goes when there is no room, and is then
/// asked for again.
///
/// ```
/// # use portcullis_auth::JwtVerifier;
/// # use portcullis_core::{ConfigError, Secret};
/// use portcullis_auth::{AuthLayer, SessionGuard};
/// use portcullis_revocation::sessions::{MemorySessions, SessionKeys};
/// use std::time::Duration;
///
/// # fn doc(verifier: JwtVerifier, secret: Secret) -> Result<(), ConfigError> {
/// let keys = SessionKeys::hashed("sessions:", &secret)?;
/// let sessions = MemorySessions::new(100_000);
/// let guarded = SessionGuard::new(verifier, sessions, keys)
///     .with_freshness(Duration::from_secs(5))?;
/// let layer = AuthLayer::new(guarded);
/// # let _ = layer;
/// # Ok(())
/// # }
/// ```
///
/// # Clone
/// Clones share what was answered.
pub struct SessionGuard<V, C: Clock = SystemClock> {
    verifier: V,
    keys: Arc<SessionKeys>,
    /// The name of the session, worked out once for each verdict; none if there is no session.
    name: MemoKey<Option<Name>>,
    asking: Arc<Asking<C>>,
    freshness: Duration,
}

/// What is to be said of a caller whose token is good.
enum Found {
    Open,
    Bad(Reason),
    Ask(Name, Option<Duration>),
}

// === impl SessionGuard ===

impl<V> SessionGuard<V> {
    /// How old an answer may be, unless set.
    pub const FRESHNESS: Duration = Duration::from_secs(15);
    /// The least that can be set.
    pub const FRESHNESS_MIN: Duration = Duration::from_millis(100);
    /// The most that can be set.
    pub const FRESHNESS_MAX: Duration = Duration::from_secs(300);

    /// Guards `verifier` by the sessions of `directory`, whose keys are made by `keys`.
    pub fn new(verifier: V, directory: impl SessionDirectory, keys: SessionKeys) -> Self {
        Self::with_clock(verifier, directory, keys, SystemClock)
    }
}

impl<V, C: Clock> SessionGuard<V, C> {
    /// The same, with a clock of its own, for tests. Its monotonic time must not be that of the processor's
    /// tick counter.
    pub fn with_clock(
        verifier: V,
        directory: impl SessionDirectory,
        keys: SessionKeys,
        clock: C,
    ) -> Self {
        Self {
            verifier,
            keys: Arc::new(keys),
            name: MemoKey::new(),
            asking: Arc::new(Asking::new(Arc::new(directory), clock)),
            freshness: SessionGuard::<V>::FRESHNESS,
        }
    }

    /// How old an answer of the directory may be: 15 s unless set.
    ///
    /// # Errors
    /// If it is below 100 ms or above 300 s.
    pub fn with_freshness(mut self, freshness: Duration) -> Result<Self, ConfigError> {
        type Bounds = SessionGuard<()>;
        if !(Bounds::FRESHNESS_MIN..=Bounds::FRESHNESS_MAX).contains(&freshness) {
            return Err(ConfigError::new(
                "freshness",
                format!("is {} ms", freshness.as_millis()),
                "choose from 100 ms to 300 s",
            ));
        }
        self.freshness = freshness;
        Ok(self)
    }

    /// What is known, without asking.
    fn find(&self, identity: &Identity, token: &[u8]) -> Found {
        let name = identity.memo(
            &self.name,
            |parts| self.key(parts, token).map(|key| name(&key)),
            |name| *name,
        );
        let Some(name) = name else {
            return Found::Bad(Reason::MissingClaim);
        };
        match self.asking.standing(&name, self.freshness) {
            Standing::Open => Found::Open,
            Standing::Ended => Found::Bad(Reason::SessionEnded),
            Standing::Ask { overdue } => Found::Ask(name, overdue),
        }
    }

    fn key(&self, parts: &IdentityParts, token: &[u8]) -> Option<SessionKey> {
        let mut facts = SessionFacts::new(&parts.issuer, token);
        facts.session = parts.session.as_deref();
        facts.subject = parts.subject.as_deref();
        facts.jti = parts.token_id.as_deref();
        self.keys.key(&facts)
    }

    /// What becomes of a caller whose token is good.
    async fn ask(&self, identity: Identity, token: &[u8]) -> Verdict {
        let (name, overdue) = match self.find(&identity, token) {
            Found::Open => return Verdict::Valid(identity),
            Found::Bad(reason) => return Verdict::Invalid(reason),
            Found::Ask(name, overdue) => (name, overdue),
        };
        // It was there for the name a moment ago.
        let Some(key) = self.key(identity.parts(), token) else {
            return Verdict::Invalid(Reason::MissingClaim);
        };
        match self.asking.ask(name, key).await {
            Asked::Answered(Presence::Present { .. }) => Verdict::Valid(identity),
            Asked::Answered(Presence::Absent) => Verdict::Invalid(Reason::SessionEnded),
            Asked::Unavailable { retry_after } => {
                let outage = Outage::new(OutageCause::RevocationStale).retry_after(retry_after);
                Verdict::Indeterminate(match overdue {
                    Some(overdue) => outage.holding(identity, overdue),
                    None => outage,
                })
            }
        }
    }
}

impl<V: Verifier, C: Clock> Verifier for SessionGuard<V, C> {
    fn try_verify(&self, token: Presented<'_>, gate: &Gate<'_>) -> Attempt {
        let verdict = match self.verifier.try_verify(token, gate) {
            Attempt::Done(verdict) => verdict,
            other => return other,
        };
        // Whom a degrade policy may let pass must have a session, too.
        let identity = match &verdict {
            Verdict::Valid(identity) => identity,
            Verdict::Indeterminate(Outage {
                held: Some(held), ..
            }) => &held.identity,
            Verdict::Invalid(_) | Verdict::Indeterminate(_) => return Attempt::Done(verdict),
        };
        match self.find(identity, token.as_bytes()) {
            Found::Open => Attempt::Done(verdict),
            Found::Bad(reason) => Attempt::Done(Verdict::Invalid(reason)),
            Found::Ask(..) => Attempt::NeedsIo,
        }
    }

    async fn verify(self, token: Secret) -> Verdict {
        match settle(&self.verifier, &token).await {
            Verdict::Valid(identity) => self.ask(identity, token.expose()).await,
            Verdict::Indeterminate(mut outage) => {
                let Some(held) = outage.held.take() else {
                    return Verdict::Indeterminate(outage);
                };
                match self.ask(held.identity, token.expose()).await {
                    Verdict::Valid(identity) => {
                        Verdict::Indeterminate(outage.holding(identity, held.overdue))
                    }
                    Verdict::Invalid(reason) => Verdict::Invalid(reason),
                    Verdict::Indeterminate(_) => Verdict::Indeterminate(outage),
                }
            }
            bad @ Verdict::Invalid(_) => bad,
        }
    }
}

impl<V: Clone, C: Clock> Clone for SessionGuard<V, C> {
    fn clone(&self) -> Self {
        Self {
            verifier: self.verifier.clone(),
            keys: Arc::clone(&self.keys),
            name: self.name.clone(),
            asking: Arc::clone(&self.asking),
            freshness: self.freshness,
        }
    }
}

impl<V: fmt::Debug, C: Clock> fmt::Debug for SessionGuard<V, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionGuard")
            .field("verifier", &self.verifier)
            .field("keys", &self.keys)
            .field("freshness", &self.freshness)
            .finish_non_exhaustive()
    }
}

/// By its hash: a key may hold a token.
fn name(key: &SessionKey) -> Name {
    sha256(&[key.expose()])
}
