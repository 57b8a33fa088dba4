//! The kinds of refusal, and the status that each has in HTTP and in gRPC.

use http::StatusCode;

/// The kind of a refusal. It alone decides the status.
///
/// | kind | HTTP | gRPC | challenge |
/// |---|---|---|---|
/// | `BadRequest` | 400 | 3 INVALID_ARGUMENT: a fresh token will not help | yes |
/// | `Unauthenticated` | 401 | 16 UNAUTHENTICATED | yes |
/// | `Forbidden` | 403 | 7 PERMISSION_DENIED | yes |
/// | `NotFound` | 404 | 12 UNIMPLEMENTED | no |
/// | `MethodNotAllowed` | 405 | 12 UNIMPLEMENTED | no |
/// | `RequestTimeout` | 408 | 4 DEADLINE_EXCEEDED | no |
/// | `ContentTooLarge` | 413 | 8 RESOURCE_EXHAUSTED | no |
/// | `ExpectationFailed` | 417 | 3 INVALID_ARGUMENT | no |
/// | `Misdirected` | 421 | 12 UNIMPLEMENTED: another server has it, this one never will | no |
/// | `TooManyRequests` | 429 | 8 RESOURCE_EXHAUSTED | no |
/// | `Internal` | 500 | 13 INTERNAL | no |
/// | `BadGateway` | 502 | 14 UNAVAILABLE | no |
/// | `Unavailable` | 503 | 14 UNAVAILABLE | no |
/// | `GatewayTimeout` | 504 | 4 DEADLINE_EXCEEDED | no |
/// | `LoopDetected` | 508 | 13 INTERNAL: asking again goes round again | no |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the table above")]
pub enum RefusalKind {
    BadRequest,
    Unauthenticated,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    ContentTooLarge,
    ExpectationFailed,
    Misdirected,
    TooManyRequests,
    Internal,
    BadGateway,
    Unavailable,
    GatewayTimeout,
    LoopDetected,
}

// === impl RefusalKind ===

impl RefusalKind {
    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::ContentTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::ExpectationFailed => StatusCode::EXPECTATION_FAILED,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::BadGateway => StatusCode::BAD_GATEWAY,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::GatewayTimeout => StatusCode::GATEWAY_TIMEOUT,
            Self::LoopDetected => StatusCode::LOOP_DETECTED,
        }
    }

    /// The gRPC status code.
    #[must_use]
    pub const fn grpc_code(self) -> u16 {
        match self {
            Self::BadRequest | Self::ExpectationFailed => 3,
            Self::RequestTimeout | Self::GatewayTimeout => 4,
            Self::Forbidden => 7,
            Self::TooManyRequests | Self::ContentTooLarge => 8,
            Self::NotFound | Self::MethodNotAllowed | Self::Misdirected => 12,
            Self::Internal | Self::LoopDetected => 13,
            Self::BadGateway | Self::Unavailable => 14,
            Self::Unauthenticated => 16,
        }
    }

    /// Whether an answer of this kind may carry a challenge.
    #[must_use]
    pub const fn may_challenge(self) -> bool {
        matches!(
            self,
            Self::BadRequest | Self::Unauthenticated | Self::Forbidden
        )
    }
}
