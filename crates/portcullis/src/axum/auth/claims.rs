//! The claims of the caller, as a type of yours.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::{FromRequestParts, Identity, OptionalFromRequestParts, Parts, Rejection};

/// The claims of the caller, read as `T`.
///
/// The first type that a token is read as is parsed once per cached verdict and shared by all requests
/// with that token.
///
/// ```
/// use portcullis::axum::Claims;
///
/// #[derive(serde::Deserialize)]
/// struct Tenant { tenant: String }
///
/// async fn tenant(claims: Claims<Tenant>) -> String {
///     claims.tenant.clone()
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(tenant));
/// ```
pub struct Claims<T>(pub Arc<T>);

/// The label of a good token whose claims are not of the shape that a handler asks for: 403.
pub const CLAIMS_MISMATCH: &str = "claims_mismatch";

// === impl Claims ===

impl<T> Claims<T>
where
    T: DeserializeOwned + Send + Sync + 'static,
{
    fn of(identity: &Identity, parts: &Parts) -> Result<Self, Rejection> {
        identity
            .claims()
            .map(Self)
            .map_err(|_| Rejection::claims_mismatch(parts))
    }
}

impl<T> Deref for Claims<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Clone for Claims<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Claims<T> {
    // Claims are about a person: none is shown, whatever `T` would do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Claims").finish_non_exhaustive()
    }
}

impl<S, T> FromRequestParts<S> for Claims<T>
where
    S: Sync,
    T: DeserializeOwned + Send + Sync + 'static,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        super::identity(parts).and_then(|identity| Self::of(identity, parts))
    }
}

impl<S, T> OptionalFromRequestParts<S> for Claims<T>
where
    S: Sync,
    T: DeserializeOwned + Send + Sync + 'static,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Rejection> {
        let identity = super::somebody(parts)?;
        identity
            .map(|identity| Self::of(identity, parts))
            .transpose()
    }
}
