//! The hook that guards dear work against unproven callers.

use std::sync::Arc;

use crate::{Head, Refusal};

/// A gate that a layer asks before it does something dear for a caller who has proven nothing yet,
/// and that it tells of each failed attempt.
///
/// A rate limiter implements it: junk tokens are then charged to the address they come from, while a
/// cached verdict is never asked about, so users behind one shared address are not punished.
/// The calls are synchronous and must not block. `()` admits everything.
pub trait Admission: Send + Sync + 'static {
    /// Whether `work` may be done for the caller of `head`.
    ///
    /// # Errors
    /// The refusal to answer with instead.
    fn admit(&self, head: &Head<'_>, work: Work) -> Result<(), Refusal> {
        let _ = (head, work);
        Ok(())
    }

    /// Reports that the caller of `head` presented a credential that was positively judged bad.
    fn failed(&self, head: &Head<'_>, reason: &'static str) {
        let _ = (head, reason);
    }
}

/// Dear work that a caller can cause without having proven anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Work {
    /// A signature check: 15 to 50 µs of a core.
    Signature,
    /// A call to the issuer, for keys or an introspection: a network round trip.
    Lookup,
}

impl Admission for () {}

impl<A: Admission + ?Sized> Admission for Arc<A> {
    fn admit(&self, head: &Head<'_>, work: Work) -> Result<(), Refusal> {
        (**self).admit(head, work)
    }

    fn failed(&self, head: &Head<'_>, reason: &'static str) {
        (**self).failed(head, reason);
    }
}
