//! A deadline for connecting.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use tower::Service;

use super::dial::DialError;

/// Connects within a deadline. The pool may finish a connection after the request for it is gone, so the
/// deadline of the request is not enough.
#[derive(Clone, Debug)]
pub(super) struct Bounded<S> {
    inner: S,
    deadline: Duration,
}

// === impl Bounded ===

impl<S> Bounded<S> {
    pub(super) fn new(inner: S, deadline: Duration) -> Self {
        Self { inner, deadline }
    }
}

impl<S> Service<Uri> for Bounded<S>
where
    S: Service<Uri>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    S::Future: Send + 'static,
    S::Response: 'static,
{
    type Response = S::Response;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let connecting = tokio::time::timeout(self.deadline, self.inner.call(target));
        Box::pin(async move {
            match connecting.await {
                Ok(result) => result.map_err(Into::into),
                Err(_elapsed) => Err(DialError::Timeout.into()),
            }
        })
    }
}
