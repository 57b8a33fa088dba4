//! The nouns that every Portcullis layer shares.
//!
//! Layers do not know their neighbours: what two of them say to each other is said in the words of
//! this crate. It does no I/O and needs no runtime.
//!
//! | noun | what it is |
//! |---|---|
//! | [`Identity`], [`Provenance`] | who was authenticated, and how we know |
//! | [`Refusal`], [`Protocol`] | one refused request as data, answered as HTTP problem or as gRPC trailers |
//! | [`ResponseBody`] | the inner body, or our own bytes |
//! | [`RequestContext`], [`RequestExt`] | what one request shares between its layers |
//! | [`TraceContext`], [`RequestTrace`] | where a request stands in a distributed trace |
//! | [`StageTimer`], [`Timed`], [`Stages`] | where the time of a request goes |
//! | [`Observer`] | the one hook that every layer reports to |
//! | [`Outcome`], [`Classify`], [`ClassifyHttp`] | whether a dependency did its job |
//! | [`Admission`] | the gate before dear work for an unproven caller |
//! | [`Clock`], [`UnixTime`] | time, owned by tests |
//! | [`ClientIp`] | the caller's address behind trusted proxies |
//! | [`Backoff`], [`Ttl`] | delays between attempts, and lifetimes with jitter |
//! | [`Secret`] | bytes that no log can show |
//! | [`ConfigError`] | every problem of a configuration at once |

mod admission;
mod backoff;
mod body;
mod classify;
mod client_ip;
mod clock;
mod config_error;
mod context;
mod head;
mod identity;
mod observer;
mod random;
mod refusal;
mod scopes;
mod secret;
mod stage;
mod trace;
mod ttl;

pub use admission::{Admission, Work};
pub use backoff::{Backoff, Delays, Jitter};
pub use body::ResponseBody;
pub use classify::{AtHead, Classify, ClassifyHttp, ErrorsFail, HttpOutcomes, Outcome};
pub use client_ip::{
    AddressFallback, AddressSource, ClientAddress, ClientIp, ClientKey, ProxyHeader,
};
pub use clock::{Clock, CoarseClock, SystemClock, UnixTime};
pub use config_error::{ConfigError, ConfigProblem, Problems};
pub use context::{Entered, InScope, Lent, RequestContext, RequestExt};
pub use head::Head;
pub use identity::{
    ClaimsError, Identity, IdentityParts, MemoKey, OutageCause, Provenance, TokenHash,
};
pub use observer::{
    CircuitEvent, CircuitEventKind, CircuitState, Ending, GrpcStatus, KeysEvent, KeysOutcome,
    Observer, Phase, RequestBegan, RequestEnded, Side, StageEvent, TraceEvent, TraceOutcome,
    VerdictEvent, VerdictOutcome,
};
pub use refusal::{Problem, Protocol, Refusal, RefusalBuilder, RefusalKind, RefusalStyle};
pub use scopes::{BadScope, Scopes};
pub use secret::Secret;
pub use stage::{Now, StageTimer, StageTimes, Stages, Timed};
pub use trace::{
    BadTraceparent, Carried, PerSecond, RequestTrace, SpanId, TraceContext, TraceFlags, TraceId,
    Traceparent,
};
pub use ttl::{RefreshAhead, Ttl};

/// Entry points for fuzzing the parsers of untrusted bytes.
#[doc(hidden)]
pub mod fuzz {
    pub use crate::classify::fuzz_classify;
    pub use crate::client_ip::fuzz_client_ip;
    pub use crate::trace::fuzz_traceparent;
}

/// The examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[derive(Debug)]
pub struct ReadmeDoctests;
