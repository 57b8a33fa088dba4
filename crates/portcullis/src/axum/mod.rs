//! What ties the layers to axum 0.8.
//!
//! | item | feature | what it is |
//! |---|---|---|
//! | `Caller`, `Claims<T>` | `auth` or `rust-crypto` | who calls, as an argument of handlers |
//! | `Traced` | `trace` | the span of the request, as an argument of handlers |
//! | `RouteLayer` | `trace` | tells the route that axum matched to spans and metrics |

#[cfg(any(feature = "auth", feature = "rust-crypto"))]
mod auth;
#[cfg(feature = "trace")]
mod route;
#[cfg(feature = "trace")]
mod traced;

#[cfg(any(feature = "auth", feature = "rust-crypto"))]
pub use auth::{CLAIMS_MISMATCH, Caller, Claims, Rejection};
#[cfg(feature = "trace")]
pub use route::{Route, RouteLayer};
#[cfg(feature = "trace")]
pub use traced::{NotTraced, Traced};
