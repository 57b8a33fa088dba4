//! The issuer without sockets.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::answer::answer;
use super::body::IssuerBody;
use super::state::State;

/// An HTTP client whose every request goes to one fake issuer, in memory.
///
/// For tests in a paused runtime: there a real socket is a race, because tokio moves its clock while
/// the kernel has the bytes. Modes, counters and keys are those of the issuer; where a socket would
/// break, the error is an [`io::Error`] of that kind. The host of the request is not looked at.
#[derive(Clone)]
pub struct IssuerClient {
    pub(super) state: Arc<State>,
}

impl<B> Service<Request<B>> for IssuerClient
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<IssuerBody>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, io::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let state = Arc::clone(&self.state);
        Box::pin(async move { answer(&state, request).await })
    }
}

impl fmt::Debug for IssuerClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuerClient")
            .field("issuer", &self.state.name)
            .finish_non_exhaustive()
    }
}
