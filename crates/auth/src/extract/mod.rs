//! Where the token of a request is.

use http::{HeaderMap, Uri};
use portcullis_core::Head;

use crate::{Presented, Reason};

mod bearer;
mod cookie;
pub(crate) mod fuzz;
mod query;

pub use bearer::Bearer;
pub use cookie::CookieToken;
pub use query::QueryToken;

/// Finds the token of a request. Synchronous and borrowed: nothing is copied.
///
/// [`Bearer`] reads the `Authorization` header and is what a layer uses if nothing else is said. A pair
/// `(A, B)` reads both places, and refuses a request that has a token in each (RFC 6750 section 2).
pub trait TokenExtractor: Send + Sync + 'static {
    /// Looks for the token.
    fn extract<'r>(&self, head: Head<'r>) -> Extracted<'r>;

    /// Marks the header that held the token as sensitive, so that a debug print of the headers does not
    /// show it.
    fn hide(&self, headers: &mut HeaderMap) {
        let _ = headers;
    }

    /// Takes the token out of the headers, for a layer that does not hand it on.
    fn remove(&self, headers: &mut HeaderMap) {
        let _ = headers;
    }

    /// Takes the token out of the target, for a layer that does not hand it on.
    fn remove_from_target(&self, target: &mut Uri) {
        let _ = target;
    }

    /// Whether the token of this request is in its target. The answer then gets
    /// `Cache-Control: private`: for a cache that is shared, the target names it (RFC 6750 section 2.3).
    fn is_in_target(&self, head: Head<'_>) -> bool {
        let _ = head;
        false
    }
}

/// What a [`TokenExtractor`] found.
#[derive(Clone, Copy, Debug)]
pub enum Extracted<'r> {
    /// No credential of this kind.
    Nothing,
    /// One token.
    Token(Presented<'r>),
    /// A credential that must not be read, for this reason.
    Refused(Reason),
}

impl<A: TokenExtractor, B: TokenExtractor> TokenExtractor for (A, B) {
    fn extract<'r>(&self, head: Head<'r>) -> Extracted<'r> {
        match (self.0.extract(head), self.1.extract(head)) {
            (Extracted::Nothing, other) | (other, Extracted::Nothing) => other,
            (Extracted::Refused(reason), _) | (_, Extracted::Refused(reason)) => {
                Extracted::Refused(reason)
            }
            (Extracted::Token(_), Extracted::Token(_)) => {
                Extracted::Refused(Reason::ManyCredentials)
            }
        }
    }

    fn hide(&self, headers: &mut HeaderMap) {
        self.0.hide(headers);
        self.1.hide(headers);
    }

    fn remove(&self, headers: &mut HeaderMap) {
        self.0.remove(headers);
        self.1.remove(headers);
    }

    fn remove_from_target(&self, target: &mut Uri) {
        self.0.remove_from_target(target);
        self.1.remove_from_target(target);
    }

    fn is_in_target(&self, head: Head<'_>) -> bool {
        self.0.is_in_target(head) || self.1.is_in_target(head)
    }
}

/// Makes an extractor of a closure.
///
/// It is the closure itself; but only with its type spelled out here does the compiler see that what it
/// returns is borrowed from the head.
///
/// ```
/// use portcullis_auth::{Extracted, Presented, extractor_fn};
///
/// let extractor = extractor_fn(|head| match head.headers.get("x-token") {
///     Some(value) => Extracted::Token(Presented::new(value.as_bytes())),
///     None => Extracted::Nothing,
/// });
/// # fn is_extractor(_: impl portcullis_auth::TokenExtractor) {}
/// # is_extractor(extractor);
/// ```
///
/// A closure can neither hide nor remove the token: implement [`TokenExtractor`] where that matters.
pub fn extractor_fn<F>(extract: F) -> F
where
    F: for<'r> Fn(Head<'r>) -> Extracted<'r> + Send + Sync + 'static,
{
    extract
}

/// Any function of the head; see [`extractor_fn`] for closures.
impl<F> TokenExtractor for F
where
    F: for<'r> Fn(Head<'r>) -> Extracted<'r> + Send + Sync + 'static,
{
    fn extract<'r>(&self, head: Head<'r>) -> Extracted<'r> {
        self(head)
    }
}

#[cfg(test)]
mod tests;
