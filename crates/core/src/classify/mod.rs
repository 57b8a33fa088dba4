//! Whether a dependency did its job.

use ::http::{HeaderMap, StatusCode};

use crate::Protocol;

mod date;
mod delay;
mod fuzz;
mod grpc;
mod http;
mod outcome;

pub(crate) use delay::decimal;
pub use fuzz::fuzz_classify;
pub(crate) use grpc::GRPC_STATUS;
pub use http::HttpOutcomes;
pub use outcome::Outcome;

/// Tells the outcome of a call of any service.
///
/// Every closure of the right shape is one. **What a caller controls must never count**: else one caller
/// opens the circuit for all.
///
/// ```
/// use portcullis_core::{Classify, Outcome};
/// use std::io;
///
/// fn errors(classify: impl Classify<u32, io::Error>, result: Result<u32, io::Error>) -> Outcome {
///     classify.classify(result.as_ref())
/// }
///
/// let not_found_is_an_answer = |result: Result<&u32, &io::Error>| match result {
///     Err(error) if error.kind() == io::ErrorKind::NotFound => Outcome::Success,
///     Err(_) => Outcome::Failure,
///     Ok(_) => Outcome::Success,
/// };
/// let outcome = errors(not_found_is_an_answer, Err(io::ErrorKind::NotFound.into()));
/// assert_eq!(outcome, Outcome::Success);
/// ```
pub trait Classify<Res, Err>: Send + Sync + 'static {
    /// What `result` says about the dependency.
    fn classify(&self, result: Result<&Res, &Err>) -> Outcome;
}

/// Every error is a failure, every answer a success.
#[derive(Clone, Copy, Debug, Default)]
pub struct ErrorsFail;

/// Tells the outcome of a call over HTTP, gRPC included.
///
/// An answer is judged in one step or in two: its head may settle the outcome, or leave it to the body.
/// [`HttpOutcomes`] is the one that is taken by default. **What a caller controls must never count**:
/// else one caller opens the circuit for all.
///
/// ```
/// use http::{HeaderMap, StatusCode};
/// use portcullis_core::{AtHead, ClassifyHttp, HttpOutcomes, Outcome, Protocol};
///
/// /// A dependency that says 404 when its index is lost.
/// struct LostIndex;
///
/// impl ClassifyHttp for LostIndex {
///     fn head(&self, protocol: Protocol, status: StatusCode, headers: &HeaderMap) -> AtHead {
///         match status {
///             StatusCode::NOT_FOUND => AtHead::Settled(Outcome::Failure),
///             _ => HttpOutcomes::new().head(protocol, status, headers),
///         }
///     }
///
///     fn end(&self, protocol: Protocol, trailers: Option<&HeaderMap>) -> Outcome {
///         HttpOutcomes::new().end(protocol, trailers)
///     }
/// }
/// # let head = LostIndex.head(Protocol::Http, StatusCode::NOT_FOUND, &HeaderMap::new());
/// # assert_eq!(head, AtHead::Settled(Outcome::Failure));
/// ```
pub trait ClassifyHttp: Send + Sync + 'static {
    /// What the head of the answer to a request of `protocol` says.
    fn head(&self, protocol: Protocol, status: StatusCode, headers: &HeaderMap) -> AtHead;

    /// What the end of its body says, if the head left it open. `trailers` are what came at the end.
    fn end(&self, protocol: Protocol, trailers: Option<&HeaderMap>) -> Outcome;

    /// What it says that the caller dropped the body before its end: over HTTP the head was good, and that is what is
    /// known; over gRPC nothing is known without the status.
    fn dropped(&self, protocol: Protocol) -> Outcome {
        if protocol.is_grpc() {
            Outcome::Ignore
        } else {
            Outcome::Success
        }
    }

    /// What an error of the service says.
    fn error<E: 'static>(&self, error: &E) -> Outcome {
        let _ = error;
        Outcome::Failure
    }
}

/// What the head of an answer says about its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AtHead {
    /// It is decided, whatever the body does.
    Settled(Outcome),
    /// The body decides: its end, or that it breaks off.
    Open,
}

// === impl Classify ===

impl<F, Res, Err> Classify<Res, Err> for F
where
    F: Fn(Result<&Res, &Err>) -> Outcome + Send + Sync + 'static,
{
    fn classify(&self, result: Result<&Res, &Err>) -> Outcome {
        self(result)
    }
}

impl<Res, Err> Classify<Res, Err> for ErrorsFail {
    fn classify(&self, result: Result<&Res, &Err>) -> Outcome {
        match result {
            Ok(_) => Outcome::Success,
            Err(_) => Outcome::Failure,
        }
    }
}

#[cfg(test)]
mod tests;
