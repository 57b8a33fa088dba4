//! The body of a request, which tells whose turn it is.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};
use pin_project::pin_project;
use portcullis_core::Clock;

use crate::Upload;

/// The body of a request. While it is asked for more and has none, the caller has the word, and nothing that the
/// dependency does is slow; and if the caller breaks it off, whatever comes of that is not the dependency's fault.
#[pin_project]
pub struct RequestBody<B> {
    #[pin]
    body: B,
    turns: Option<Box<dyn Turns>>,
    broken: Option<Broken>,
}

/// Whether the caller broke the body of its request off.
#[derive(Clone, Debug, Default)]
pub(super) struct Broken(Arc<AtomicBool>);

/// An [`Upload`], whatever the clock.
trait Turns: Send + Sync {
    fn waits(&self);
    fn goes_on(&self);
}

// === impl RequestBody ===

impl<B> RequestBody<B> {
    pub(super) fn new<C: Clock>(
        body: B,
        upload: Option<Upload<C>>,
        broken: Option<Broken>,
    ) -> Self {
        // Nobody has asked it for anything yet.
        let turns = upload.map(|upload| {
            upload.goes_on();
            Box::new(upload) as Box<dyn Turns>
        });
        Self {
            body,
            turns,
            broken,
        }
    }

    /// The body inside.
    pub const fn get_ref(&self) -> &B {
        &self.body
    }

    /// The body inside, without what tells whose turn it is: it is the dependency's from here on.
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
        let this = self.project();
        let frame = this.body.poll_frame(cx);
        match &frame {
            Poll::Pending => {
                if let Some(turns) = this.turns {
                    turns.waits();
                }
            }
            Poll::Ready(Some(Ok(_))) => {
                if let Some(turns) = this.turns {
                    turns.goes_on();
                }
            }
            Poll::Ready(Some(Err(_))) => {
                if let Some(broken) = this.broken {
                    broken.0.store(true, Ordering::Release);
                }
                *this.turns = None;
            }
            Poll::Ready(None) => *this.turns = None,
        }
        frame
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

// === impl Broken ===

impl Broken {
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

// === impl Upload ===

impl<C: Clock> Turns for Upload<C> {
    fn waits(&self) {
        Upload::waits(self);
    }

    fn goes_on(&self) {
        Upload::goes_on(self);
    }
}
