//! Scenarios that cross crates live in `tests/tests`, a theme a file.

pub mod api;
#[cfg(unix)]
pub mod nginx;
pub mod outage;
pub mod revocation;

/// The examples of `docs/`.
#[cfg(doctest)]
pub mod docs {
    #[doc = include_str!("../../docs/degrade.md")]
    #[derive(Debug)]
    pub struct Degrade;

    #[doc = include_str!("../../docs/metrics.md")]
    #[derive(Debug)]
    pub struct Metrics;

    #[doc = include_str!("../../docs/ordering.md")]
    #[derive(Debug)]
    pub struct Ordering;

    #[doc = include_str!("../../docs/revocation.md")]
    #[derive(Debug)]
    pub struct Revocation;
}
