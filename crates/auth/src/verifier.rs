//! The port that turns a token into a verdict.

use std::fmt;
use std::future::Future;

use portcullis_core::{Admission, Head, Refusal, Secret, Work};

use crate::Verdict;

/// Turns a token into a [`Verdict`], in two phases.
///
/// [`try_verify`](Verifier::try_verify) does what needs no I/O: a cached verdict, a check against keys
/// that are held. It is called for every request and must not block. Only where it answers
/// [`Attempt::NeedsIo`] the layer boxes a future and awaits [`verify`](Verifier::verify), within its
/// deadline.
///
/// A clone is a handle: clones share keys and caches.
pub trait Verifier: Clone + Send + Sync + 'static {
    /// Judges `token` without I/O.
    ///
    /// Before dear work for a caller who has proven nothing, it asks [`Gate::admit`].
    fn try_verify(&self, token: &str, gate: &Gate<'_>) -> Attempt;

    /// Judges `token` with I/O.
    ///
    /// # Cancel safety
    /// The future may be dropped at any time. What it started for others (a fetch of keys) goes on.
    fn verify(self, token: Secret) -> impl Future<Output = Verdict> + Send + 'static;
}

/// What [`Verifier::try_verify`] found out.
#[derive(Debug)]
pub enum Attempt {
    /// A verdict.
    Done(Verdict),
    /// Nothing yet: [`Verifier::verify`] must be awaited.
    NeedsIo,
    /// The gate refused to let the work be done.
    NotAdmitted(Refusal),
}

/// The gate that a verifier asks before dear work: the request, and the [`Admission`] hook if there is
/// one.
#[derive(Clone, Copy)]
pub struct Gate<'a> {
    head: Head<'a>,
    admission: Option<&'a dyn Admission>,
}

// === impl Gate ===

impl<'a> Gate<'a> {
    /// A gate for the request of `head`.
    #[must_use]
    pub fn new(head: Head<'a>, admission: Option<&'a dyn Admission>) -> Self {
        Self { head, admission }
    }

    /// The request.
    #[must_use]
    pub fn head(&self) -> Head<'a> {
        self.head
    }

    /// Whether `work` may be done for this caller.
    ///
    /// # Errors
    /// The refusal to answer with: hand it on as [`Attempt::NotAdmitted`].
    pub fn admit(&self, work: Work) -> Result<(), Refusal> {
        self.admission
            .map_or(Ok(()), |admission| admission.admit(&self.head, work))
    }

    pub(crate) fn failed(&self, reason: &'static str) {
        if let Some(admission) = self.admission {
            admission.failed(&self.head, reason);
        }
    }
}

impl fmt::Debug for Gate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").finish_non_exhaustive()
    }
}
