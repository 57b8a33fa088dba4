//! What was found out about tokens before.
//!
//! Both caches are keyed by a keyed 128-bit digest of the verifier's configuration and the token, with a
//! key that is random for each process and never leaves it. No token is kept.

mod fingerprint;
mod negative;
mod positive;

pub(crate) use fingerprint::{Fingerprint, Fingerprinter};
pub(crate) use negative::Negative;
pub use positive::VerdictCache;
pub(crate) use positive::{Entry, tail};
