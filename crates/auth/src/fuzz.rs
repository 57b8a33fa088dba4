//! Entry points for fuzzing: each takes any bytes and panics only if a promise is broken.
//!
//! Not part of the public API.

pub use crate::key::fuzz::fuzz_jwks;
