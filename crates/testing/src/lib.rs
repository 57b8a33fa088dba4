//! A test kit.
mod identity;
pub use identity::{AUDIENCE, ISSUER, IdentityBuilder, identity};

#[cfg(feature = "clock")]
mod clock;
#[cfg(feature = "clock")]
pub use clock::TestClock;

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

#[cfg(feature = "contract")]
pub mod contract;
