//! Circuits of every kind, and what is done to them.

use std::time::Duration;

use portcullis_circuit_breaker::{Cancelled, Circuit, CircuitBuilder, Window};
use portcullis_core::{Backoff, CircuitState, Jitter, Outcome};
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;

/// What a circuit is built with. Rates are whole percents.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) window: Window,
    pub(crate) minimum: u32,
    pub(crate) failure_percent: Option<u32>,
    pub(crate) slow: Option<(Duration, u32)>,
    pub(crate) consecutive: Option<u32>,
    pub(crate) cancelled: Cancelled,
    /// The first wait, and the longest if it doubles.
    pub(crate) wait: Duration,
    pub(crate) longest_wait: Option<Duration>,
    pub(crate) probes: u32,
    pub(crate) probe_wait: Duration,
}

/// One step of a schedule. Calls and uploads are chosen by a number, of those that there are.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Acquire,
    /// So many calls, one after the other, that end at once.
    Calls(usize, Outcome),
    Settle(usize, Outcome),
    Drop(usize),
    Answered(usize),
    Uploading(usize),
    Sent(usize),
    Advance(Span),
    Fail,
    MoveTo(CircuitState),
    OpenFor(Duration),
    Reset,
}

/// A length of time, by itself or of what the circuit was built with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Span {
    Nanos(u64),
    /// A sixteenth of the window, so many times, and so many nanoseconds more.
    Sixteenths(u32, u32),
    /// The threshold of a slow call, and so many nanoseconds more.
    Threshold(u32),
    /// The time of the probes, and so many milliseconds more.
    ProbeWait(u32),
    /// What is left of the time that it is open for, and so many milliseconds more.
    Rest(u32),
    /// So many hours, where its counters can tell that from a moment: those of the shortest windows turn after days.
    Hours(u32),
}

impl Setup {
    pub(crate) fn builder(&self) -> CircuitBuilder {
        let share = |percent| f64::from(percent) / 100.0;
        let backoff = match self.longest_wait {
            None => Backoff::fixed(self.wait),
            Some(longest) => Backoff::exponential(self.wait, longest).with_jitter(Jitter::None),
        };
        let mut builder = Circuit::builder("oracle")
            .window(self.window)
            .minimum_calls(self.minimum)
            .cancelled(self.cancelled)
            .open_for(backoff)
            .probes(self.probes)
            .probe_wait(self.probe_wait);
        builder = match self.failure_percent {
            Some(percent) => builder.failure_rate(share(percent)),
            None => builder.without_failure_rate(),
        };
        if let Some((above, percent)) = self.slow {
            builder = builder.slow_calls(above, share(percent));
        }
        if let Some(failures) = self.consecutive {
            builder = builder.consecutive_failures(failures);
        }
        builder
    }

    /// How long a span is, where what is left of the open time is `rest`.
    pub(crate) fn length(&self, span: Span, rest: Duration) -> Duration {
        let millis = |more: u32| Duration::from_millis(u64::from(more));
        let nanos = |more: u32| Duration::from_nanos(u64::from(more));
        match (span, self.window) {
            (Span::Nanos(length), _) => Duration::from_nanos(length),
            (Span::Sixteenths(times, more), Window::Time(window)) => {
                window / 16 * times + nanos(more)
            }
            (Span::Sixteenths(_, more), Window::Count(_)) => nanos(more),
            (Span::Threshold(more), _) => {
                self.slow.map_or(Duration::ZERO, |slow| slow.0) + nanos(more)
            }
            (Span::ProbeWait(more), _) => self.probe_wait + millis(more),
            (Span::Rest(more), _) => rest + millis(more),
            (Span::Hours(hours), _) => {
                let window = match self.window {
                    Window::Time(window) => window,
                    Window::Count(_) => Duration::MAX,
                };
                let above = self.slow.map_or(Duration::MAX, |slow| slow.0);
                // A quarter of a turn, so that several of them are none either.
                let most = (window / 16).saturating_mul(1 << 26);
                let most = most.min((above / 16).saturating_mul(1 << 30));
                most.min(Duration::from_secs(3600) * hours)
            }
        }
    }
}

// === what there may be ===

