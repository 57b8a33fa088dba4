//! The tasks of HTTP/2 streams.

use std::future::Future;

use hyper::rt::Executor;

use super::watch::Watching;

/// Spawns each stream as a task under watch.
///
/// Its owner is the connection: streams end with it, for they have nobody to talk to any more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Streams;

// === impl Streams ===

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        tokio::spawn(Watching::new(stream));
    }
}
