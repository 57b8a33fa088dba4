//! Entry points for fuzzing: each takes any bytes and panics only if a promise is broken.
//!
//! Not part of the public API.

pub use crate::extract::fuzz::{fuzz_authorization, statuses};
pub use crate::jose::fuzz::fuzz_header;
pub use crate::jwt::fuzz::{
    AUDIENCE, CLIENT, ISSUER, MAX_AGE, NOW, SECRET, StillClock, fuzz_claims, fuzz_token, verifiers,
};
pub use crate::key::fuzz::fuzz_jwks;
