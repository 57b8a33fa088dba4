//! The body of a request, which tells when it has been sent.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use pin_project::pin_project;
use portcullis_core::Clock;

use crate::Upload;

/// The body of a request. While it is being sent the caller has the word, and nothing that the dependency does is slow.
#[pin_project]
pub struct RequestBody<B> {
    #[pin]
    body: B,
    /// Tells that it was sent when it is dropped.
    upload: Option<Box<dyn Send + Sync>>,
}

// === impl RequestBody ===

impl<B> RequestBody<B> {
    pub(super) fn new<C: Clock>(body: B, upload: Option<Upload<C>>) -> Self {
        let upload = upload.map(|upload| Box::new(upload) as Box<dyn Send + Sync>);
        Self { body, upload }
    }

    /// The body inside.
    pub const fn get_ref(&self) -> &B {
        &self.body
    }

    /// The body inside, without what tells when it was sent: it has been, from here on.
    pub fn into_inner(self) -> B {
        self.body
    }
}

impl<B: Body> Body for RequestBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.body.as_mut().poll_frame(cx));
        if this.upload.is_some() && (!matches!(frame, Some(Ok(_))) || this.body.is_end_stream()) {
            *this.upload = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> fmt::Debug for RequestBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody").finish_non_exhaustive()
    }
}
