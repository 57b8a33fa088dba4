//! The caller as an argument.

use std::ops::Deref;

use super::{FromRequestParts, Identity, OptionalFromRequestParts, Parts, Rejection};

/// The caller whose token the auth layer verified.
///
/// ```
/// use portcullis::axum::Caller;
///
/// async fn greet(Caller(identity): Caller) -> String {
///     format!("Hello, {}.", identity.subject().unwrap_or("service"))
/// }
///
/// async fn greet_anybody(caller: Option<Caller>) -> &'static str {
///     if caller.is_some() { "Hello again." } else { "Hello." }
/// }
/// # let _: axum::Router = axum::Router::new()
/// #     .route("/", axum::routing::get(greet))
/// #     .route("/any", axum::routing::get(greet_anybody));
/// ```
#[derive(Clone, Debug)]
pub struct Caller(pub Identity);

// === impl Caller ===

impl Deref for Caller {
    type Target = Identity;

    fn deref(&self) -> &Identity {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        super::identity(parts).cloned().map(Self)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Caller {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Rejection> {
        Ok(super::somebody(parts)?.cloned().map(Self))
    }
}
