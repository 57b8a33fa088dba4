//! The body of an answer: the inner service's, or a few bytes of our own.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project::pin_project;

/// A response body that is either the inner service's or our own bytes.
///
/// No bound on `B` beyond what `Body` asks for, so a layer can answer by itself on axum, tonic and
/// hyper alike while the service error stays what it was.
#[pin_project]
#[derive(Debug)]
pub struct ResponseBody<B>(#[pin] Kind<B>);

#[pin_project(project = KindProj)]
#[derive(Debug)]
enum Kind<B> {
    Inner(#[pin] B),
    Own(Bytes),
}

// === impl ResponseBody ===

impl<B> ResponseBody<B> {
    /// The body of the inner service.
    pub const fn inner(body: B) -> Self {
        Self(Kind::Inner(body))
    }

    /// Bytes of our own.
    pub const fn own(bytes: Bytes) -> Self {
        Self(Kind::Own(bytes))
    }

    /// No bytes at all.
    pub const fn empty() -> Self {
        Self(Kind::Own(Bytes::new()))
    }
}

impl<B> Default for ResponseBody<B> {
    fn default() -> Self {
        Self::empty()
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body<Data = Bytes>,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().0.project() {
            KindProj::Inner(body) => body.poll_frame(cx),
            KindProj::Own(bytes) if bytes.is_empty() => Poll::Ready(None),
            KindProj::Own(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Inner(body) => body.is_end_stream(),
            Kind::Own(bytes) => bytes.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Inner(body) => body.size_hint(),
            Kind::Own(bytes) => SizeHint::with_exact(bytes.len() as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body_util::Full;

    use super::*;

    fn drain(mut body: ResponseBody<Full<Bytes>>) -> Vec<u8> {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut all = Vec::new();
        while let Poll::Ready(Some(frame)) = Pin::new(&mut body).poll_frame(&mut cx) {
            let frame: Frame<Bytes> = frame.unwrap_or_else(|never: Infallible| match never {});
            all.extend_from_slice(&frame.into_data().unwrap());
        }
        assert!(body.is_end_stream());
        all
    }

    #[test]
    fn the_inner_body_passes_through_and_keeps_its_size_hint() {
        let body = ResponseBody::inner(Full::from("inner"));
        assert_eq!(body.size_hint().exact(), Some(5));
        assert!(!body.is_end_stream());
        assert_eq!(drain(body), b"inner");
    }

    #[test]
    fn own_bytes_are_one_frame_and_then_the_end() {
        let body: ResponseBody<Full<Bytes>> = ResponseBody::own(Bytes::from_static(b"own"));
        assert_eq!(body.size_hint().exact(), Some(3));
        assert_eq!(drain(body), b"own");
        assert_eq!(drain(ResponseBody::empty()), b"");
        assert!(ResponseBody::<Full<Bytes>>::default().is_end_stream());
    }
}
