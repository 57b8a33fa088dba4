//! A circuit breaker for tower: its window slides, its callers cannot trip it, and it costs a few nanoseconds.
//!
//! A dependency that is down is not made well by asking it again, and whoever waits for it is down as well. A circuit
//! counts how calls go. When too many fail, or take too long, or hang, it opens: calls are refused at once, with when to
//! come again. After a while a few are let through as probes, and they decide.
//!
//! ```
//! use portcullis_circuit_breaker::{Circuit, CircuitBreakerError, CircuitBreakerLayer};
//! use std::io;
//! use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let circuit = Circuit::builder("inventory").consecutive_failures(2).build()?;
//! let mut inventory = ServiceBuilder::new()
//!     .layer(CircuitBreakerLayer::new(circuit.clone()))
//!     .service(service_fn(|_: u32| async { Err::<(), _>(io::Error::other("down")) }));
//!
//! for item in 0..2 {
//!     let answer = inventory.ready().await?.call(item).await;
//!     assert!(matches!(answer, Err(CircuitBreakerError::Inner(_))));
//! }
//! let answer = inventory.ready().await?.call(2).await;
//! assert!(answer.is_err_and(|error| error.rejected().is_some()));
//! # Ok(())
//! # }
//! ```
//!
//! | | what it is |
//! |---|---|
//! | [`Circuit`] | the state machine and the handle: no tower, no HTTP, no runtime |
//! | [`CircuitBreakerLayer`] | in front of any service; a refused call is an error |
//! | `http::HttpCircuitBreakerLayer` | in front of HTTP and gRPC; a refused call is an answer, 503 or UNAVAILABLE (feature `http`, on by default) |
//! | [`KeyedCircuits`] | a circuit for each upstream, issuer or whatever fails by itself |
//!
//! # What opens it
//!
//! | limit | method |
//! |---|---|
//! | a share of the calls in the window failed | [`failure_rate`](CircuitBuilder::failure_rate) |
//! | a share was slow, or is being slow right now | [`slow_calls`](CircuitBuilder::slow_calls) |
//! | so many failed in a row | [`consecutive_failures`](CircuitBuilder::consecutive_failures) |
//!
//! The window is of the last so many calls, exactly, or of the last so much time; both slide, and cost the same
//! whatever they hold.
//!
//! # What callers cannot do
//!
//! Nothing that a caller sends or does opens a circuit: not a request that is refused, a token that is bad, a deadline
//! that is tiny, an upload that is slow, a reader that is slow, a connection that is given up. What was admitted before
//! a move of the circuit counts for nothing after it. And nothing that is never finished keeps a state: probes that hang,
//! are dropped or panic have a time.
//!
//! # Limitations
//!
//! The state is of one process. With few calls, choose limits that few calls can reach. There is no timer: what hangs
//! is noticed by the next caller, and a caller that already waits for a service to get ready is not woken. A dependency
//! that blames itself for what its callers do, with 500 or code 13, is believed.

#[cfg_attr(portcullis_loom, allow(dead_code, reason = "the models use the parts"))]
mod circuit;
mod error;
mod future;
mod guard;
#[cfg(feature = "http")]
pub mod http;
mod keyed;
mod layer;
mod presets;
mod service;
mod sync;

pub use circuit::{
    Cancelled, Cause, Circuit, CircuitBuilder, IllegalMove, Permit, Rejected, Snapshot, Upload,
    Window,
};
pub use error::CircuitBreakerError;
pub use future::ResponseFuture;
pub use keyed::KeyedCircuits;
pub use layer::CircuitBreakerLayer;
pub use service::CircuitBreaker;

/// The examples of the README.
#[cfg(all(doctest, feature = "http"))]
#[doc = include_str!("../README.md")]
#[derive(Debug)]
pub struct ReadmeDoctests;
