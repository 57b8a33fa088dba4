//! From a listening socket to connections, and their end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::Serves;
use super::connection;
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
    stop: CancellationToken,
    tunnels: CancellationToken,
) -> bool
where
    S: Serves,
{
    let places = settings.load().limits.connections;
    let room = Arc::new(Semaphore::new(places));
    // Owned here: dropped with this future, so that no connection outlives its server.
    let mut connections = JoinSet::new();
    let mut failures = 0;
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &room) => accepted,
        };
        match accepted {
            Ok((stream, peer, place)) => {
                failures = 0;
                let (service, terms, stop) = (service.clone(), settings.load(), stop.child_token());
                connections.spawn(connection::serve(stream, peer, place, service, terms, stop));
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
    drop(listener);
    let deadline = Instant::now() + settings.load().limits.drain;
    let all = async { while connections.join_next().await.is_some() {} };
    let drained = timeout_at(deadline, all).await.is_ok();
    // What is left in the room are upgraded connections.
    let left = || room.acquire_many(u32::try_from(places).unwrap_or(u32::MAX));
    let ended = drained && timeout_at(deadline, left()).await.is_ok();
    tunnels.cancel();
    connections.abort_all();
    if !ended {
        // They are dropped now; nothing waits for anybody.
        let _ = timeout(MOMENT, left()).await;
    }
    drained
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(room)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, place))
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
