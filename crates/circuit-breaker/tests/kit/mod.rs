//! A circuit on a clock that the test moves, and calls written as letters.
#![allow(dead_code)] // each test uses some of it

use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis_circuit_breaker::{Circuit, CircuitBuilder, Permit, Window};
use portcullis_core::{CircuitEvent, CircuitEventKind, CircuitState, Observer};
use portcullis_testing::TestClock;

pub(crate) type Call = Permit<TestClock>;

/// What the observer was told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told(pub(crate) Arc<Mutex<Vec<CircuitEventKind>>>);

impl Observer for Told {
    fn circuit(&self, event: &CircuitEvent<'_>) {
        self.0.lock().unwrap().push(event.kind);
    }
}

impl Told {
    /// The moves, as `from>to cause`.
    pub(crate) fn moves(&self) -> Vec<String> {
        let told = self.0.lock().unwrap();
        let moves = told.iter().filter_map(|kind| match kind {
            CircuitEventKind::Moved {
                from, to, cause, ..
            } => Some(format!("{}>{} {cause}", from.as_str(), to.as_str())),
            _ => None,
        });
        moves.collect()
    }

    pub(crate) fn would_open(&self) -> Vec<&'static str> {
        let told = self.0.lock().unwrap();
        let causes = told.iter().filter_map(|kind| match kind {
            CircuitEventKind::WouldOpen { cause } => Some(*cause),
            _ => None,
        });
        causes.collect()
    }
}

pub(crate) struct Stand {
    pub(crate) circuit: Circuit<TestClock>,
    pub(crate) clock: TestClock,
    pub(crate) told: Told,
}

pub(crate) fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// The base of most scenarios: 20 s, at least 5 calls, half of them failed or slower than 4 s; open for 5 s; four
/// probes that have a second.
pub(crate) fn base() -> CircuitBuilder {
    Circuit::builder("base")
        .window(Window::Time(secs(20.0)))
        .minimum_calls(5)
        .slow_calls(secs(4.0), 0.5)
        .probes(4)
        .probe_wait(secs(1.0))
}

pub(crate) fn count(calls: u32, minimum: u32) -> CircuitBuilder {
    Circuit::builder("count")
        .window(Window::Count(calls))
        .minimum_calls(minimum)
}

impl Stand {
    pub(crate) fn new(builder: CircuitBuilder) -> Self {
        let (clock, told) = (TestClock::new(), Told::default());
        let circuit = builder
            .observer(told.clone())
            .clock(clock.clone())
            .build()
            .unwrap();
        Self {
            circuit,
            clock,
            told,
        }
    }

    /// Calls, one after the other: `S` good, `F` failed, `s` and `f` the same after 5 s, `I` ignored, `A` a call that
    /// passes and is not over, `x` a refusal, `.` a tenth of a second, `+` a second. What is under way stays so.
    pub(crate) fn run(&self, calls: &str) -> Vec<Call> {
        let mut under_way = Vec::new();
        for call in calls.chars() {
            match call {
                '+' => self.clock.advance_sync(secs(1.0)),
                '.' => self.clock.advance_sync(secs(0.1)),
                ' ' => {}
                'x' => assert!(self.circuit.try_acquire().is_err(), "a refusal in {calls}"),
                _ => {
                    let permit = self.circuit.try_acquire();
                    let permit =
                        permit.unwrap_or_else(|error| panic!("{call} in {calls}: {error}"));
                    if matches!(call, 's' | 'f') {
                        self.clock.advance_sync(secs(5.0));
                    }
                    match call {
                        'S' | 's' => permit.success(),
                        'F' | 'f' => permit.failure(),
                        'I' => permit.ignore(),
                        'A' => under_way.push(permit),
                        other => panic!("{other} is no call"),
                    }
                }
            }
        }
        under_way
    }

    pub(crate) fn pass(&self, seconds: f64) {
        self.clock.advance_sync(secs(seconds));
    }

    #[track_caller]
    pub(crate) fn is(&self, state: CircuitState) {
        assert_eq!(self.circuit.state(), state, "{:?}", self.circuit.snapshot());
    }

    /// Brings the base to half-open, by failures and a wait, with one probe under way.
    pub(crate) fn half_open(&self) -> Call {
        self.run("FFFFF");
        self.is(CircuitState::Open);
        self.pass(5.001);
        let probe = self.circuit.try_acquire().unwrap();
        self.is(CircuitState::HalfOpen);
        probe
    }

    /// How many calls, how many failed, how many slow.
    pub(crate) fn tally(&self) -> (u64, u64, u64) {
        let snapshot = self.circuit.snapshot();
        (snapshot.calls, snapshot.failed, snapshot.slow)
    }
}
