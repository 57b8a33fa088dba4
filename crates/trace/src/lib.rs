//! Traces through tower services, correct to the letter of W3C Trace Context.
//!
//! [`TraceContextLayer::server`] reads the trace of a request that comes in and makes its own span of it;
//! [`TraceContextLayer::client`] writes that into requests that go out on its behalf. Between the two nothing has to be
//! handed on: the request is the [current](portcullis_core::RequestContext::current) one wherever it is worked on.
//!
//! ```
//! use http::{Request, Response};
//! use portcullis_core::RequestContext;
//! use portcullis_trace::TraceContextLayer;
//! use tower::{Layer, Service, service_fn};
//! # use std::convert::Infallible;
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! // Stands for a connection: it sees what goes out.
//! let transport = service_fn(|request: Request<String>| async move {
//!     let told = request.headers()["traceparent"].clone();
//!     Ok::<_, Infallible>(Response::new(told.to_str().unwrap().to_owned()))
//! });
//! let client = TraceContextLayer::client().layer(transport);
//!
//! let handler = service_fn(move |_: Request<String>| {
//!     let mut client = client.clone();
//!     async move { client.call(Request::new(String::new())).await }
//! });
//! let mut server = TraceContextLayer::server().layer(handler);
//!
//! let request = Request::builder()
//!     .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
//!     .body(String::new())
//!     .unwrap();
//! let answer = server.call(request).await.unwrap();
//! assert!(answer.into_body().get_ref().get_ref().starts_with("00-0af7651916cd43dd8448eb211c80319c-"));
//! assert!(RequestContext::current().is_none());
//! # });
//! ```
//!
//! # What a request ends with
//!
//! | the answer | ends |
//! |---|---|
//! | a body | with its last frame or its trailers; or with the frame after which it says that it is over, or that fills the announced length, for servers do not ask again then |
//! | to `HEAD`, 1xx, 204, 304, an empty body, a tunnel | with its head |
//! | dropped before that | cancelled; by a panic, panicked |
//!
//! # Order
//! The server's layer is the outermost, so that refusals are part of the trace. What inner layers find out (route,
//! caller) is bound late. The client's layer is inside of retries. A second layer of a server passes through.

mod arrive;
mod body;
mod client;
mod codec;
mod egress;
mod future;
mod layer;
mod message;
mod propagation;
mod sampling;
mod server;
mod service;
mod span;
mod stage;
mod timings;
mod trust;
mod watch;

pub use body::TraceBody;
pub use client::{Client, ResendCount};
pub use codec::baggage::{BadBaggage, Baggage};
pub use codec::tracestate::{BadTraceState, TraceState};
pub use egress::Egress;
pub use future::ResponseFuture;
pub use layer::TraceContextLayer;
pub use propagation::{Format, Formats};
pub use sampling::{Heard, Roots, Sampling};
pub use server::Server;
pub use service::{Kind, TraceClient, TraceServer, TraceService};
pub use span::Spans;
pub use stage::{Stage, StageFuture, StageLayer};
pub use timings::{ServerTiming, Timings};
pub use trust::{Trust, TrustLevel};

/// Entry points for fuzzing the parsers of untrusted bytes.
#[doc(hidden)]
pub mod fuzz {
    pub use crate::codec::b3::fuzz_b3;
    pub use crate::codec::baggage::fuzz_baggage;
    pub use crate::codec::tracestate::fuzz_tracestate;
}

/// The examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[derive(Debug)]
pub struct ReadmeDoctests;
