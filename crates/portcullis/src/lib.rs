//! Tower layers that keep access-token authentication correct while the things it depends on are broken.
//!
//! This crate is the front door: it has the crates of the suite under one name and one version, each
//! behind a feature, and what ties them to a framework. What they do is said where they are.
//!
//! | path | feature | what it is |
//! |---|---|---|
//! | the root | – | the nouns that all layers share: [`Identity`], [`Refusal`], [`Observer`], … |
//! | `auth` | `auth` (default) or `rust-crypto` | the middleware that verifies tokens, and the one that demands scopes |
//! | `auth::client` | `client` | a ready HTTP client to fetch keys with |
//! | `axum` | `axum` | extractors for axum 0.8: `Caller`, `Option<Caller>`, `Claims<T>` |
//! | `single_flight` | `single-flight` | many callers, one call |
//! | `circuit_breaker` | `circuit-breaker` | a dependency that fails is left alone for a while: for any service, and for HTTP and gRPC |
//! | `trace` | `trace` | traces that go through a service, spans, and whose time a request took |
//! | `axum` | `axum` and `trace` | the trace as an argument of handlers, and the route that axum matched |
//! | `metrics` | `metrics` | what all layers report, for Prometheus and whatever else the facade `metrics` has an exporter for |
//! | `revocation` | `revocation` | tokens that end before they expire: log, view, revoker, feeds |
//! | `redis` | `redis`, which brings `revocation` | the log of revocations and the directory of sessions, on Redis: for more than one process |
//!
//! With `auth`, signatures are checked by aws-lc-rs; with `rust-crypto`, in pure Rust: slower, but no C
//! compiler is needed. Both may be on: then aws-lc-rs does it.
//!
#![cfg_attr(all(feature = "auth", feature = "axum"), doc = "```")]
#![cfg_attr(not(all(feature = "auth", feature = "axum")), doc = "```ignore")]
//! use portcullis::auth::key::{Algorithm, HmacRing};
//! use portcullis::auth::{AuthLayer, Issuer, JwtVerifier, RequireLayer};
//! use portcullis::axum::Caller;
//! use axum::{Router, routing::get};
//!
//! async fn orders(Caller(caller): Caller) -> String {
//!     format!("orders of {}", caller.subject().unwrap_or("nobody"))
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = HmacRing::new(Algorithm::HS256, b"a shared secret of 32 bytes or more")?;
//! let verifier = JwtVerifier::builder()
//!     .issuer(Issuer::new("https://idp.example.com", keys).audience("orders").scope_required())
//!     .build()?;
//! let app: Router = Router::new()
//!     .route("/orders", get(orders))
//!     .route_layer(RequireLayer::new().with_scopes(["orders:read"])?)
//!     .layer(AuthLayer::new(verifier));
//! # let _ = app;
//! # Ok(())
//! # }
//! ```
//!
//! With `revocation`, the same layers ask of every token whether it was revoked. In one process the log is
//! in memory; nodes that share one on Redis differ in a single line:
//!
#![cfg_attr(all(feature = "auth", feature = "redis"), doc = "```no_run")]
#![cfg_attr(not(all(feature = "auth", feature = "redis")), doc = "```ignore")]
//! use portcullis::Secret;
//! use portcullis::auth::{AuthLayer, JwtVerifier, Revocations};
//! use portcullis::redis::{RedisConfig, RedisLog};
//! use portcullis::revocation::{Revocation, Secrets, Target};
//!
//! # async fn doc(verifier: JwtVerifier) -> Result<(), Box<dyn std::error::Error>> {
//! let secrets = Secrets::new(&Secret::new(std::fs::read("/run/secrets/revocation")?))?;
//! // Or `MemoryLog::new()`, of `portcullis::revocation`.
//! let log = RedisLog::builder(RedisConfig::parse("redis://redis.internal:6379/0")?).start()?;
//! let revocation = Revocation::builder(secrets, log).start()?;
//!
//! let auth = AuthLayer::new(verifier).with_standing(Revocations::new(revocation.view()));
//! # let _ = auth;
//!
//! // On logout, on any node.
//! let ack = revocation.revoker().revoke(Target::session("https://idp.example.com", "s-4711")).await?;
//! assert!(ack.is_durable(), "a majority has it");
//! # Ok(())
//! # }
//! ```

#[cfg(all(
    feature = "axum",
    any(feature = "auth", feature = "rust-crypto", feature = "trace")
))]
pub mod axum;
#[cfg(feature = "metrics")]
pub mod metrics;

pub use portcullis_core::{
    AddressFallback, AddressSource, Admission, AtHead, Backoff, BadTraceparent, Carried,
    CircuitEvent, CircuitEventKind, CircuitState, ClaimsError, Classify, ClassifyHttp,
    ClientAddress, ClientIp, ClientKey, Clock, CoarseClock, ConfigError, ConfigProblem, Delays,
    Ending, ErrorsFail, GrpcStatus, Head, HttpOutcomes, Identity, IdentityParts, InScope, Jitter,
    KeysEvent, KeysOutcome, MemoKey, Observer, OutageCause, Outcome, Phase, Problem, Problems,
    Protocol, Provenance, ProxyHeader, RefreshAhead, Refusal, RefusalBuilder, RefusalKind,
    RefusalStyle, RequestBegan, RequestContext, RequestEnded, RequestExt, RequestTrace,
    ResponseBody, Scopes, Secret, Side, SpanId, StageEvent, StageTimer, StageTimes, Stages,
    SystemClock, Timed, TokenHash, TraceContext, TraceEvent, TraceFlags, TraceId, TraceOutcome,
    Ttl, UnixTime, VerdictEvent, VerdictOutcome, Work,
};

#[cfg(any(feature = "auth", feature = "rust-crypto"))]
pub use portcullis_auth as auth;

#[cfg(feature = "redis")]
pub use portcullis_redis as redis;

#[cfg(feature = "circuit-breaker")]
pub use portcullis_circuit_breaker as circuit_breaker;

#[cfg(feature = "revocation")]
pub use portcullis_revocation as revocation;

#[cfg(feature = "single-flight")]
pub use portcullis_single_flight as single_flight;

#[cfg(feature = "trace")]
pub use portcullis_trace as trace;

/// The examples of the README.
#[cfg(all(doctest, feature = "auth", feature = "axum"))]
#[doc = include_str!("../README.md")]
#[derive(Debug)]
pub struct ReadmeDoctests;
