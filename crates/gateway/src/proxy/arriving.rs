//! The body of an answer as it comes from an upstream.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use portcullis_trace::TraceBody;

/// The body of an answer, of a request that is part of a trace or of none.
///
/// An answer is moved through every layer of its route, so what only some have is boxed.
pub(crate) enum Arriving {
    Plain(Incoming),
    Traced(Box<TraceBody<Incoming>>),
}

// === impl Arriving ===

impl From<Incoming> for Arriving {
    fn from(body: Incoming) -> Self {
        Self::Plain(body)
    }
}

impl From<TraceBody<Incoming>> for Arriving {
    fn from(body: TraceBody<Incoming>) -> Self {
        Self::Traced(Box::new(body))
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Plain(body) => Pin::new(body).poll_frame(cx),
            Self::Traced(body) => Pin::new(&mut **body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Plain(body) => body.is_end_stream(),
            Self::Traced(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Plain(body) => body.size_hint(),
            Self::Traced(body) => body.size_hint(),
        }
    }
}
