//! What the trace layer reports of requests.

use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};

use crate::classify::{GRPC_STATUS, decimal};
use crate::{Protocol, RequestContext, StageTimes, TraceContext};

/// A request came in, or a call goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestBegan {
    /// Which end of the wire this is.
    pub side: Side,
    /// The method, `_OTHER` if it is none of the registered ones.
    pub method: &'static str,
    /// What it speaks.
    pub protocol: Protocol,
}

/// A request, or a call, is over: exactly one for each that began.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RequestEnded<'a> {
    /// What began.
    pub began: RequestBegan,
    /// What the layers found out on the way; of a call, what it was made for, if anything.
    pub context: Option<&'a RequestContext>,
    /// Its span.
    pub span: TraceContext,
    /// The status, if there was an answer.
    pub status: Option<StatusCode>,
    /// The gRPC status, if it speaks gRPC: `UNKNOWN` where the answer ended without one, `CANCELLED` where nobody
    /// waited for its end.
    pub grpc_status: Option<GrpcStatus>,
    /// How it ended.
    pub end: Ending,
    /// The time until the head of the answer, if it came so far.
    pub head_after: Option<Duration>,
    /// The time until the end of the answer's body.
    pub took: Duration,
}

/// One stage of a request that is over, where it was timed.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct StageEvent<'a> {
    /// The stage and its times.
    pub stage: StageTimes,
    /// The request.
    pub request: &'a RequestEnded<'a>,
}

/// What became of the trace that a request came with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TraceEvent {
    /// The format that it was read from, a stable label; none if nothing was there.
    pub format: Option<&'static str>,
    /// What became of it.
    pub outcome: TraceOutcome,
}

/// What became of the trace of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TraceOutcome {
    /// It goes on.
    Continued,
    /// It is not trusted: a new one links to it.
    Restarted,
    /// There was none.
    Absent,
    /// What was there cannot be read.
    Invalid,
}

/// Which end of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Side {
    /// The request came in.
    Server,
    /// The request goes out.
    Client,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ending {
    /// With the last of its body.
    Complete,
    /// With an error of the service, or of the body.
    Failed(Phase),
    /// Nobody waited for it any more.
    Cancelled(Phase),
    /// With a panic.
    Panicked(Phase),
}

/// How far an answer had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Its head was not there yet.
    Head,
    /// Its head was there, its end was not.
    Body,
}

/// A status of gRPC: 0 to 16, and what is none of them is `UNKNOWN`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GrpcStatus(u8);

// === impl RequestBegan ===

impl RequestBegan {
    /// A request with this method.
    #[must_use]
    pub fn new(side: Side, method: &Method, protocol: Protocol) -> Self {
        Self {
            side,
            method: method_label(method),
            protocol,
        }
    }
}

/// The registered methods (RFC 9110, RFC 5789), so that no caller can make up a label.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => "_OTHER",
    }
}

// === impl RequestEnded ===

impl<'a> RequestEnded<'a> {
    /// What began and ended so, `took` later.
    #[must_use]
    pub const fn new(began: RequestBegan, span: TraceContext, end: Ending, took: Duration) -> Self {
        Self {
            began,
            context: None,
            span,
            status: None,
            grpc_status: None,
            end,
            head_after: None,
            took,
        }
    }

    /// The same, of this request.
    #[must_use]
    pub const fn of(mut self, context: Option<&'a RequestContext>) -> Self {
        self.context = context;
        self
    }

    /// The same, answered with a status.
    #[must_use]
    pub const fn answered(mut self, status: StatusCode, head_after: Duration) -> Self {
        self.status = Some(status);
        self.head_after = Some(head_after);
        self
    }

    /// The same, with a status of gRPC.
    #[must_use]
    pub const fn with_grpc_status(mut self, status: GrpcStatus) -> Self {
        self.grpc_status = Some(status);
        self
    }

    /// The type of the error as a stable label, if it is one by OpenTelemetry's conventions: on a server, what a
    /// client did wrong is none.
    #[must_use]
    pub fn error_type(&self) -> Option<&'static str> {
        match self.end {
            Ending::Panicked(_) => return Some("panic"),
            Ending::Failed(_) => return Some("failed"),
            Ending::Cancelled(_) => return Some("cancelled"),
            Ending::Complete => {}
        }
        if let Some(status) = self.grpc_status {
            let error = match self.began.side {
                Side::Server => status.is_server_error(),
                Side::Client => status != GrpcStatus::OK,
            };
            return error.then(|| status.as_str());
        }
        let status = self.status?;
        let client = self.began.side == Side::Client;
        if status.is_server_error() {
            Some("5xx")
        } else if client && status.is_client_error() {
            Some("4xx")
        } else {
            None
        }
    }
}

// === impl TraceEvent ===

impl TraceEvent {
    /// What was read from `format`, and what became of it.
    #[must_use]
    pub const fn new(format: Option<&'static str>, outcome: TraceOutcome) -> Self {
        Self { format, outcome }
    }
}

// === impl TraceOutcome ===

impl TraceOutcome {
    /// The stable label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Continued => "continued",
            Self::Restarted => "restarted",
            Self::Absent => "absent",
            Self::Invalid => "invalid",
        }
    }
}

