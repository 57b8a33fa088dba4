//! Keys that sign, and the tokens they sign.

use std::fmt;
use std::sync::Arc;

use portcullis_core::{Clock, SystemClock, UnixTime};

mod algorithm;
mod builder;
mod key;
mod material;
#[cfg(feature = "weak-rsa")]
mod weak;

pub use algorithm::Algorithm;
pub use builder::TokenBuilder;
pub use key::{SigningKey, jwks};
pub use material::RsaSize;

pub(crate) use material::b64;

/// The place where tokens are made: it knows what time it is.
///
/// ```
/// use portcullis_testing::{KeyMint, SigningKey};
///
/// let token = KeyMint::new().token().subject("alice").sign(&SigningKey::es256());
/// assert_eq!(token.split('.').count(), 3);
/// ```
#[derive(Clone)]
pub struct KeyMint {
    wall: Arc<dyn Fn() -> UnixTime + Send + Sync>,
}

// === impl KeyMint ===

impl KeyMint {
    /// A mint on the clock of the operating system.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(SystemClock)
    }

    /// A mint on `clock`, such as a `TestClock` that the verifier shares.
    #[must_use]
    pub fn with_clock(clock: impl Clock) -> Self {
        Self {
            wall: Arc::new(move || clock.wall()),
        }
    }

    /// The time that the next token is issued at.
    #[must_use]
    pub fn now(&self) -> UnixTime {
        (self.wall)()
    }

    /// A token in the making, issued now.
    pub fn token(&self) -> TokenBuilder {
        TokenBuilder::at(self.now())
    }

    /// A logout token in the making, issued now.
    pub fn logout_token(&self) -> TokenBuilder {
        TokenBuilder::logout_at(self.now())
    }
}

impl Default for KeyMint {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for KeyMint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyMint").finish_non_exhaustive()
    }
}
