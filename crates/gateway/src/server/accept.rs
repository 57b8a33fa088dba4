//! From a listening socket to connections, and their end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::Serves;
use super::connection;
use super::place::{Free, Places};
use super::settings::Settings;
use super::watch::MOMENT;

/// Accepts until it is told to stop, then waits for what is open. Returns whether all of it ended in time.
///
/// Upgraded connections may take until then too. They are never done by themselves, so that they are
/// ended is as it should be.
pub(super) async fn serve<S>(
    listener: TcpListener,
    service: S,
    settings: Settings,
    most: usize,
    stop: CancellationToken,
    tunnels: CancellationToken,
) -> bool
where
    S: Serves,
{
    let most = settings.load().limits.connections.min(most);
    let mut places = Places::new(most, settings.connections());
    // Who has no place yet. Others are in the queue of the system.
    let mut waiting = None;
    // Owned here: dropped with this future, so that no connection outlives its server.
    let mut connections = JoinSet::new();
    let mut failures = 0;
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &mut waiting, &mut places) => accepted,
        };
        match accepted {
            Ok(((stream, peer), free)) => {
                failures = 0;
                let (service, terms, stop) = (service.clone(), settings.load(), stop.child_token());
                let place = places.take(free, stop.clone());
                let guest = Arc::clone(place.guest());
                let serving = connection::serve(stream, peer, place, service, terms, stop);
                guest.is_served_by(connections.spawn(serving));
            }
            // Mostly: no more file descriptors. Waiting gives connections time to end.
            Err(error) => {
                let wait = pause(failures);
                failures += 1;
                tracing::warn!(target: "portcullis::server", %error, ?wait, "cannot accept");
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = sleep(wait) => {}
                }
            }
        }
    }
    drop((listener, waiting));
    let deadline = Instant::now() + settings.load().limits.drain;
    let all = async { while connections.join_next().await.is_some() {} };
    let drained = timeout_at(deadline, all).await.is_ok();
    // What is left in the room are upgraded connections.
    let ended = drained && timeout_at(deadline, places.emptied()).await.is_ok();
    tunnels.cancel();
    connections.abort_all();
    if !ended {
        // They are dropped now; nothing waits for anybody.
        let _ = timeout(MOMENT, places.emptied()).await;
    }
    drained
}

/// A connection as the system hands it over.
type Accepted = (TcpStream, SocketAddr);

/// Cancelled, it leaves whoever was accepted without a place in `waiting`, for the next time.
async fn accept(
    listener: &TcpListener,
    waiting: &mut Option<Accepted>,
    places: &mut Places,
) -> io::Result<(Accepted, Free)> {
    loop {
        if waiting.is_none() {
            *waiting = Some(listener.accept().await?);
        }
        // Only now is it known that a place is needed.
        let free = places.free().await?;
        if let Some(accepted) = waiting.take() {
            return Ok((accepted, free));
        }
    }
}

/// How long to wait after so many failures in a row.
fn pause(failures: u32) -> Duration {
    const FIRST: Duration = Duration::from_millis(10);
    const LONGEST: Duration = Duration::from_secs(1);
    FIRST.saturating_mul(1 << failures.min(10)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_second() {
        let pauses: Vec<_> = [0, 1, 2, 6, 7, u32::MAX].map(pause).into();
        let millis = [10, 20, 40, 640, 1000, 1000].map(Duration::from_millis);
        assert_eq!(pauses, millis);
    }
}
