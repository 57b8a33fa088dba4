//! What a circuit does, step by step, on a clock that stands still.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used)] // unwrap in a test is an assertion

#[path = "../kit/mod.rs"]
mod kit;

mod by_hand;
mod half_open;
mod open;
mod under_way;
mod windows;
