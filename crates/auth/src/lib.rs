//! A tower layer that verifies access tokens and stays right while the identity provider is broken.

mod anonymous;
mod answers;
mod cache;
mod challenge;
#[cfg(feature = "client")]
pub mod client;
mod degrade;
mod extract;
#[doc(hidden)]
pub mod fuzz;
mod jose;
pub mod jwks;
mod jwt;
pub mod key;
mod reason;
mod report;
mod require;
mod service;
mod verdict;
mod verifier;

pub use anonymous::Anonymous;
pub use cache::VerdictCache;
pub use challenge::Challenge;
pub use degrade::{Decision, Degrade, Grace, OutageBudget};
pub use extract::{Bearer, CookieToken, Extracted, QueryToken, TokenExtractor};
pub use jwt::{Issuer, JwtVerifier, JwtVerifierBuilder, Keys};
pub use reason::Reason;
pub use require::{Require, RequireFuture, RequireLayer, Shortfall};
pub use service::{Auth, AuthLayer, ResponseFuture};
pub use verdict::{Held, Outage, Verdict};
pub use verifier::{Attempt, Gate, Presented, Verifier};
