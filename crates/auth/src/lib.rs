//! A tower layer that verifies access tokens and stays right while the identity provider is broken.

mod anonymous;
mod answers;
mod challenge;
mod degrade;
mod extract;
#[doc(hidden)]
pub mod fuzz;
mod jose;
pub mod key;
mod reason;
mod service;
mod verdict;
mod verifier;

pub use anonymous::Anonymous;
pub use challenge::Challenge;
pub use degrade::{Decision, Degrade, Grace, OutageBudget};
pub use extract::{Bearer, CookieToken, Extracted, QueryToken, TokenExtractor};
pub use reason::Reason;
pub use service::{Auth, AuthLayer, ResponseFuture};
pub use verdict::{Held, Outage, Verdict};
pub use verifier::{Attempt, Gate, Presented, Verifier};
