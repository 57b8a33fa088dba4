//! The body of a request, and what becomes of it when nobody wants it.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};

use super::linger::{MOMENT, MOST_BYTES};
use super::pulse::Open;

/// The body of a request, which keeps the request open.
///
/// A request that is refused is answered without its body. A client that is still sending it may only
/// look at the answer when it is done, and would take a reset or a closed connection for the answer. So
/// some of what it sends is read and thrown away (RFC 9112 section 9.6, RFC 9113 section 8.1).
#[derive(Debug)]
pub(super) struct Asked {
    /// Taken when it is dropped.
    body: Option<Incoming>,
    ended: bool,
    http2: bool,
    since: Instant,
    open: Open,
}

/// Why there is no more of a request.
#[derive(Debug)]
pub(super) enum AskedError {
    Connection(hyper::Error),
    /// The stream was reset with NO_ERROR. hyper takes that for the end of a body, as it may be of an
    /// answer, where a server says by it that it has heard enough (RFC 9113 section 8.1).
    Reset,
}

// === impl Asked ===

impl Asked {
    /// The body for the service; one that is empty holds nothing.
    pub(super) fn body(body: Incoming, http2: bool, open: &Open) -> Body {
        if body.is_end_stream() {
            // No allocation: there is nothing in the box.
            return Body::empty();
        }
        Body::new(Self {
            body: Some(body),
            ended: false,
            http2,
            since: Instant::now(),
            open: open.clone(),
        })
    }
}

impl http_body::Body for Asked {
    type Data = Bytes;
    type Error = AskedError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AskedError>>> {
        let this = self.get_mut();
        let Some(body) = this.body.as_mut().filter(|_| !this.ended) else {
            return Poll::Ready(None);
        };
        let error = match ready!(Pin::new(&mut *body).poll_frame(cx)) {
            Some(Ok(frame)) => return Poll::Ready(Some(Ok(frame))),
            None if !this.http2 || body.is_end_stream() => {
                this.ended = true;
                return Poll::Ready(None);
            }
            None => AskedError::Reset,
            Some(Err(error)) => AskedError::Connection(error),
        };
        this.ended = true;
        if this.http2 {
            this.open.gave_up(this.since);
        }
        Poll::Ready(Some(Err(error)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(SizeHint::default, Incoming::size_hint)
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let Some(body) = self.body.take() else { return };
        if self.ended || body.is_end_stream() {
            return;
        }
        if !self.http2 {
            // hyper closes the connection.
            self.open.abandon();
        } else if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(drain(body, self.open.clone()));
        }
    }
}

// === impl AskedError ===

impl fmt::Display for AskedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(error) => error.fmt(f),
            Self::Reset => f.write_str("the client reset the request"),
        }
    }
}

impl Error for AskedError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Connection(error) => error.source(),
            Self::Reset => None,
        }
    }
}

/// Reads on for a moment, and a little.
async fn drain(mut body: Incoming, _open: Open) {
    let draining = async {
        let mut read = 0;
        while let Some(Ok(frame)) = body.frame().await {
            read += frame.data_ref().map_or(0, Bytes::len);
            if read > MOST_BYTES {
                break;
            }
        }
    };
    // Dropping what is not at its end resets the stream: NO_ERROR.
    let _ = timeout(MOMENT, draining).await;
}
