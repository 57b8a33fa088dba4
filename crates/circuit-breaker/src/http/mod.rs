//! The layer for HTTP and gRPC: it reads heads, bodies and trailers, and answers by itself.
//!
//! | | |
//! |---|---|
//! | refused | 503 with `Retry-After`; to gRPC UNAVAILABLE with a pushback. The error of the service stays what it is |
//! | what counts | [`HttpOutcomes`](portcullis_core::HttpOutcomes), or a [`ClassifyHttp`](portcullis_core::ClassifyHttp) of yours |
//! | an answer whose head says nothing yet | its body is watched: a gRPC status in the trailers, a body that breaks off |
//! | a body that the caller drops | over HTTP a success, for the head was good; over gRPC ignored |
//! | a request that the caller breaks off | ignored, whatever comes of it |
//! | slow | while the dependency has the word, until the head of its answer: slow uploads, slow readers, streams and upgrades are not; one that does not read what is sent is |
//! | answers that a Portcullis layer inside made by itself | ignored, where the request has a [`RequestContext`](portcullis_core::RequestContext) |
//! | a panic | a failure |

mod body;
mod circuits;
mod future;
mod layer;
mod request;
mod service;

pub use body::WatchedBody;
pub use circuits::{ByKey, Circuits};
pub use future::ResponseFuture;
pub use layer::HttpCircuitBreakerLayer;
pub use request::RequestBody;
pub use service::HttpCircuitBreaker;