// === impl StageEvent ===

impl<'a> StageEvent<'a> {
    /// A stage of a request.
    #[must_use]
    pub const fn new(stage: StageTimes, request: &'a RequestEnded<'a>) -> Self {
        Self { stage, request }
    }
}

// === impl Side ===

impl Side {
    /// The stable label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
        }
    }
}

// === impl Ending ===

impl Ending {
    /// The stable label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Failed(_) => "failed",
            Self::Cancelled(_) => "cancelled",
            Self::Panicked(_) => "panicked",
        }
    }

    /// How far the answer had come, where it did not come to its end.
    #[must_use]
    pub const fn phase(self) -> Option<Phase> {
        match self {
            Self::Complete => None,
            Self::Failed(phase) | Self::Cancelled(phase) | Self::Panicked(phase) => Some(phase),
        }
    }
}

impl Phase {
    /// The stable label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Body => "body",
        }
    }
}

// === impl GrpcStatus ===

impl GrpcStatus {
    /// It went well.
    pub const OK: Self = Self(0);
    /// Nobody waited for it any more.
    pub const CANCELLED: Self = Self(1);
    /// Nobody knows.
    pub const UNKNOWN: Self = Self(2);

    /// The status of a number.
    #[must_use]
    pub const fn from_code(code: u64) -> Self {
        match code {
            0..=16 => Self(code as u8),
            _ => Self::UNKNOWN,
        }
    }

    /// The status in the headers of an answer that is trailers only, or in its trailers; none if there is none.
    #[must_use]
    pub fn of(metadata: &HeaderMap) -> Option<Self> {
        let value = metadata.get(GRPC_STATUS)?;
        Some(decimal(value).map_or(Self::UNKNOWN, Self::from_code))
    }

    /// Its number.
    #[must_use]
    pub const fn code(self) -> u8 {
        self.0
    }

    /// Its name, a stable label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        NAMES[self.0 as usize]
    }

    /// Whether OpenTelemetry's conventions call it an error of the server.
    #[must_use]
    pub const fn is_server_error(self) -> bool {
        matches!(self.0, 2 | 4 | 12 | 13 | 14 | 15)
    }
}

const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(side: Side, end: Ending) -> RequestEnded<'static> {
        let began = RequestBegan::new(side, &Method::GET, Protocol::Http);
        RequestEnded::new(began, TraceContext::root(true), end, Duration::ZERO)
    }

    #[test]
    fn a_method_that_a_caller_made_up_is_no_label() {
        let own = Method::from_bytes(b"GETS").unwrap();
        let began = RequestBegan::new(Side::Server, &own, Protocol::Http);
        assert_eq!(began.method, "_OTHER");
        for method in [
            "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT",
        ] {
            let known = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(
                RequestBegan::new(Side::Server, &known, Protocol::Http).method,
                method
            );
        }
    }

    #[test]
    fn what_is_an_error_depends_on_the_end_of_the_wire() {
        for (status, server, client) in [
            (200, None, None),
            (302, None, None),
            (404, None, Some("4xx")),
            (500, Some("5xx"), Some("5xx")),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let of = |side| {
                ended(side, Ending::Complete)
                    .answered(status, Duration::ZERO)
                    .error_type()
            };
            assert_eq!(
                (of(Side::Server), of(Side::Client)),
                (server, client),
                "{status}"
            );
        }
    }

    #[test]
    fn of_grpc_a_server_answers_for_what_is_its_own_fault() {
        for code in 0..=16 {
            let status = GrpcStatus::from_code(code);
            let of = |side| {
                ended(side, Ending::Complete)
                    .with_grpc_status(status)
                    .error_type()
            };
            let own = matches!(code, 2 | 4 | 12..=15);
            assert_eq!(of(Side::Server).is_some(), own, "{code}");
            assert_eq!(of(Side::Client).is_some(), code != 0, "{code}");
        }
        let mut metadata = HeaderMap::new();
        assert_eq!(GrpcStatus::of(&metadata), None);
        for (value, name) in [
            ("0", "OK"),
            ("14", "UNAVAILABLE"),
            ("99", "UNKNOWN"),
            ("x", "UNKNOWN"),
        ] {
            metadata.insert(GRPC_STATUS, value.parse().unwrap());
            assert_eq!(GrpcStatus::of(&metadata).unwrap().as_str(), name);
        }
        assert_eq!(GrpcStatus::from_code(17), GrpcStatus::UNKNOWN);
        assert_eq!(GrpcStatus::from_code(u64::MAX).as_str(), "UNKNOWN");
        assert_eq!(GrpcStatus::from_code(16).as_str(), "UNAUTHENTICATED");
    }

    #[test]
    fn an_end_before_the_end_is_an_error_and_says_how_far_it_came() {
        for (end, label) in [
            (Ending::Cancelled(Phase::Head), "cancelled"),
            (Ending::Failed(Phase::Body), "failed"),
            (Ending::Panicked(Phase::Head), "panic"),
        ] {
            assert_eq!(ended(Side::Server, end).error_type(), Some(label));
            assert!(end.phase().is_some());
        }
        assert_eq!(Ending::Complete.phase(), None);
    }
}
