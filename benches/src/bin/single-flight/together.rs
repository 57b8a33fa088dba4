//! Many futures driven to their end, with as little beside them as can be.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// Polls all `futures` in one task, in turn, until each has ended.
///
/// No bookkeeping by future, as `join_all` has it, so that what is compared is not buried under it.
pub(crate) async fn in_one_task<F: Future>(futures: impl Iterator<Item = F>) {
    let mut under_way: Vec<Pin<Box<F>>> = futures.map(Box::pin).collect();
    poll_fn(|cx| {
        under_way.retain_mut(|future| future.as_mut().poll(cx).is_pending());
        if under_way.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// Spawns a task for each of `futures`, as a server does for requests, and waits for all.
pub(crate) async fn in_tasks<F>(futures: impl Iterator<Item = F>)
where
    F: Future<Output: Send> + Send + 'static,
{
    let tasks: Vec<_> = futures.map(tokio::spawn).collect();
    for task in tasks {
        assert!(task.await.is_ok(), "no waiter panics");
    }
}
