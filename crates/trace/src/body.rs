//! The body of an answer, watched until it ends.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http::header::CONTENT_LENGTH;
use http::{Method, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use pin_project::pin_project;
use portcullis_core::{Clock, Observer, SystemClock};

use crate::watch::Running;

/// A body within whose polls the request is the current one, and with whose end it ends.
///
/// It ends with its last frame; or with the frame after which the body says that it is over, or (but for gRPC, whose
/// status comes later) after which as many bytes have come as the head announced, for servers of HTTP/1.1 do not ask
/// again then; or at once where no body follows: the
/// answer to `HEAD`, 1xx, 204, 304, and bodies that are empty. Dropped before, the request was given up.
#[pin_project]
pub struct TraceBody<B, O: Observer = (), C: Clock = SystemClock> {
    #[pin]
    body: B,
    running: Running<O, C>,
    /// What the head announced, less what came.
    left: Option<u64>,
}

/// What a request asked for, as far as it matters for the end of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Head,
    Tunnel,
    Body,
}

// === impl TraceBody ===

impl<B, O: Observer, C: Clock> TraceBody<B, O, C> {
    /// The body inside.
    pub const fn get_ref(&self) -> &B {
        &self.body
    }

    /// The answer to a request of `method`.
    pub(crate) fn answer(
        mut response: Response<B>,
        asked: Asked,
        mut running: Running<O, C>,
    ) -> Response<Self>
    where
        B: Body,
    {
        let mut left = None;
        // Nobody else asks when it ends.
        if running.is_watched() {
            let status = response.status();
            running.head(status, response.headers_mut());
            let length = response.headers().get(CONTENT_LENGTH);
            left = length.and_then(|length| length.to_str().ok()?.parse().ok());
            let empty = left == Some(0) || response.body().is_end_stream();
            if empty || asked.is_answered_by_a_head(status) {
                running.complete_with_head();
            }
        }
        response.map(|body| Self {
            body,
            running,
            left,
        })
    }
}

// === impl Asked ===

impl Asked {
    pub(crate) fn by(method: &Method) -> Self {
        match *method {
            Method::HEAD => Self::Head,
            Method::CONNECT => Self::Tunnel,
            _ => Self::Body,
        }
    }

    /// Whether no body follows, whatever the body says (RFC 9112 section 6.3).
    fn is_answered_by_a_head(self, status: StatusCode) -> bool {
        status.is_informational()
            || status == StatusCode::NO_CONTENT
            || status == StatusCode::NOT_MODIFIED
            || match self {
                Self::Head => true,
                Self::Tunnel => status.is_success(),
                Self::Body => false,
            }
    }
}

impl<B, O, C> Body for TraceBody<B, O, C>
where
    B: Body,
    O: Observer,
    C: Clock,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        if this.running.is_nothing() {
            return this.body.poll_frame(cx);
        }
        let frame = ready!(this.running.scope(|| this.body.as_mut().poll_frame(cx)));
        match &frame {
            None => this.running.complete(),
            Some(Err(_)) => this.running.fail(),
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    this.running.trailers(trailers);
                    this.running.complete();
                } else {
                    let came = frame.data_ref().map_or(0, |data| data.remaining() as u64);
                    *this.left = this.left.map(|left| left.saturating_sub(came));
                    // Servers of HTTP/1.1 do not ask again once one of the last two is so. Of gRPC what counts comes
                    // after it.
                    let filled =
                        || this.body.size_hint().exact() == Some(0) || *this.left == Some(0);
                    if this.body.is_end_stream() || (!this.running.speaks_grpc() && filled()) {
                        this.running.complete();
                    }
                }
            }
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

impl<B: Default, O: Observer, C: Clock> Default for TraceBody<B, O, C> {
    fn default() -> Self {
        Self {
            body: B::default(),
            running: Running::NOTHING,
            left: None,
        }
    }
}

impl<B, O: Observer, C: Clock> fmt::Debug for TraceBody<B, O, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceBody").finish_non_exhaustive()
    }
}
