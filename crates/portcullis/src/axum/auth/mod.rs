//! What the auth layer found out, as arguments of handlers.
//!
//! | argument | no token, where it is optional | no auth layer |
//! |---|---|---|
//! | [`Caller`] | refused as the layer would: 401, or 503 if a token could not be checked | 500 |
//! | `Option<`[`Caller`]`>` | `None` | 500 |
//! | [`Claims<T>`](Claims) | as [`Caller`]; 403 `claims_mismatch` if the claims are not of that shape | 500 |
//! | `Option<`[`Claims<T>`](Claims)`>` | `None`; a caller whose claims do not fit is 403 all the same | 500 |
//!
//! A layer that is missing is never taken for an anonymous caller: that would open every route that
//! somebody forgot to guard.
//!
//! What an extractor refuses comes from inside the service, so an [`Observer`](crate::Observer) of the
//! layer is not told. Where that matters, demand it with a
//! [`RequireLayer`](crate::auth::RequireLayer).

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;
use portcullis_auth::Anonymous;
use portcullis_core::Identity;

mod caller;
mod claims;
mod rejection;

pub use caller::Caller;
pub use claims::{CLAIMS_MISMATCH, Claims};
pub use rejection::Rejection;

/// Who calls, or the refusal for nobody.
fn identity(parts: &Parts) -> Result<&Identity, Rejection> {
    let extensions = &parts.extensions;
    Identity::of(extensions).ok_or_else(|| match extensions.get::<Anonymous>() {
        Some(mark) => Rejection::new(mark.refusal(), parts),
        None => Rejection::layer_missing(parts),
    })
}

/// Who calls, if it is somebody.
fn somebody(parts: &Parts) -> Result<Option<&Identity>, Rejection> {
    let extensions = &parts.extensions;
    match (Identity::of(extensions), extensions.get::<Anonymous>()) {
        (None, None) => Err(Rejection::layer_missing(parts)),
        (identity, _) => Ok(identity),
    }
}
