use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::error::FlightError;
use crate::flight::Outcome;
use crate::sync::Arc;
use crate::table::{Boarding, Lead, Table};
use crate::task;
use crate::ticket::{Role, Ticket};
use crate::work::Work;

/// The future of [`SingleFlight::run`](crate::SingleFlight::run).
#[must_use = "futures do nothing unless polled"]
pub struct Run<K, T, E, F> {
    state: State<K, T, E, F>,
    role: Option<Role>,
}

enum State<K, T, E, F> {
    Start {
        table: Arc<Table<K, T, E>>,
        key: K,
        work: F,
    },
    Waiting(Ticket<K, T, E>),
    Done,
}

// Neither the key nor the closure is ever pinned: both are moved out at the first poll.
impl<K, T, E, F> Unpin for Run<K, T, E, F> {}

// === impl Run ===

impl<K, T, E, F> Run<K, T, E, F> {
    pub(crate) fn new(table: Arc<Table<K, T, E>>, key: K, work: F) -> Self {
        Self {
            state: State::Start { table, key, work },
            role: None,
        }
    }

    /// The part this caller plays; none before the first poll, or if it was refused.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use portcullis_single_flight::{Role, SingleFlight};
    ///
    /// let flights = SingleFlight::<&str, u32, std::io::Error>::new();
    /// let mut run = flights.run("keys", || async { Ok(7) });
    /// assert_eq!((&mut run).await.unwrap(), 7);
    /// assert_eq!(run.role(), Some(Role::Leader));
    /// # }
    /// ```
    pub fn role(&self) -> Option<Role> {
        self.role
    }
}

impl<K, T, E, F, Fut> Future for Run<K, T, E, F>
where
    K: Hash + Eq + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
    E: Send + Sync + 'static,
    F: FnOnce() -> Fut,
    Fut: Future<Output = Result<T, E>> + Send + 'static,
{
    type Output = Result<T, FlightError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let State::Start { .. } = this.state
            && let State::Start { table, key, work } = mem::replace(&mut this.state, State::Done)
        {
            match table.board(key)? {
                Boarding::Lead(flight) => {
                    this.role = Some(Role::Leader);
                    match take_off(Lead::new(table, flight), work, cx) {
                        Ok(ticket) => this.state = State::Waiting(ticket),
                        Err(outcome) => return Poll::Ready(outcome),
                    }
                }
                Boarding::Join(flight) => {
                    this.role = Some(Role::Waiter);
                    this.state = State::Waiting(Ticket::new(table, flight, Role::Waiter));
                }
            }
        }
        match &mut this.state {
            State::Waiting(ticket) => {
                let outcome = ready!(Pin::new(ticket).poll(cx));
                this.state = State::Done;
                Poll::Ready(outcome)
            }
            State::Start { .. } | State::Done => panic!("`Run` polled after completion"),
        }
    }
}

/// Polls the work once where we stand; if it is not ready, sends it off. An outcome, where one is
/// there at once, is the error.
///
/// Nothing suspends between the two, so the leader cannot be cancelled, or left unpolled, with
/// the work in its hands.
fn take_off<K, T, E, F, Fut>(
    lead: Lead<K, T, E>,
    work: F,
    cx: &mut Context<'_>,
) -> Result<Ticket<K, T, E>, Outcome<T, E>>
where
    K: Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
    E: Send + Sync + 'static,
    F: FnOnce() -> Fut,
    Fut: Future<Output = Result<T, E>> + Send + 'static,
{
    let Some(mut work) = Work::create(work) else {
        return Err(lead.land_here(Err(FlightError::Panicked)));
    };
    if let Poll::Ready(outcome) = Pin::new(&mut work).poll(cx) {
        work.discard();
        return Err(lead.land_here(outcome));
    }
    let table = Arc::clone(lead.table());
    match task::detach(lead, work) {
        Ok(flight) => Ok(Ticket::new(table, flight, Role::Leader)),
        Err(error) => Err(Err(error)),
    }
}

// Neither key nor work: both may hold secrets.
impl<K, T, E, F> fmt::Debug for Run<K, T, E, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}
