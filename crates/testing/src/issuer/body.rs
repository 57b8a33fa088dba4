//! The body of an answer.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// The body of an answer of the issuer: a document, or a flood.
pub struct IssuerBody {
    flood: usize,
    document: Bytes,
}

/// More than anybody should read of a key set.
pub(super) const FLOOD: usize = 64 << 20;

static SPACES: [u8; 16 << 10] = [b' '; 16 << 10];

// === impl IssuerBody ===

impl IssuerBody {
    pub(super) fn document(document: impl Into<Bytes>) -> Self {
        Self {
            flood: 0,
            document: document.into(),
        }
    }

    /// `document` behind white space: right for whoever reads without a limit.
    pub(super) fn flood(document: impl Into<Bytes>) -> Self {
        Self {
            flood: FLOOD,
            document: document.into(),
        }
    }
}

impl Body for IssuerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let chunk = if self.flood > 0 {
            self.flood = self.flood.saturating_sub(SPACES.len());
            Bytes::from_static(&SPACES)
        } else {
            std::mem::take(&mut self.document)
        };
        Poll::Ready((!chunk.is_empty()).then(|| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.flood == 0 && self.document.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        if self.flood > 0 {
            // Not stated, so that the reader has to count for itself.
            return SizeHint::default();
        }
        SizeHint::with_exact(self.document.len() as u64)
    }
}

impl fmt::Debug for IssuerBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An answer of the token endpoint holds a token.
        f.debug_struct("IssuerBody").finish_non_exhaustive()
    }
}
