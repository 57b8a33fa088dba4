//! The body of a request, on its way to the upstream.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::exchange::{Cause, Exchange};

/// The body of a request: nothing is buffered, no more goes through than the route allows, and it ends
/// with its [`Exchange`].
///
/// It is never ended as if it were complete: the upstream sees that it was broken off.
#[derive(Debug)]
pub(super) struct Upload {
    body: Body,
    /// How much more may come.
    room: Option<u64>,
    exchange: Arc<Exchange>,
    /// Tells the circuit of the upstream when all was sent, or no more is wanted.
    sending: Option<portcullis_circuit_breaker::Upload>,
}

/// A body that was broken off.
#[derive(Debug)]
pub(super) enum UploadError {
    Over(Cause),
    Client(axum::Error),
}

// === impl Upload ===

impl Upload {
    pub(super) fn new(body: Body, most: Option<u64>, exchange: Arc<Exchange>) -> Self {
        if http_body::Body::is_end_stream(&body) {
            exchange.request_done();
        }
        Self {
            body,
            room: most,
            exchange,
            sending: None,
        }
    }

    /// The same, which tells the circuit of the upstream too.
    pub(super) fn telling(mut self, sending: Option<portcullis_circuit_breaker::Upload>) -> Self {
        // Nobody has asked it for anything yet.
        if let Some(sending) = &sending {
            sending.goes_on();
        }
        self.sending = sending;
        self
    }

    fn over(&self, cause: Cause) -> UploadError {
        self.exchange.end_as(cause);
        UploadError::Over(cause)
    }
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        if let Some(cause) = self.exchange.over() {
            return Poll::Ready(Some(Err(UploadError::Over(cause))));
        }
        let error = match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                match self.room.map(|room| room.checked_sub(length)) {
                    Some(None) => self.over(Cause::TooLarge),
                    room => {
                        self.room = room.flatten();
                        self.exchange.client_spoke();
                        if let Some(sending) = &self.sending {
                            sending.goes_on();
                        }
                        return Poll::Ready(Some(Ok(frame)));
                    }
                }
            }
            Poll::Ready(Some(Err(error))) => {
                self.exchange.end_as(Cause::Broken);
                UploadError::Client(error)
            }
            Poll::Ready(None) => {
                self.exchange.request_done();
                self.sending = None;
                return Poll::Ready(None);
            }
            Poll::Pending => match self.exchange.wait_for_client(cx.waker()) {
                Some(cause) => UploadError::Over(cause),
                None => {
                    if let Some(sending) = &self.sending {
                        sending.waits();
                    }
                    return Poll::Pending;
                }
            },
        };
        Poll::Ready(Some(Err(error)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.exchange.request_done();
    }
}

// === impl UploadError ===

impl fmt::Display for UploadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Over(cause) => f.write_str(cause.as_str()),
            Self::Client(_) => f.write_str(Cause::Broken.as_str()),
        }
    }
}

impl Error for UploadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Over(_) => None,
            Self::Client(error) => Some(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use futures_util::stream;
    use http_body_util::{BodyExt, StreamBody};
    use tokio::time::Instant;

    use super::*;

    fn exchange() -> Arc<Exchange> {
        let second = Duration::from_secs(1);
        Arc::new(Exchange::new(Instant::now(), second, second, None))
    }

    fn chunks(chunks: &'static [&'static [u8]]) -> Body {
        let frames = chunks
            .iter()
            .map(|chunk| Ok::<_, Infallible>(Frame::data(Bytes::from_static(chunk))));
        Body::new(StreamBody::new(stream::iter(frames)))
    }

    #[tokio::test]
    async fn a_body_of_exactly_the_bound_goes_through() {
        let exchange = exchange();
        let upload = Upload::new(
            chunks(&[b"abc", b"", b"de"]),
            Some(5),
            Arc::clone(&exchange),
        );
        assert_eq!(upload.collect().await.unwrap().to_bytes(), "abcde");
        assert_eq!(exchange.over(), None);
    }

    #[tokio::test]
    async fn nothing_beyond_the_bound_goes_through() {
        let exchange = exchange();
        let mut upload = Upload::new(
            chunks(&[b"abc", b"def", b"g"]),
            Some(5),
            Arc::clone(&exchange),
        );
        let first = upload.frame().await.unwrap().unwrap();
        assert_eq!(first.into_data().unwrap(), "abc");
        for _ in 0..2 {
            assert!(upload.frame().await.unwrap().is_err(), "and it stays so");
        }
        assert_eq!(exchange.over(), Some(Cause::TooLarge));
    }

    #[tokio::test]
    async fn a_body_that_fails_is_the_clients_fault() {
        let exchange = exchange();
        let body = StreamBody::new(stream::iter([Err::<Frame<Bytes>, _>("gone")]));
        let upload = Upload::new(Body::new(body), None, Arc::clone(&exchange));
        assert!(upload.collect().await.is_err());
        assert_eq!(exchange.over(), Some(Cause::Broken));
    }

    #[tokio::test]
    async fn a_body_that_is_waited_for_ends_with_its_exchange() {
        let exchange = exchange();
        let body = StreamBody::new(stream::pending::<Result<Frame<Bytes>, Infallible>>());
        let upload = Upload::new(Body::new(body), None, Arc::clone(&exchange));
        let waiting = tokio::spawn(upload.collect());
        tokio::task::yield_now().await;
        exchange.end_as(Cause::Expired);
        assert!(waiting.await.unwrap().is_err());
    }
}
