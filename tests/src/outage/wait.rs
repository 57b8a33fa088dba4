//! Waiting for a condition, with a bound.

use std::future::{Future, ready};
use std::time::{Duration, Instant};

/// How often a condition is looked at.
const PACE: Duration = Duration::from_millis(5);

/// Polls `probe` until it gives something, and says how long that took.
///
/// # Panics
/// If it gives nothing within `bound`.
pub async fn until<T>(
    what: &str,
    bound: Duration,
    mut probe: impl FnMut() -> Option<T>,
) -> (T, Duration) {
    until_async(what, bound, || ready(probe())).await
}

/// [`until`], for a probe that has to wait itself.
///
/// # Panics
/// If it gives nothing within `bound`.
pub async fn until_async<T, F>(
    what: &str,
    bound: Duration,
    mut probe: impl FnMut() -> F,
) -> (T, Duration)
where
    F: Future<Output = Option<T>>,
{
    let start = Instant::now();
    loop {
        if let Some(found) = probe().await {
            return (found, start.elapsed());
        }
        let elapsed = start.elapsed();
        assert!(elapsed < bound, "{what}: not within {bound:?}");
        tokio::time::sleep(PACE).await;
    }
}
