//! Connections that can be asked to end.

use std::future::Future;
use std::pin::Pin;

use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::HttpService;
use hyper_util::rt::TokioIo;

use super::held::Held;
use super::io::Io;
use super::streams::Streams;

/// A connection that can be asked to end once what is open has ended: with its last answer over
/// HTTP/1.1, by GOAWAY over HTTP/2 (RFC 9113 section 6.8).
pub(super) trait Graceful: Future<Output = hyper::Result<()>> {
    fn graceful_shutdown(self: Pin<&mut Self>);
}

impl<S> Graceful for http1::UpgradeableConnection<TokioIo<Io>, S>
where
    S: HttpService<Incoming, ResBody = Held<Body>>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn graceful_shutdown(self: Pin<&mut Self>) {
        Self::graceful_shutdown(self);
    }
}

impl<S, F> Graceful for http2::Connection<TokioIo<Io>, S, Streams>
where
    S: HttpService<Incoming, Future = F, ResBody = Held<Body>>,
    S: hyper::service::Service<Request<Incoming>, Response = Response<Held<Body>>, Future = F>,
    F: Future<Output = Result<Response<Held<Body>>, std::convert::Infallible>> + Send + 'static,
{
    fn graceful_shutdown(self: Pin<&mut Self>) {
        Self::graceful_shutdown(self);
    }
}
