//! Cases that answer the same question, sampled in interleaved rounds.

use std::fmt;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use allocation_counter::{measure, opt_out};

use crate::case::{Case, Lane, Tally};
use crate::report::{Report, Row};
use crate::{Args, median, minimum};

/// Operations before anything is measured, so that caches, pools and tables are as in use.
const WARM: u64 = 64;
/// Operations of the counting pass, at least.
const COUNTED: u64 = 512;

/// A group of cases.
pub struct Group {
    title: String,
    note: String,
    peer: Option<String>,
    warm: u64,
    cases: Vec<Case>,
}

/// What is remembered of a case while rounds go on.
struct Samples {
    operations: u64,
    status: u16,
    nanos: Vec<f64>,
}

// === impl Group ===

impl Group {
    /// An empty group.
    #[must_use]
    pub fn new(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            note: String::new(),
            peer: None,
            warm: WARM,
            cases: Vec::new(),
        }
    }

    /// Says below the table what a reader must know.
    #[must_use]
    pub fn note(mut self, note: &str) -> Self {
        self.note = note.to_owned();
        self
    }

    /// The case that all are compared with, round by round.
    #[must_use]
    pub fn against(mut self, peer: &str) -> Self {
        self.peer = Some(peer.to_owned());
        self
    }

    /// How many operations each lane performs before anything is measured, so that every token of
    /// a pool was seen.
    #[must_use]
    pub fn warm(mut self, operations: u64) -> Self {
        self.warm = operations.max(WARM);
        self
    }

    /// Adds a case.
    #[must_use]
    pub fn case(mut self, case: Case) -> Self {
        self.cases.push(case);
        self
    }

    /// Measures, and reports what was found.
    ///
    /// # Panics
    /// If a case answers otherwise than it must: its figures would say nothing.
    #[must_use]
    pub fn run(mut self, args: &Args) -> Report {
        self.keep(&args.case);
        let mut samples: Vec<Samples> = self
            .cases
            .iter_mut()
            .map(|case| prepare(case, self.warm, args.sample))
            .collect();
        for round in 0..args.rounds {
            let mut order: Vec<usize> = (0..self.cases.len()).collect();
            if round % 2 == 1 {
                order.reverse();
            }
            for index in order {
                let (case, samples) = (&mut self.cases[index], &mut samples[index]);
                if case.absent.is_none() {
                    samples.nanos.push(sample(case, samples.operations));
                }
            }
        }
        self.report(&samples, args)
    }

    /// Drops the cases that are not wanted, and keeps what the others are put round.
    fn keep(&mut self, wanted: &str) {
        let named = self.cases.iter().any(|case| case.name == wanted);
        let is_wanted = |case: &Case| case.name == wanted || !named && case.name.contains(wanted);
        let bases: Vec<String> = self
            .cases
            .iter()
            .filter(|case| is_wanted(case))
            .filter_map(|case| case.base.clone())
            .collect();
        self.cases
            .retain(|case| is_wanted(case) || bases.contains(&case.name));
    }

    fn report(mut self, samples: &[Samples], args: &Args) -> Report {
        let position = |name: &str| self.cases.iter().position(|case| case.name == name);
        let peer = self.peer.as_deref().and_then(position);
        let bases: Vec<Option<usize>> = self
            .cases
            .iter()
            .map(|case| case.base.as_deref().and_then(position))
            .collect();
        let allocations: Vec<(f64, f64)> = self
            .cases
            .iter_mut()
            .map(|case| count(case, self.warm))
            .collect();
        let rows = self.cases.iter().enumerate().map(|(index, case)| {
            let own = &samples[index].nanos;
            let base = bases[index];
            let less = |figure: f64, of: fn(&[f64]) -> f64| {
                figure - base.map_or(0.0, |base| of(&samples[base].nanos))
            };
            let ratios = peer.map(|peer| {
                let theirs = samples[peer].nanos.iter();
                let ratios: Vec<f64> = theirs.zip(own).map(|(theirs, own)| theirs / own).collect();
                median(&ratios)
            });
            let (count, bytes) = allocations[index];
            let (base_count, base_bytes) = base.map_or((0.0, 0.0), |base| allocations[base]);
            Row {
                name: case.name.clone(),
                absent: case.absent.clone(),
                is_over: base.is_some(),
                status: samples[index].status,
                minimum: minimum(own),
                median: median(own),
                added: less(minimum(own), minimum),
                added_median: less(median(own), median),
                times_as_fast: ratios,
                allocations: count - base_count,
                bytes: bytes - base_bytes,
            }
        });
        Report {
            rows: rows.collect(),
            title: self.title,
            note: self.note,
            peer: self.peer,
            method: format!(
                "{} interleaved rounds, samples of {} ms",
                args.rounds,
                args.sample.as_millis()
            ),
        }
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("title", &self.title)
            .field("cases", &self.cases)
            .finish_non_exhaustive()
    }
}

