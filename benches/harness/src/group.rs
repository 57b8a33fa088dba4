//! Cases that answer the same question, sampled in interleaved rounds.

use std::fmt;

use crate::case::{Case, Tally};
#[cfg(feature = "count")]
use crate::count as pass;
use crate::report::{Report, Row};
#[cfg(not(feature = "count"))]
use crate::time as pass;
use crate::{Args, median, minimum};

/// Operations before anything is measured, so that caches, pools and tables are as in use.
const WARM: u64 = 64;

/// A group of cases.
pub struct Group {
    title: String,
    note: String,
    peer: Option<String>,
    warm: u64,
    cases: Vec<Case>,
}

/// What is remembered of a case while rounds go on.
pub(crate) struct Samples {
    pub(crate) status: u16,
    pub(crate) nanos: Vec<f64>,
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
        let samples = pass::measure(&self.title, &mut self.cases, self.warm, args);
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

    fn report(self, samples: &[Samples], args: &Args) -> Report {
        let position = |name: &str| self.cases.iter().position(|case| case.name == name);
        let peer = self.peer.as_deref().and_then(position);
        let bases: Vec<Option<usize>> = self
            .cases
            .iter()
            .map(|case| case.base.as_deref().and_then(position))
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
            let counts = |of: &Case| args.counts.of(&self.title, &of.name);
            let bare = base.map_or(Some((0.0, 0.0)), |base| counts(&self.cases[base]));
            let counted = counts(case).zip(bare).map(|(own, bare)| {
                let ((allocations, bytes), (bare_allocations, bare_bytes)) = (own, bare);
                (allocations - bare_allocations, bytes - bare_bytes)
            });
            Row {
                name: case.name.clone(),
                absent: case.absent.clone(),
                is_over: base.is_some(),
                status: samples[index].status,
                minimum: minimum(own),
                median: median(own),
                maximum: own.iter().copied().fold(0.0, f64::max),
                added: less(minimum(own), minimum),
                added_median: less(median(own), median),
                times_as_fast: ratios,
                allocations: counted.map(|(allocations, _)| allocations),
                bytes: counted.map(|(_, bytes)| bytes),
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

/// Warms a case and checks its answers.
pub(crate) fn prepare(case: &mut Case, warm: u64) -> Samples {
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
    Samples {
        status: tally.status,
        nanos: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Lane;

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

    #[cfg(not(feature = "count"))]
    #[test]
    fn a_report_has_a_figure_for_each_round_and_none_for_the_absent() {
        let args = Args {
            rounds: 3,
            sample: std::time::Duration::from_micros(50),
            ..Args::default()
        };
        let report = group().run(&args);
        let row = report.row("a").unwrap();
        assert!(row.minimum > 0.0 && row.median >= row.minimum);
        // Nobody counted.
        assert_eq!(row.allocations, None);
        assert!(report.row("c").is_none());
        assert!(report.to_string().contains("`c`: is not there"));
    }

    #[test]
    #[should_panic(expected = "was to be Refused")]
    fn a_case_that_answers_otherwise_is_not_measured() {
        let lane = || {
            Lane::new(|_| Tally {
                status: 200,
                ..Tally::default()
            })
        };
        let group = Group::new("g").case(Case::new("a", 1, lane).refused());
        drop(group.run(&Args::default()));
    }
}
