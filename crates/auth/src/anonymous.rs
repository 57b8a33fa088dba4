//! The mark of a request that was let through without a token.

/// The mark, in the extensions of a request, that an auth layer let it through without identity.
///
/// It tells "nobody" from "nobody looked": [`RequireLayer`](crate::RequireLayer) answers the first with
/// 401, and the second, a layer that is missing, with 500.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anonymous;
