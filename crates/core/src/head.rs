//! The head of a request, borrowed.

use http::{Extensions, HeaderMap, Method, Request, Uri};

/// Everything of a request but its body, borrowed: what hooks decide by.
#[derive(Clone, Copy)]
pub struct Head<'a> {
    /// The method.
    pub method: &'a Method,
    /// The target.
    pub uri: &'a Uri,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// What the server and outer layers attached.
    pub extensions: &'a Extensions,
}

impl<'a> Head<'a> {
    /// The head of `request`.
    pub fn of<B>(request: &'a Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }

    /// Whether the method is safe (RFC 9110 section 9.2.1): it asks for no change.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        self.method.is_safe()
    }
}

impl std::fmt::Debug for Head<'_> {
    // Headers carry credentials and a target can: neither is shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Head")
            .field("method", self.method)
            .finish_non_exhaustive()
    }
}
