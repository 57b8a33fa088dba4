//! A tower layer that verifies access tokens and stays right while the identity provider is broken.
//!
//! ```
//! use portcullis_auth::{AuthLayer, Issuer, JwtVerifier, Keys};
//! use portcullis_auth::key::{Algorithm, HmacRing};
//! use tower_layer::Layer as _;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = HmacRing::new(Algorithm::HS256, b"a shared secret of 32 bytes or more")?;
//! let verifier = JwtVerifier::builder()
//!     .issuer(Issuer::new("https://idp.example.com", keys).audience("orders").scope_required())
//!     .build()?;
//! let layer = AuthLayer::new(verifier).with_preflight();
//! # let service: portcullis_auth::Auth<(), _> = layer.layer(());
//! # Ok(())
//! # }
//! ```
//!
//! | | |
//! |---|---|
//! | [`AuthLayer`] | extract → verify → attach the [`Identity`](portcullis_core::Identity), or refuse |
//! | [`RequireLayer`] | what one route demands of the identity |
//! | [`JwtVerifier`], [`Issuer`], [`Keys`], [`jwks`], [`key`] | signed JWTs, their issuers and keys |
//! | [`Verifier`], [`Verdict`] | the port for verifiers of your own |
//! | [`Revocations`], [`StandingWatch`] | whether a caller still stands: for requests, and for streams that go on |
//! | [`RevocableTokens`], [`LogoutVerifier`] | what the feeds of `portcullis-revocation` verify tokens with |
//! | [`SessionGuard`] | tokens that are good only while their session is open |
//! | [`Degrade`], [`OutageBudget`] | what may pass while the truth cannot be found out |
//! | [`TokenExtractor`] | where the token is |
//! | [`Reason`] | why a token is bad |
//! | [`TokenOutline`], [`jwks::Inspection`] | what tools may show of a token, and of an issuer |
//!
//! # Three verdicts
//! A token is *valid*, *invalid*, or it *could not be found out*. The third is never the second: a 401
//! makes clients throw good sessions away. It is 503 with `Retry-After`, or what the route's
//! [`Degrade`] policy lets pass.
//!
//! # Runtime
//! The layer needs tokio's timer on its slow path, and [`jwks::Jwks`] a tokio runtime.
//!
//! # Limitations
//! Opaque tokens (RFC 7662) and DPoP are not there yet. A token bound to a key is refused.

mod anonymous;
mod answers;
mod by_shape;
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
mod metadata;
mod reason;
mod report;
mod require;
mod revocable;
mod revocations;
mod service;
mod sessions;
mod standing;
mod url;
mod verdict;
mod verifier;
mod watch;

pub use anonymous::Anonymous;
pub use by_shape::ByShape;
pub use cache::VerdictCache;
pub use challenge::Challenge;
pub use degrade::{Decision, Degrade, Grace, OutageBudget};
pub use extract::{Bearer, CookieToken, Extracted, QueryToken, TokenExtractor, extractor_fn};
pub use jwt::{
    ClaimsOutline, HeaderOutline, Issuer, JwtVerifier, JwtVerifierBuilder, Keys, LogoutVerifier,
    LogoutVerifierBuilder, TokenOutline,
};
pub use metadata::ResourceMetadata;
pub use reason::Reason;
pub use require::{Require, RequireFuture, RequireLayer, Shortfall};
pub use revocable::RevocableTokens;
pub use revocations::Revocations;
pub use service::{Auth, AuthLayer, ResponseFuture};
pub use sessions::SessionGuard;
pub use standing::{Standing, StandingView};
pub use verdict::{Held, Outage, Verdict};
pub use verifier::{Attempt, Gate, Presented, Verifier};
pub use watch::{Ended, StandingWatch};

/// The examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[derive(Debug)]
pub struct ReadmeDoctests;
