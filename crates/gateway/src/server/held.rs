//! A body that keeps its request open.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use pin_project::pin_project;

use super::pulse::Open;

/// A body that keeps its request open for as long as it is there.
#[pin_project]
#[derive(Debug)]
pub(super) struct Held<B> {
    #[pin]
    body: B,
    _open: Open,
}

// === impl Held ===

impl<B> Held<B> {
    pub(super) fn new(body: B, open: Open) -> Self {
        Self { body, _open: open }
    }
}

impl Held<Incoming> {
    /// The body of a request; one that is empty holds nothing.
    pub(super) fn request(body: Incoming, open: &Open) -> Body {
        if http_body::Body::is_end_stream(&body) {
            // No allocation: there is nothing in the box.
            return Body::empty();
        }
        Body::new(Self::new(body, open.clone()))
    }
}

impl<B> http_body::Body for Held<B>
where
    B: http_body::Body<Data = Bytes>,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
