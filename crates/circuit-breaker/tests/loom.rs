//! The circuit under every interleaving: the real parts, and the real whole, on loom's primitives.
//!
//! `RUSTFLAGS="--cfg portcullis_loom" cargo test -p portcullis-circuit-breaker --release --test loom`
//!
//! In a model a window of time has two buckets, the ring of calls under way two spans, and their roster two pages. The models are complete but
//! for two, of three threads, which are bounded to a few preemptions.
//!
//! Loom remembers one access of a word: a thread that loads and then swaps hides from it that another loaded between.
//! So nothing is left to the first thread, and what is done at once is begun in both orders.
#![cfg(portcullis_loom)]
#![allow(dead_code, missing_docs, unreachable_pub, unused_imports)] // the modules are included, not linked
#![allow(clippy::unwrap_used)] // unwrap in a test is an assertion

#[path = "../src/circuit/mod.rs"]
mod circuit;
#[path = "../src/sync.rs"]
mod sync;

#[path = "loom/buckets.rs"]
mod buckets;
#[path = "loom/control.rs"]
mod control;
#[path = "loom/in_flight.rs"]
mod in_flight;
#[path = "loom/ring.rs"]
mod ring;
#[path = "loom/roster.rs"]
mod roster;

pub use circuit::*;

use loom::thread;

/// A model, and whether what it does at once begins in the other order.
fn explore(model: impl Fn(bool) + Clone + Send + Sync + 'static) {
    for swapped in [false, true] {
        let model = model.clone();
        loom::model(move || model(swapped));
    }
}

/// Does both at once.
fn at_once<A: 'static, B: 'static>(
    swapped: bool,
    one: impl FnOnce() -> A + 'static,
    other: impl FnOnce() -> B + 'static,
) -> (A, B) {
    let (one, other) = if swapped {
        let other = thread::spawn(other);
        (thread::spawn(one), other)
    } else {
        let one = thread::spawn(one);
        (one, thread::spawn(other))
    };
    (one.join().unwrap(), other.join().unwrap())
}
