//! Trailers of requests, as clean as their heads.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};

use crate::client_headers;

/// A body of a request without the trailers that a client must not send.
pub(crate) struct Cleaned(Body);

/// Cleans the trailers of `body`, if there can be any.
pub(crate) fn clean(body: Body) -> Body {
    // Most requests have no content, and then there are no trailers either.
    if body.is_end_stream() {
        body
    } else {
        Body::new(Cleaned(body))
    }
}

// === impl Cleaned ===

impl http_body::Body for Cleaned {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut frame = ready!(Pin::new(&mut self.0).poll_frame(cx));
        if let Some(Ok(frame)) = &mut frame
            && let Some(trailers) = frame.trailers_mut()
        {
            client_headers::clean_trailers(trailers);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http_body_util::{BodyExt as _, Full};

    use super::*;

    #[tokio::test]
    async fn data_stays_and_trailers_are_cleaned() {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-auth-subject", "mallory".parse().unwrap());
        trailers.insert("x-checksum", "7".parse().unwrap());
        let sent =
            Full::new(Bytes::from_static(b"data")).with_trailers(async { Some(Ok(trailers)) });
        let body = clean(Body::new(sent)).collect().await.unwrap();
        let left = body.trailers().cloned().unwrap();
        assert_eq!(body.to_bytes(), "data");
        assert_eq!(left.len(), 1);
        assert_eq!(left["x-checksum"], "7");
    }

    #[test]
    fn the_length_is_still_known() {
        let body = clean(Body::from("data"));
        assert_eq!(body.size_hint().exact(), Some(4));
        assert!(clean(Body::empty()).is_end_stream());
    }
}
