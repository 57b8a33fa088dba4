//! The body of a request, and what becomes of it when nobody wants it.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::runtime::Handle;
use tokio::time::timeout;

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
    open: Open,
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
            open: open.clone(),
        })
    }
}

impl http_body::Body for Asked {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(cx);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.ended = true;
        }
        polled
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
