//! TLS, on both sides.

pub(crate) mod authority;
mod public;
mod upstreams;