fn span_of(shortest: Duration, longest: Duration) -> impl Strategy<Value = Duration> + Clone {
    let nanos = |span: Duration| u64::try_from(span.as_nanos()).unwrap();
    prop_oneof![
        Just(shortest),
        (nanos(shortest)..=nanos(longest)).prop_map(Duration::from_nanos),
        (nanos(shortest)..=nanos(longest))
            .prop_map(|nanos| Duration::from_millis(nanos / 1_000_000)),
    ]
}

pub(crate) fn setups() -> impl Strategy<Value = Setup> {
    let (milli, second) = (Duration::from_millis(1), Duration::from_secs(1));
    let window = prop_oneof![
        (1..=12_u32).prop_map(Window::Count),
        span_of(10 * milli, 20 * second).prop_map(Window::Time),
        Just(Window::Time(24 * 3600 * second)),
    ];
    let slow = (span_of(milli, 2 * second), 1..=100_u32);
    let cancelled = prop_oneof![
        Just(Cancelled::Ignored),
        span_of(milli, second).prop_map(Cancelled::FailedAfter),
    ];
    let waits = (1..=5_000_u64, weighted(0.5, 1..=20_u32));
    let probing = (1..=5_u32, span_of(milli, 5 * second));
    (
        window,
        1..=8_u32,
        weighted(0.7, 1..=100_u32),
        weighted(0.6, slow),
        weighted(0.3, 1..=5_u32),
        cancelled,
        waits,
        probing,
    )
        .prop_map(
            |(window, minimum, failure, slow, consecutive, cancelled, waits, probing)| {
                let none = slow.is_none() && consecutive.is_none();
                let wait = Duration::from_millis(waits.0);
                Setup {
                    window,
                    minimum,
                    // It must be able to open somehow.
                    failure_percent: failure.or(none.then_some(50)),
                    slow,
                    consecutive,
                    cancelled,
                    wait,
                    longest_wait: waits.1.map(|times| wait * times),
                    probes: probing.0,
                    probe_wait: probing.1,
                }
            },
        )
}

fn outcomes() -> impl Strategy<Value = Outcome> + Clone {
    let retry_after = weighted(0.7, (0..=400_000_u64).prop_map(Duration::from_millis));
    prop_oneof![
        5 => Just(Outcome::Success),
        5 => Just(Outcome::Failure),
        2 => Just(Outcome::Ignore),
        1 => retry_after.prop_map(|retry_after| Outcome::Overload { retry_after }),
    ]
}

fn states() -> impl Strategy<Value = CircuitState> {
    prop_oneof![
        Just(CircuitState::Closed),
        Just(CircuitState::Open),
        Just(CircuitState::HalfOpen),
        Just(CircuitState::ForcedOpen),
        Just(CircuitState::Disabled),
        Just(CircuitState::MetricsOnly),
    ]
}

fn spans() -> impl Strategy<Value = Span> {
    prop_oneof![
        2 => prop_oneof![Just(0), Just(1), 0..2_000_000_u64].prop_map(Span::Nanos),
        4 => (0..3_000_000_000_u64).prop_map(Span::Nanos),
        1 => (1..=24 * 60_u32).prop_map(Span::Hours),
        4 => (0..=17_u32, 0..=1_u32).prop_map(|(times, more)| Span::Sixteenths(times, more)),
        3 => (0..=1_u32).prop_map(Span::Threshold),
        2 => (0..=1_u32).prop_map(Span::ProbeWait),
        5 => (0..=1_u32).prop_map(Span::Rest),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    let any = any::<prop::sample::Index>().prop_map(|index| index.index(1 << 16));
    prop_oneof![
        14 => Just(Step::Acquire),
        6 => (1..=8_usize, outcomes()).prop_map(|(calls, outcome)| Step::Calls(calls, outcome)),
        12 => (any.clone(), outcomes()).prop_map(|(index, outcome)| Step::Settle(index, outcome)),
        3 => any.clone().prop_map(Step::Drop),
        3 => any.clone().prop_map(Step::Answered),
        3 => any.clone().prop_map(Step::Uploading),
        3 => any.prop_map(Step::Sent),
        12 => spans().prop_map(Step::Advance),
        2 => Just(Step::Fail),
        2 => states().prop_map(Step::MoveTo),
        1 => span_of(Duration::ZERO, Duration::from_secs(20)).prop_map(Step::OpenFor),
        1 => Just(Step::Reset),
    ]
}

pub(crate) fn schedules() -> impl Strategy<Value = Vec<Step>> {
    vec(steps(), 1..120)
}
