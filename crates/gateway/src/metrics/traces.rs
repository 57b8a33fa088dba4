//! What the trace layer tells of requests.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use portcullis_core::{Ending, Phase, RequestEnded, Side, StageTimes, TraceEvent, TraceOutcome};

use super::histogram::{FINE, Histogram, Snapshot};

/// The stages of the gateway; the last is for what has no label of its own yet.
const STAGES: [&str; 5] = ["auth", "issuer", "redis", "upstream", "other"];
const FORMATS: [&str; 5] = ["none", "w3c", "b3", "b3multi", "other"];
const OUTCOMES: [TraceOutcome; 4] = [
    TraceOutcome::Continued,
    TraceOutcome::Restarted,
    TraceOutcome::Absent,
    TraceOutcome::Invalid,
];
const ENDS: [Ending; 7] = [
    Ending::Complete,
    Ending::Failed(Phase::Head),
    Ending::Failed(Phase::Body),
    Ending::Cancelled(Phase::Head),
    Ending::Cancelled(Phase::Body),
    Ending::Panicked(Phase::Head),
    Ending::Panicked(Phase::Body),
];

/// What the trace layer tells of requests, where there is one.
#[derive(Debug)]
pub(super) struct Traces {
    in_flight: AtomicI64,
    ends: [AtomicU64; ENDS.len()],
    contexts: [[AtomicU64; OUTCOMES.len()]; FORMATS.len()],
    own: [Histogram; STAGES.len()],
    waiting: [Histogram; STAGES.len()],
}

/// How often, by how far the answer had come.
pub(super) type End = ([&'static str; 2], u64);

// === impl Traces ===

impl Traces {
    pub(super) fn began(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn ended(&self, event: &RequestEnded<'_>) {
        if event.began.side != Side::Server {
            return;
        }
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        if let Some(end) = ENDS.iter().position(|end| *end == event.end) {
            self.ends[end].fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn context(&self, event: &TraceEvent) {
        let format = event.format.unwrap_or(FORMATS[0]);
        let format = FORMATS.iter().position(|known| *known == format);
        let outcome = OUTCOMES.iter().position(|known| *known == event.outcome);
        if let Some(outcome) = outcome {
            let format = format.unwrap_or(FORMATS.len() - 1);
            self.contexts[format][outcome].fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn stage(&self, stage: &StageTimes) {
        let place = STAGES.iter().position(|known| *known == stage.name);
        let place = place.unwrap_or(STAGES.len() - 1);
        self.own[place].observe(stage.own);
        self.waiting[place].observe(stage.waiting());
    }

    /// None while no request came through the layer.
    pub(super) fn in_flight(&self) -> Option<i64> {
        let open = self.in_flight.load(Ordering::Relaxed);
        let any = open != 0 || self.ends().next().is_some();
        any.then_some(open.max(0))
    }

    /// End, phase, and how often.
    pub(super) fn ends(&self) -> impl Iterator<Item = End> {
        let ends = ENDS.iter().zip(&self.ends);
        let rows = ends.map(|(end, count)| {
            let phase = end.phase().map_or("-", Phase::as_str);
            ([end.as_str(), phase], load(count))
        });
        rows.filter(|(_, count)| *count > 0)
    }

    /// Format, outcome, and how often.
    pub(super) fn contexts(&self) -> impl Iterator<Item = ([&'static str; 2], u64)> {
        let rows = FORMATS.iter().zip(&self.contexts);
        let cells = rows.flat_map(|(format, row)| {
            let cells = OUTCOMES.iter().zip(row);
            cells.map(|(outcome, count)| ([*format, outcome.as_str()], load(count)))
        });
        cells.filter(|(_, count)| *count > 0)
    }

    /// Stages with their own time.
    pub(super) fn own(&self) -> impl Iterator<Item = (&'static str, Snapshot)> {
        read(&self.own)
    }

    /// Stages with how much of that they waited.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (&'static str, Snapshot)> {
        read(&self.waiting)
    }
}

impl Default for Traces {
    fn default() -> Self {
        let counts = || std::array::from_fn(|_| AtomicU64::new(0));
        let fine = || std::array::from_fn(|_| Histogram::with(&FINE));
        Self {
            in_flight: AtomicI64::new(0),
            ends: std::array::from_fn(|_| AtomicU64::new(0)),
            contexts: std::array::from_fn(|_| counts()),
            own: fine(),
            waiting: fine(),
        }
    }
}

fn read(stages: &[Histogram]) -> impl Iterator<Item = (&'static str, Snapshot)> {
    let rows = STAGES.iter().zip(stages);
    let rows = rows.map(|(stage, took)| (*stage, took.read()));
    rows.filter(|(_, read)| read.count > 0)
}

fn load(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::Method;
    use portcullis_core::{Protocol, RequestBegan, TraceContext};

    use super::*;

    fn ended(side: Side, end: Ending) -> RequestEnded<'static> {
        let began = RequestBegan::new(side, &Method::GET, Protocol::Http);
        RequestEnded::new(began, TraceContext::root(true), end, Duration::ZERO)
    }

    #[test]
    fn what_began_is_in_flight_until_it_ends_in_one_of_the_ways_there_are() {
        let traces = Traces::default();
        assert_eq!(traces.in_flight(), None);
        for end in ENDS {
            traces.began();
            assert_eq!(traces.in_flight(), Some(1));
            traces.ended(&ended(Side::Server, end));
            assert_eq!(traces.in_flight(), Some(0));
        }
        let ends: Vec<_> = traces.ends().collect();
        assert_eq!(ends.len(), ENDS.len());
        assert!(
            ends.contains(&(["complete", "-"], 1)) && ends.contains(&(["cancelled", "body"], 1))
        );
    }

    #[test]
    fn a_format_and_a_stage_that_nobody_knows_have_a_row_in_common() {
        let traces = Traces::default();
        traces.context(&TraceEvent::new(Some("x"), TraceOutcome::Continued));
        traces.context(&TraceEvent::new(Some("y"), TraceOutcome::Continued));
        traces.context(&TraceEvent::new(None, TraceOutcome::Absent));
        let rows: Vec<_> = traces.contexts().collect();
        assert_eq!(rows, [(["none", "absent"], 1), (["other", "continued"], 2)]);
    }
}
