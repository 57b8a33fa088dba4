//! The body of an answer, on its way to the client.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::{Frame, SizeHint};
use pin_project::{pin_project, pinned_drop};

use super::exchange::{Cause, Exchange};
use super::lanes::Lease;

/// The body of an answer. It ends with its [`Exchange`]:
///
/// | the client speaks | what it sees of an early end |
/// |---|---|
/// | HTTP/1.1 | the connection closed before the end of the body |
/// | HTTP/2 | the stream reset: `CANCEL` |
/// | gRPC, over HTTP/2 | trailers: `UNAUTHENTICATED` if the token expired, `RESOURCE_EXHAUSTED` if the request is too large, else `UNAVAILABLE` |
///
/// Nobody can take what was cut off for the whole.
#[pin_project(PinnedDrop)]
#[derive(Debug)]
pub(crate) struct Download<B> {
    #[pin]
    body: B,
    /// Whether the upstream speaks HTTP/2.
    http2: bool,
    grpc: bool,
    ended: bool,
    exchange: Arc<Exchange>,
    _lease: Lease,
}

/// A body that was cut off.
#[derive(Debug)]
pub(crate) enum DownloadError<E> {
    Over(Cause, h2::Error),
    Upstream(E),
    /// The stream was reset with NO_ERROR in the middle, which hyper takes for the end of the body.
    Reset(h2::Error),
}

// === impl Download ===

impl<B> Download<B> {
    /// `http2` says what the upstream speaks, and `grpc` whether the client reads trailers.
    pub(super) fn new(
        body: B,
        http2: bool,
        grpc: bool,
        exchange: Arc<Exchange>,
        lease: Lease,
    ) -> Self {
        Self {
            body,
            http2,
            grpc,
            ended: false,
            exchange,
            _lease: lease,
        }
    }
}

impl<B> http_body::Body for Download<B>
where
    B: http_body::Body<Data = Bytes>,
{
    type Data = Bytes;
    type Error = DownloadError<B::Error>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let mut this = self.project();
        if *this.ended {
            return Poll::Ready(None);
        }
        let mut over = this.exchange.over();
        if over.is_none() {
            match this.body.as_mut().poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    this.exchange.touch();
                    return Poll::Ready(Some(Ok(frame)));
                }
                Poll::Ready(Some(Err(error))) => {
                    *this.ended = true;
                    return Poll::Ready(Some(Err(DownloadError::Upstream(error))));
                }
                Poll::Ready(None) => {
                    *this.ended = true;
                    let whole = !*this.http2 || this.body.is_end_stream();
                    let reset = || Err(DownloadError::Reset(h2::Reason::CANCEL.into()));
                    return Poll::Ready((!whole).then(reset));
                }
                Poll::Pending => over = this.exchange.wait_for_upstream(cx.waker()),
            }
        }
        let Some(cause) = over else {
            return Poll::Pending;
        };
        *this.ended = true;
        tracing::debug!(target: "portcullis::proxy", cause = cause.as_str(), "answer was cut off");
        Poll::Ready(Some(if *this.grpc {
            Ok(Frame::trailers(trailers(cause)))
        } else {
            Err(DownloadError::Over(cause, h2::Reason::CANCEL.into()))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[pinned_drop]
impl<B> PinnedDrop for Download<B> {
    fn drop(self: Pin<&mut Self>) {
        self.exchange.response_done();
    }
}

fn trailers(cause: Cause) -> HeaderMap {
    let (status, message) = match cause {
        Cause::Expired | Cause::Revoked => ("16", cause.as_str()),
        // Sent again it would be no smaller.
        Cause::TooLarge => ("8", cause.as_str()),
        Cause::UpstreamLate | Cause::Idle | Cause::Broken | Cause::Uncertain => {
            ("14", cause.as_str())
        }
    };
    let mut trailers = HeaderMap::with_capacity(2);
    trailers.insert("grpc-status", HeaderValue::from_static(status));
    trailers.insert("grpc-message", HeaderValue::from_static(message));
    trailers
}

// === impl DownloadError ===

impl<E> fmt::Display for DownloadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Over(cause, _) => f.write_str(cause.as_str()),
            Self::Upstream(_) | Self::Reset(_) => f.write_str("the upstream broke off"),
        }
    }
}

impl<E: Error + 'static> Error for DownloadError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(match self {
            // From here hyper takes the code of the reset.
            Self::Over(_, reset) | Self::Reset(reset) => reset,
            Self::Upstream(error) => error,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use futures_util::stream;
    use http_body_util::{BodyExt, Full, StreamBody};
    use tokio::time::Instant;

    use super::*;

    fn exchange() -> Arc<Exchange> {
        let second = Duration::from_secs(1);
        Arc::new(Exchange::new(Instant::now(), second, second, None))
    }

    fn endless(
        grpc: bool,
        exchange: &Arc<Exchange>,
    ) -> Download<impl http_body::Body<Data = Bytes, Error = Infallible> + use<>> {
        let body = StreamBody::new(stream::repeat_with(|| {
            Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"more")))
        }));
        Download::new(body, false, grpc, Arc::clone(exchange), Lease::default())
    }

    #[tokio::test]
    async fn a_complete_answer_is_what_it_was() {
        let exchange = exchange();
        let download = Download::new(
            Full::from("whole"),
            false,
            false,
            Arc::clone(&exchange),
            Lease::default(),
        );
        assert_eq!(http_body::Body::size_hint(&download).exact(), Some(5));
        assert_eq!(download.collect().await.unwrap().to_bytes(), "whole");
        assert_eq!(exchange.over(), None);
    }

    #[tokio::test]
    async fn what_is_cut_off_is_an_error_and_a_reset() {
        let exchange = exchange();
        let mut download = endless(false, &exchange);
        assert!(download.frame().await.unwrap().is_ok());
        exchange.end_as(Cause::Expired);
        let error = download.frame().await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "the token has expired");
        let reset = error.source().unwrap().downcast_ref::<h2::Error>().unwrap();
        assert_eq!(reset.reason(), Some(h2::Reason::CANCEL));
        assert!(download.frame().await.is_none());
    }

    #[tokio::test]
    async fn grpc_is_told_in_trailers() {
        for (cause, status) in [
            (Cause::Expired, "16"),
            (Cause::Revoked, "16"),
            (Cause::Uncertain, "14"),
            (Cause::Idle, "14"),
        ] {
            let exchange = exchange();
            let mut download = endless(true, &exchange);
            assert!(download.frame().await.unwrap().is_ok());
            exchange.end_as(cause);
            let trailers = download
                .frame()
                .await
                .unwrap()
                .unwrap()
                .into_trailers()
                .unwrap();
            assert_eq!(trailers["grpc-status"], status);
            assert!(download.frame().await.is_none());
        }
    }
}
