//! The mark of a request that was let through without identity.

use std::fmt;

use portcullis_core::Refusal;

use crate::Challenge;
use crate::answers;

/// The mark, in the extensions of a request, that an auth layer let it through without identity, and
/// how to answer where one is needed after all.
///
/// It tells "nobody" from "nobody looked": [`RequireLayer`](crate::RequireLayer) answers the first with
/// [`refusal`](Self::refusal), and the second, a layer that is missing, with 500.
///
/// | let through because | the refusal |
/// |---|---|
/// | there is no token, and it is optional | 401 `missing_token`, with the challenge of the layer |
/// | the token could not be checked, and [`Degrade`](crate::Degrade) says anonymous | 503 with `Retry-After`: the token may be good |
/// | it is a CORS preflight | 401 `missing_token`; [`RequireLayer`](crate::RequireLayer) lets it pass |
#[derive(Clone)]
pub struct Anonymous {
    refusal: Refusal,
    preflight: bool,
}

// === impl Anonymous ===

impl Anonymous {
    /// The mark of a request without a token, as a layer without realm and style sets it: for tests of
    /// handlers, and for authentication of your own.
    #[must_use]
    pub fn new() -> Self {
        Self::with_refusal(answers::missing(&Challenge::new(), &()))
    }

    /// The mark of a request that is answered with `refusal` where an identity is needed.
    #[must_use]
    pub const fn with_refusal(refusal: Refusal) -> Self {
        Self {
            refusal,
            preflight: false,
        }
    }

    pub(crate) const fn preflight(refusal: Refusal) -> Self {
        Self {
            refusal,
            preflight: true,
        }
    }

    /// The answer where an identity is needed after all.
    #[must_use]
    pub const fn refusal(&self) -> &Refusal {
        &self.refusal
    }

    /// Whether the request is a CORS preflight that was let through unseen.
    #[must_use]
    pub const fn is_preflight(&self) -> bool {
        self.preflight
    }
}

impl Default for Anonymous {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Anonymous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Anonymous")
            .field("reason", &self.refusal.reason())
            .field("preflight", &self.preflight)
            .finish_non_exhaustive()
    }
}
