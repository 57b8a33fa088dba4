//! Scenarios that cross crates live in `tests/tests`, a theme a file.

pub mod outage;
