//! Eight instances behind a client that asks them in turn, one of them bad, on a clock that is moved from event to event.
//!
//! | | |
//! |---|---|
//! | requests | one every 10 ms, whatever became of those before |
//! | a healthy instance | answers well after a time around 80 ms, log-normal: nine of ten within 47 to 125 ms |
//! | the bad one | fails after 2 s; so some 25 calls are under way there before its first failure is known |
//! | the client | asks the next in turn; with circuits, the next in turn whose circuit admits |
//!
//! Nothing is tried again: what fails, fails the request.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use portcullis_circuit_breaker::{KeyedCircuits, Permit};
use portcullis_core::Clock;

pub(crate) const REQUESTS: usize = 10_000;

const INSTANCES: usize = 8;
const BAD: usize = 3;
const EVERY: Duration = Duration::from_millis(10);
const BAD_TAKES: Duration = Duration::from_secs(2);
/// The median and the spread whose mean is 80 ms.
const MEDIAN_SECONDS: f64 = 0.0765;
const SPREAD: f64 = 0.3;

/// What became of the requests.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Came {
    pub(crate) succeeded: usize,
    /// Calls that the bad instance got.
    pub(crate) to_the_bad_one: usize,
    /// Requests that no circuit admitted.
    pub(crate) refused: usize,
    seconds: f64,
}

/// A world of its own: the same seed gives the same requests.
pub(crate) struct Simulation<'a, C: Clock> {
    pub(crate) seed: u64,
    /// Whether one instance is bad.
    pub(crate) ill: bool,
    pub(crate) circuits: Option<&'a KeyedCircuits<usize, C>>,
    /// Moves the clock of the circuits.
    pub(crate) advance: &'a dyn Fn(Duration),
}

/// A call under way.
struct Call<C: Clock> {
    instance: usize,
    permit: Option<Permit<C>>,
}

// === impl Simulation ===

impl<C: Clock> Simulation<'_, C> {
    pub(crate) fn run(&self) -> Came {
        let mut came = Came::default();
        let mut calls: Vec<Option<Call<C>>> = Vec::with_capacity(REQUESTS);
        let mut ends = BinaryHeap::new();
        let (mut now, mut turn) = (Duration::ZERO, 0);
        for number in 0..REQUESTS {
            let arrival = EVERY * u32::try_from(number).expect("a small number");
            self.end(&mut now, arrival, &mut ends, &mut calls, &mut came);
            self.move_to(&mut now, arrival);
            calls.push(self.choose(&mut turn));
            let Some(Some(call)) = calls.last() else {
                came.refused += 1;
                continue;
            };
            let takes = if self.is_bad(call.instance) {
                came.to_the_bad_one += 1;
                BAD_TAKES
            } else {
                self.healthy(number)
            };
            came.seconds += takes.as_secs_f64();
            ends.push(Reverse((arrival + takes, number)));
        }
        self.end(&mut now, Duration::MAX, &mut ends, &mut calls, &mut came);
        came
    }

    /// The next in turn that admits.
    fn choose(&self, turn: &mut usize) -> Option<Call<C>> {
        for step in 0..INSTANCES {
            let instance = (*turn + step) % INSTANCES;
            let permit = match self.circuits {
                None => None,
                Some(circuits) => match circuits.get(&instance).try_acquire() {
                    Ok(permit) => Some(permit),
                    Err(_) => continue,
                },
            };
            *turn = instance + 1;
            return Some(Call { instance, permit });
        }
        None
    }

    /// Ends the calls that end until then, each in its time.
    fn end(
        &self,
        now: &mut Duration,
        until: Duration,
        ends: &mut BinaryHeap<Reverse<(Duration, usize)>>,
        calls: &mut [Option<Call<C>>],
        came: &mut Came,
    ) {
        while let Some(&Reverse((end, number))) = ends.peek()
            && end <= until
        {
            ends.pop();
            self.move_to(now, end);
            let Some(call) = calls[number].take() else {
                continue;
            };
            let is_bad = self.is_bad(call.instance);
            came.succeeded += usize::from(!is_bad);
            match call.permit {
                Some(permit) if is_bad => permit.failure(),
                Some(permit) => permit.success(),
                None => {}
            }
        }
    }

    fn move_to(&self, now: &mut Duration, time: Duration) {
        (self.advance)(time - *now);
        *now = time;
    }

    fn is_bad(&self, instance: usize) -> bool {
        self.ill && instance == BAD
    }

    /// How long a healthy instance takes for a request: whichever it is.
    fn healthy(&self, number: usize) -> Duration {
        let mut chance = fastrand::Rng::with_seed(self.seed << 32 | number as u64);
        let (one, other) = (1.0 - chance.f64(), chance.f64());
        // Normal, after Box and Muller.
        let normal = (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * other).cos();
        Duration::from_secs_f64(MEDIAN_SECONDS * (SPREAD * normal).exp())
    }
}

// === impl Came ===

impl Came {
    /// The share of the requests that succeeded.
    pub(crate) fn share(&self) -> f64 {
        self.succeeded as f64 / REQUESTS as f64
    }

    /// What a request took, whatever it came to.
    pub(crate) fn mean_millis(&self) -> f64 {
        self.seconds * 1e3 / REQUESTS as f64
    }
}
