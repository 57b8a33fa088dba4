//! What an extractor answers.

use std::fmt;
use std::sync::LazyLock;

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use portcullis_auth::Shortfall;
use portcullis_core::{Protocol, Refusal, RefusalKind};

use super::{CLAIMS_MISMATCH, Parts};

/// What an extractor answers: a [`Refusal`], in the protocol that the request speaks.
#[derive(Clone, Debug)]
pub struct Rejection {
    refusal: Refusal,
    protocol: Protocol,
}

static LAYER_MISSING: LazyLock<Refusal> = LazyLock::new(|| {
    Refusal::builder(RefusalKind::Internal, Shortfall::Layer.as_str())
        .detail(Shortfall::Layer.detail())
        .build()
});

static CLAIMS: LazyLock<Refusal> = LazyLock::new(|| {
    Refusal::builder(RefusalKind::Forbidden, CLAIMS_MISMATCH)
        .detail("The token does not have the claims that are needed here.")
        .build()
});

// === impl Rejection ===

impl Rejection {
    pub(super) fn new(refusal: &Refusal, parts: &Parts) -> Self {
        Self {
            refusal: refusal.clone(),
            protocol: Protocol::of(&parts.headers),
        }
    }

    pub(super) fn layer_missing(parts: &Parts) -> Self {
        Self::new(&LAYER_MISSING, parts)
    }

    pub(super) fn claims_mismatch(parts: &Parts) -> Self {
        Self::new(&CLAIMS, parts)
    }

    /// The refusal, for an answer of your own making.
    #[must_use]
    pub const fn refusal(&self) -> &Refusal {
        &self.refusal
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        self.refusal.response::<Body>(self.protocol).map(Body::new)
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.refusal.reason())
    }
}

impl std::error::Error for Rejection {}
