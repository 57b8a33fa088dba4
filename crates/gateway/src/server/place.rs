//! The places of a listener.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::guests::{Guest, Guests};
use crate::metrics::Connections;

/// The places of a listener, of which every connection takes one.
///
/// When all are taken and somebody new is there, those leave who have been without a request for longest:
/// one in a hundred of the places, and one at least. They are asked to, and cut off [a moment](GOODBYE)
/// later if nothing is asked then. So whoever opens all the connections there may be, and keeps them, locks
/// nobody out. Whoever has a request open, or is sending the head of one, stays: requests have bounds of
/// their own.
#[derive(Debug)]
pub(super) struct Places {
    room: Arc<Semaphore>,
    count: usize,
    connections: Arc<Connections>,
    guests: Guests,
}

/// How long whoever is asked to leave may take to say so, by GOAWAY over HTTP/2.
const GOODBYE: Duration = Duration::from_millis(100);

/// A place that nobody has yet.
#[derive(Debug)]
pub(super) struct Free(OwnedSemaphorePermit);

/// The place of one connection, which is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
    connections: Arc<Connections>,
    guest: Arc<Guest>,
}

// === impl Places ===

impl Places {
    pub(super) fn new(count: usize, connections: &Arc<Connections>) -> Self {
        connections.bound(count);
        Self {
            room: Arc::new(Semaphore::new(count)),
            count,
            connections: Arc::clone(connections),
            guests: Guests::new(count),
        }
    }

    /// Waits for one, and has one made free if it can be.
    ///
    /// # Cancel safety
    /// Nothing is lost but time.
    pub(super) async fn free(&mut self) -> io::Result<Free> {
        if let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() {
            return Ok(Free(permit));
        }
        self.connections.full();
        loop {
            self.guests.ask();
            if let Ok(permit) = timeout(GOODBYE, self.next()).await {
                return permit;
            }
            if self.guests.cut_off()
                && let Ok(permit) = timeout(GOODBYE, self.next()).await
            {
                return permit;
            }
        }
    }

    async fn next(&self) -> io::Result<Free> {
        let permit = Arc::clone(&self.room).acquire_owned().await;
        permit.map(Free).map_err(io::Error::other)
    }

    /// Gives one to a connection that ends with `stop`.
    pub(super) fn take(&mut self, Free(permit): Free, stop: CancellationToken) -> Place {
        self.connections.opened();
        Place {
            _permit: permit,
            connections: Arc::clone(&self.connections),
            guest: self.guests.enter(stop),
        }
    }

    /// Waits until all are free.
    pub(super) async fn emptied(&self) {
        let all = u32::try_from(self.count).unwrap_or(u32::MAX);
        let _ = self.room.acquire_many(all).await;
    }
}

// === impl Place ===

impl Place {
    pub(super) fn guest(&self) -> &Arc<Guest> {
        &self.guest
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.closed();
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use tokio::time::Instant;

    use super::super::pulse::Pulse;
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn places(count: usize) -> Places {
        Places::new(count, &Arc::default())
    }

    /// A connection that leaves only when it is cut off, and says when it was asked to.
    struct Visitor {
        pulse: Arc<Pulse>,
        stop: CancellationToken,
        task: tokio::task::JoinHandle<()>,
    }

    impl Visitor {
        async fn enter(room: &mut Places) -> Self {
            let free = room.free().await.unwrap();
            let (stop, pulse) = (CancellationToken::new(), Arc::new(Pulse::new(true)));
            let place = room.take(free, stop.clone());
            let guest = Arc::clone(place.guest());
            guest.beats(&pulse);
            // Its first request is answered.
            drop(pulse.open());
            let task = tokio::spawn(async move {
                let _place = place;
                std::future::pending().await
            });
            guest.is_served_by(task.abort_handle());
            Self { pulse, stop, task }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_has_been_idle_for_longest_leaves_for_somebody_new() {
        let mut room = places(3);
        let mut guests = Vec::new();
        for _ in 0..3 {
            guests.push(Visitor::enter(&mut room).await);
            advance(SECOND).await;
        }
        // The first one asked again, later than the others.
        drop(guests[0].pulse.open());
        let begun = Instant::now();
        let _fourth = Visitor::enter(&mut room).await;
        assert!(begun.elapsed() <= 2 * GOODBYE);
        let asked: Vec<_> = guests
            .iter()
            .map(|guest| guest.stop.is_cancelled())
            .collect();
        assert_eq!(asked, [false, true, false]);
        let cut = guests.remove(1).task.await.unwrap_err();
        assert!(cut.is_cancelled(), "it did not leave by itself");
        assert!(guests.iter().all(|guest| !guest.task.is_finished()));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_leaves_who_has_a_request_open() {
        let mut room = places(2);
        let guests = [
            Visitor::enter(&mut room).await,
            Visitor::enter(&mut room).await,
        ];
        let open = [guests[0].pulse.open(), guests[1].pulse.open()];
        let waited = timeout(60 * SECOND, Visitor::enter(&mut room)).await;
        assert!(waited.is_err());
        assert!(guests.iter().all(|guest| !guest.stop.is_cancelled()));
        drop(open);
        Visitor::enter(&mut room).await;
        assert_eq!(
            guests
                .iter()
                .filter(|guest| guest.stop.is_cancelled())
                .count(),
            1
        );
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_something_before_being_cut_off_stays() {
        let mut room = places(1);
        let guest = Visitor::enter(&mut room).await;
        let hurried = timeout(GOODBYE / 2, room.free()).await;
        assert!(hurried.is_err() && guest.stop.is_cancelled());
        let open = guest.pulse.open();
        let waited = timeout(60 * SECOND, room.free()).await;
        assert!(waited.is_err() && !guest.task.is_finished());
        drop(open);
        room.free().await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn one_in_a_hundred_leaves_at_once() {
        let mut room = places(500);
        let mut guests = Vec::new();
        for _ in 0..500 {
            guests.push(Visitor::enter(&mut room).await);
            advance(Duration::from_millis(1)).await;
        }
        let _more = Visitor::enter(&mut room).await;
        let asked = guests
            .iter()
            .take_while(|guest| guest.stop.is_cancelled())
            .count();
        assert_eq!(asked, 5);
        assert!(guests[5..].iter().all(|guest| !guest.stop.is_cancelled()));
    }
}
