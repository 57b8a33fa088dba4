//! A verifier that says what the test wrote down.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use portcullis_auth::{Attempt, Gate, Outage, Presented, Reason, Verdict, Verifier};
use portcullis_core::{Identity, Secret, Work};
use tokio::sync::watch;

/// A [`Verifier`] with a script: a verdict for each token, by its text.
///
/// A token that is not in the script is [`Reason::Signature`]. Clones share script, gate and counters,
/// so the test keeps one and turns it while the layer runs.
///
/// ```
/// use portcullis_auth::{AuthLayer, Outage, Reason};
/// use portcullis_core::OutageCause;
/// use portcullis_testing::{StubVerifier, identity};
///
/// let verifier = StubVerifier::new()
///     .valid("good", identity("alice").scopes("api:read").build())
///     .invalid("old", Reason::Expired)
///     .indeterminate("lost", Outage::new(OutageCause::KeyUnavailable));
/// let layer = AuthLayer::new(verifier.clone());
/// # let _ = layer;
/// assert_eq!(verifier.calls(), 0);
/// ```
#[derive(Clone)]
pub struct StubVerifier {
    shared: Arc<Shared>,
}

struct Shared {
    script: Mutex<HashMap<Vec<u8>, Line>>,
    calls: AtomicUsize,
    slow_calls: watch::Sender<usize>,
    held: watch::Sender<bool>,
}

/// What is said of one token.
#[derive(Clone)]
struct Line {
    verdict: Verdict,
    needs_io: bool,
    asks: Option<Work>,
}

// === impl StubVerifier ===

impl StubVerifier {
    /// A verifier that knows no token.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                script: Mutex::default(),
                calls: AtomicUsize::new(0),
                slow_calls: watch::Sender::new(0),
                held: watch::Sender::new(false),
            }),
        }
    }

    /// Says that `token` is good.
    #[must_use]
    pub fn valid(self, token: &str, identity: Identity) -> Self {
        self.set(token, Verdict::Valid(identity));
        self
    }

    /// Says that `token` is bad.
    #[must_use]
    pub fn invalid(self, token: &str, reason: Reason) -> Self {
        self.set(token, Verdict::Invalid(reason));
        self
    }

    /// Says that it cannot be found out whether `token` is good.
    #[must_use]
    pub fn indeterminate(self, token: &str, outage: Outage) -> Self {
        self.set(token, Verdict::Indeterminate(outage));
        self
    }

    /// Says that I/O is needed for `token`, and the verdict after it. See [`hold`](Self::hold).
    #[must_use]
    pub fn slow(self, token: &str, verdict: Verdict) -> Self {
        self.write(token, verdict, true);
        self
    }

    /// Makes `token`, which must be in the script, ask the admission hook for `work` first.
    ///
    /// # Panics
    /// If `token` is not in the script.
    #[must_use]
    pub fn asking(self, token: &str, work: Work) -> Self {
        self.script()
            .get_mut(token.as_bytes())
            .unwrap_or_else(|| panic!("{token:?} is not in the script"))
            .asks = Some(work);
        self
    }

    /// Says something else of `token` from now on, without I/O.
    pub fn set(&self, token: &str, verdict: Verdict) {
        self.write(token, verdict, false);
    }

    fn write(&self, token: &str, verdict: Verdict, needs_io: bool) {
        let line = Line {
            verdict,
            needs_io,
            asks: None,
        };
        self.script().insert(token.as_bytes().to_vec(), line);
    }

    /// Closes the gate: verdicts that need I/O wait until [`release`](Self::release).
    pub fn hold(&self) {
        self.shared.held.send_replace(true);
    }

    /// Opens the gate.
    pub fn release(&self) {
        self.shared.held.send_replace(false);
    }

    /// How many tokens were presented.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.shared.calls.load(Ordering::Acquire)
    }

    /// How many of them went on to I/O, waiting ones included.
    #[must_use]
    pub fn slow_calls(&self) -> usize {
        *self.shared.slow_calls.borrow()
    }

    /// Waits until at least `count` tokens went on to I/O.
    ///
    /// # Panics
    /// If that does not happen within `deadline`.
    pub async fn wait_for_slow_calls(&self, count: usize, deadline: Duration) {
        let mut calls = self.shared.slow_calls.subscribe();
        let reached = tokio::time::timeout(deadline, calls.wait_for(|calls| *calls >= count)).await;
        assert!(
            reached.is_ok(),
            "{} tokens went on to I/O within {deadline:?}, not {count}",
            self.slow_calls()
        );
    }

    fn line(&self, token: &[u8]) -> Line {
        self.script().get(token).cloned().unwrap_or(Line {
            verdict: Verdict::Invalid(Reason::Signature),
            needs_io: false,
            asks: None,
        })
    }

    fn script(&self) -> MutexGuard<'_, HashMap<Vec<u8>, Line>> {
        self.shared
            .script
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Verifier for StubVerifier {
    fn try_verify(&self, token: Presented<'_>, gate: &Gate<'_>) -> Attempt {
        self.shared.calls.fetch_add(1, Ordering::AcqRel);
        let line = self.line(token.as_bytes());
        if let Some(work) = line.asks
            && let Err(refusal) = gate.admit(work)
        {
            return Attempt::NotAdmitted(refusal);
        }
        if line.needs_io {
            return Attempt::NeedsIo;
        }
        Attempt::Done(line.verdict)
    }

    async fn verify(self, token: Secret) -> Verdict {
        self.shared.slow_calls.send_modify(|calls| *calls += 1);
        let mut held = self.shared.held.subscribe();
        // The sender is in `self`: it cannot be gone.
        let _ = held.wait_for(|held| !held).await;
        // Looked up now, so that a test can change its mind while the gate is closed.
        self.line(token.expose()).verdict
    }
}

impl Default for StubVerifier {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for StubVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StubVerifier")
            .field("calls", &self.calls())
            .field("slow_calls", &self.slow_calls())
            .finish_non_exhaustive()
    }
}
