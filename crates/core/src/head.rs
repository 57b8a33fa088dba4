//! The head of a request, borrowed.

use http::header::UPGRADE;
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

    /// Whether the request asks for no change: a safe method (RFC 9110 section 9.2.1), and no upgrade of
    /// the connection, for what follows one is not bound by the method.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        self.method.is_safe() && !self.headers.contains_key(UPGRADE)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upgrade_is_not_safe_although_it_is_a_get() {
        let mut request = Request::new(());
        assert!(Head::of(&request).is_safe());
        let websocket = http::HeaderValue::from_static("websocket");
        request.headers_mut().insert(UPGRADE, websocket);
        assert!(!Head::of(&request).is_safe());
    }
}