/// Warms a case, checks its answers, and finds out how many operations fill a sample.
fn prepare(case: &mut Case, warm: u64, sample: Duration) -> Samples {
    let mut tally = Tally::default();
    for lane in &mut case.lanes {
        tally = lane.run(warm);
        assert!(
            case.expected.holds(tally),
            "`{}` answered {tally:?}, and was to be {:?}",
            case.name,
            case.expected
        );
    }
    (case.once_warm)();
    let operations = case.lanes.first_mut().map_or(1, |lane| fill(lane, sample));
    Samples {
        operations,
        status: tally.status,
        nanos: Vec::new(),
    }
}

/// How many operations take as long as `sample`.
fn fill(lane: &mut Lane, sample: Duration) -> u64 {
    let mut operations = 1;
    loop {
        let took = timed(lane, operations);
        // Two milliseconds are enough to tell; the rest is proportion.
        if took >= sample.min(Duration::from_millis(2)) {
            let each = took.as_secs_f64() / operations as f64;
            return ((sample.as_secs_f64() / each) as u64).max(1);
        }
        operations *= 2;
    }
}

/// One sample of a case: nanoseconds per operation, the mean over its threads.
fn sample(case: &mut Case, operations: u64) -> f64 {
    let threads = case.lanes.len();
    let took: Duration = if let [lane] = case.lanes.as_mut_slice() {
        timed(lane, operations)
    } else {
        let start = Barrier::new(threads);
        thread::scope(|scope| {
            let running: Vec<_> = case
                .lanes
                .iter_mut()
                .map(|lane| {
                    scope.spawn(|| {
                        start.wait();
                        timed(lane, operations)
                    })
                })
                .collect();
            let took = running.into_iter().map(|thread| match thread.join() {
                Ok(took) => took,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            took.sum()
        })
    };
    took.as_secs_f64() * 1e9 / (operations as f64 * threads as f64)
}

/// Times a lane. The allocator is told not to count: what is left of it is one look at a flag.
fn timed(lane: &mut Lane, operations: u64) -> Duration {
    let mut took = Duration::ZERO;
    opt_out(|| {
        let start = Instant::now();
        std::hint::black_box(lane.run(operations));
        took = start.elapsed();
    });
    took
}

/// Allocations and bytes per operation of the first lane, on this thread.
fn count(case: &mut Case, warm: u64) -> (f64, f64) {
    let Some(lane) = case.lanes.first_mut() else {
        return (0.0, 0.0);
    };
    let operations = warm.max(COUNTED);
    // One pass that is thrown away: what a pool of tokens has evicted since is brought back.
    lane.run(warm);
    let info = measure(|| {
        lane.run(operations);
    });
    let per = |total: u64| total as f64 / operations as f64;
    (per(info.count_total), per(info.bytes_total))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group() -> Group {
        let case = |name| Case::new(name, 1, || Lane::repeat(|| ()));
        Group::new("g")
            .against("b")
            .case(case("bare"))
            .case(case("a").over("bare"))
            .case(case("a, cold").over("bare"))
            .case(case("b"))
            .case(Case::absent("c", "is not there"))
    }

    fn kept(wanted: &str) -> Vec<String> {
        let mut group = group();
        group.keep(wanted);
        group.cases.into_iter().map(|case| case.name).collect()
    }

    #[test]
    fn a_name_is_one_case_and_its_base() {
        assert_eq!(kept("a"), ["bare", "a"]);
        assert_eq!(kept("cold"), ["bare", "a, cold"]);
        assert_eq!(kept("b"), ["b"]);
        assert_eq!(kept("").len(), 5);
    }

    #[test]
    fn a_report_has_a_figure_for_each_round_and_none_for_the_absent() {
        let args = Args {
            rounds: 3,
            sample: Duration::from_micros(50),
            ..Args::default()
        };
        let report = group().run(&args);
        let row = report.row("a").unwrap();
        assert!(row.minimum > 0.0 && row.median >= row.minimum);
        assert_eq!(row.allocations, 0.0);
        assert!(report.row("c").is_none());
        assert!(report.to_string().contains("`c`: is not there"));
    }

    #[test]
    #[should_panic(expected = "was to be Refused")]
    fn a_case_that_answers_otherwise_is_not_measured() {
        let lane = || {
            Lane::new(|_| Tally {
                status: 200,
                mixed: false,
            })
        };
        let group = Group::new("g").case(Case::new("a", 1, lane).refused());
        drop(group.run(&Args::default()));
    }

    #[test]
    fn allocations_are_those_of_the_operation() {
        let mut case = Case::new("a", 1, || Lane::repeat(|| Box::new([0_u8; 40])));
        assert_eq!(count(&mut case, WARM), (1.0, 40.0));
    }
}
