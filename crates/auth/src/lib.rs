//! A tower layer that verifies access tokens and stays right while the identity provider is broken.

#[doc(hidden)]
pub mod fuzz;
mod jose;
pub mod key;
mod reason;
mod verdict;
mod verifier;

pub use reason::Reason;
pub use verdict::{Held, Outage, Verdict};
pub use verifier::{Attempt, Gate, Verifier};
