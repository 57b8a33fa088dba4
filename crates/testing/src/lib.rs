//! A test kit for services that authenticate access tokens, and for the layers that do it.
//!
//! Real keys, real signatures, a real HTTP server for an issuer; what is fake is only that the test
//! decides when it breaks, and what time it is.
//!
//! | what | feature | brings |
//! |---|---|---|
//! | [`identity`]: an `Identity` for what comes after authentication | – | – |
//! | `TestClock`: time that only the test moves | `clock` (default) | tokio `test-util` |
//! | `StubVerifier`: verdicts by a script | `auth` (default), or `auth-rust-crypto` | portcullis-auth |
//! | `contract`: the seven facts of every tower layer | `contract` (default) | tower-test |
//! | `KeyMint`, `SigningKey`, `TokenBuilder`, `forge` | `mint` | aws-lc-rs: needs a C compiler |
//! | `SigningKey::weak_rsa`: RSA keys too short to be accepted | `weak-rsa` | `mint`, rsa |
//! | `FakeIssuer`: an issuer with an outage switch | `issuer` | `mint`, hyper |
//! | `RedisServer`: a redis-server to freeze, kill, flush and replicate; on Unix | `redis` | tempfile, rustix, an installed redis-server |
//! | `FaultProxy`: TCP that delays, drops, resets, refuses | `fault-proxy` | tokio |
//!
//! Functions of this crate panic where a test could not go on anyway; each says so.
//!
//! # Example
//! A service that must keep answering while its issuer is broken, tested from the outside:
//!
//! ```
//! # #[cfg(feature = "issuer")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! use portcullis_testing::{Endpoint, FakeIssuer, Mode, SigningKey, forge};
//! use std::time::Duration;
//!
//! let issuer = FakeIssuer::start().await;
//! // Configure your service with `issuer.issuer()` and `issuer.audience()`, then ask it with:
//! let good = issuer.token().subject("alice").scope("api:read").issue();
//! let expired = issuer.token().expired(Duration::from_secs(600)).issue();
//! let stranger = issuer.token().audience("somebody-else").issue();
//! let forged = forge::with_claim(&good, "sub", "root");
//! let unknown_key = issuer.token().sign(&SigningKey::es256());
//!
//! issuer.mode(Mode::Hang);
//! // `good` is still 200; `forged` still 401; `unknown_key` is 503 with Retry-After, not 401.
//! issuer.mode(Mode::Ok);
//! issuer.rotate_and_drop_old();
//! // `good` is refused once your service has seen the new set.
//! # let _ = (expired, stranger, forged, unknown_key);
//! assert_eq!(issuer.requests(Endpoint::Jwks), 0); // counts what your service asked
//! # }
//! # #[cfg(not(feature = "issuer"))]
//! # fn main() {}
//! ```

mod identity;
pub use identity::{AUDIENCE, ISSUER, IdentityBuilder, identity};

#[cfg(feature = "clock")]
mod clock;
#[cfg(feature = "clock")]
pub use clock::TestClock;

#[cfg(feature = "contract")]
pub mod contract;

#[cfg(any(feature = "auth", feature = "auth-rust-crypto"))]
mod verifier;
#[cfg(any(feature = "auth", feature = "auth-rust-crypto"))]
pub use verifier::StubVerifier;

#[cfg(feature = "mint")]
pub mod forge;
#[cfg(feature = "mint")]
mod mint;
#[cfg(feature = "mint")]
pub use mint::{Algorithm, KeyMint, RsaSize, SigningKey, TokenBuilder, jwks};

#[cfg(feature = "issuer")]
mod issuer;
#[cfg(feature = "issuer")]
pub use issuer::{Endpoint, FakeIssuer, FakeIssuerBuilder, IssuerBody, IssuerClient, Mode};

#[cfg(all(unix, feature = "redis"))]
mod redis;
#[cfg(all(unix, feature = "redis"))]
pub use redis::{RedisServer, RedisServerBuilder, Reply};

#[cfg(feature = "fault-proxy")]
mod fault_proxy;
#[cfg(feature = "fault-proxy")]
pub use fault_proxy::{Fault, FaultProxy};
