//! The circuit against an oracle: a model of plain data, written from the documentation.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used)] // unwrap in a test is an assertion

#[path = "../kit/mod.rs"]
mod kit;
mod model;
mod setup;

use std::mem;

use kit::{Call, Stand};
use model::{Id, Model, Seen, Sums};
use portcullis_circuit_breaker::Upload;
use portcullis_core::Outcome;
use portcullis_testing::TestClock;
use proptest::prelude::*;
use setup::{Setup, Step, schedules, setups};

/// A circuit, what is under way with it, and what ought to be.
struct Pair {
    setup: Setup,
    stand: Stand,
    model: Model,
    calls: Vec<(Id, Call)>,
    uploads: Vec<(Id, Upload<TestClock>)>,
    next: Id,
}

impl Pair {
    fn new(setup: &Setup) -> Self {
        Self {
            setup: setup.clone(),
            stand: Stand::new(setup.builder()),
            model: Model::new(setup),
            calls: Vec::new(),
            uploads: Vec::new(),
            next: 0,
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Acquire => self.acquire(),
            Step::Calls(calls, outcome) => {
                for _ in 0..calls {
                    self.acquire();
                    // The last one, if it was let in.
                    if self
                        .calls
                        .last()
                        .is_some_and(|last| last.0 + 1 == self.next)
                    {
                        let (id, call) = self.calls.pop().unwrap();
                        call.settle(outcome);
                        self.model.settle(id, Some(outcome));
                    }
                }
            }
            Step::Settle(index, outcome) => self.settle(index, Some(outcome)),
            Step::Drop(index) => self.settle(index, None),
            Step::Answered(index) => {
                if let Some((id, call)) = chosen(&mut self.calls, index) {
                    call.answered();
                    self.model.answered(*id);
                }
            }
            Step::Uploading(index) => {
                if let Some((id, call)) = chosen(&mut self.calls, index) {
                    let upload = call.uploading();
                    assert_eq!(upload.is_some(), self.model.uploading(*id));
                    self.uploads.extend(upload.map(|upload| (*id, upload)));
                }
            }
            Step::Sent(index) => {
                if !self.uploads.is_empty() {
                    let index = index % self.uploads.len();
                    let (id, upload) = self.uploads.swap_remove(index);
                    upload.sent();
                    self.model.sent(id);
                }
            }
            Step::Advance(span) => {
                let rest = self.stand.circuit.snapshot().open_for.unwrap_or_default();
                let span = self.setup.length(span, rest);
                self.stand.clock.advance_sync(span);
                self.model.advance(span);
            }
            Step::Fail => {
                self.stand.circuit.fail();
                self.model.fail();
            }
            Step::MoveTo(state) => {
                let moved = self.stand.circuit.move_to(state).is_ok();
                assert_eq!(moved, self.model.move_to(state), "to {state:?}");
            }
            Step::OpenFor(time) => {
                let moved = self.stand.circuit.open_for(time).is_ok();
                assert_eq!(moved, self.model.open_for(time));
            }
            Step::Reset => {
                self.stand.circuit.reset();
                self.model.reset();
            }
        }
    }

    fn acquire(&mut self) {
        let id = self.next;
        self.next += 1;
        let (state, admits) = (self.stand.circuit.state(), self.stand.circuit.admits());
        assert_eq!(admits, self.model.admits(), "admits in {state:?}");
        match self.stand.circuit.try_acquire() {
            Ok(call) => {
                assert_eq!(Ok(()), self.model.acquire(id));
                assert!(admits, "let through in {state:?}");
                self.calls.push((id, call));
            }
            Err(rejected) => {
                let refusal = (rejected.state(), rejected.retry_after());
                assert_eq!(Err(refusal), self.model.acquire(id));
            }
        }
    }

    fn settle(&mut self, index: usize, outcome: Option<Outcome>) {
        if self.calls.is_empty() {
            return;
        }
        let index = index % self.calls.len();
        let (id, call) = self.calls.swap_remove(index);
        match outcome {
            Some(outcome) => call.settle(outcome),
            None => drop(call),
        }
        self.model.settle(id, outcome);
    }

    /// Everything that can be seen is the same.
    fn compare(&mut self) {
        let snapshot = self.stand.circuit.snapshot();
        let seen = Seen {
            state: self.stand.circuit.state(),
            sums: Sums {
                calls: snapshot.calls,
                failed: snapshot.failed,
                slow: snapshot.slow,
            },
            overdue: snapshot.overdue,
            failed_in_a_row: snapshot.failed_in_a_row,
            rejected: snapshot.rejected,
            late: snapshot.late,
            open_for: snapshot.open_for,
            healthy: self.stand.circuit.is_healthy(),
        };
        assert_eq!(seen, self.model.seen());
        let told = mem::take(&mut *self.stand.told.0.lock().unwrap());
        assert_eq!(told, mem::take(&mut self.model.told));
    }
}

fn chosen<T>(all: &mut [T], index: usize) -> Option<&mut T> {
    let index = index.checked_rem(all.len())?;
    all.get_mut(index)
}

fn run(setup: &Setup, schedule: &[Step]) {
    let mut pair = Pair::new(setup);
    for step in schedule {
        pair.step(step);
        pair.compare();
    }
    // Whatever is under way ends at last, and leaves nothing behind.
    while !pair.calls.is_empty() {
        pair.step(&Step::Drop(0));
        pair.step(&Step::Sent(0));
        pair.compare();
    }
    assert_eq!(pair.stand.circuit.snapshot().overdue, 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_circuit_does_what_the_oracle_says(setup in setups(), schedule in schedules()) {
        run(&setup, &schedule);
    }
}
