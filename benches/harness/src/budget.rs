//! The lines a run ends with.

use std::fmt;

use crate::report::Row;

/// Budget lines, kept until the end of the run.
///
/// A budget is held against the least of the interleaved rounds; the median stands beside it.
#[derive(Debug, Default)]
pub struct Budgets {
    lines: Vec<String>,
}

// === impl Budgets ===

impl Budgets {
    /// No lines yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The added time of `row` against `limit` nanoseconds.
    pub fn added(&mut self, name: &str, row: Option<&Row>, limit: f64) {
        let figures = row.map(|row| (row.added, row.added_median));
        self.time(name, figures, limit);
    }

    /// Any nanoseconds, least and median, against `limit`.
    pub fn time(&mut self, name: &str, figures: Option<(f64, f64)>, limit: f64) {
        let Some((minimum, median)) = figures else {
            return;
        };
        let verdict = verdict(minimum <= limit);
        self.lines.push(format!(
            "budget {name}: {minimum:.0} ns (median {median:.0}) ≤ {limit:.0} ns {verdict}"
        ));
    }

    /// The greatest of the rounds of `row`, with nothing taken off, against `limit` nanoseconds.
    pub fn worst(&mut self, name: &str, row: Option<&Row>, limit: f64) {
        let Some(row) = row else {
            return;
        };
        let (worst, verdict) = (row.maximum, verdict(row.maximum <= limit));
        self.lines.push(format!(
            "budget {name}, worst sample: {worst:.0} ns ≤ {limit:.0} ns {verdict}"
        ));
    }

    /// A share in per cent, which must be at least `limit`.
    pub fn share(&mut self, name: &str, measured: f64, limit: f64) {
        let verdict = verdict(measured >= limit);
        self.lines.push(format!(
            "budget {name}: {measured:.2} % ≥ {limit} % {verdict}"
        ));
    }

    /// The added allocations of `row` against `limit`.
    pub fn allocations(&mut self, name: &str, row: Option<&Row>, limit: f64) {
        let Some(row) = row else {
            return;
        };
        let Some(allocations) = row.allocations else {
            self.lines.push(format!(
                "budget {name}, allocations: not counted ≤ {limit:.0} MISS"
            ));
            return;
        };
        // Hundredths: what a table or a queue takes once in a thousand operations is no allocation
        // of the operation, and shows in the row all the same.
        let measured = (allocations * 100.0).round() / 100.0;
        let verdict = verdict(measured <= limit);
        self.lines.push(format!(
            "budget {name}, allocations: {measured:.2} ≤ {limit:.0} {verdict}"
        ));
    }

    /// A factor, by the least and by the median of the rounds, against `limit`.
    pub fn factor(&mut self, name: &str, figures: Option<(f64, f64)>, limit: f64) {
        let Some((minimum, median)) = figures else {
            return;
        };
        let verdict = verdict(minimum <= limit);
        self.lines.push(format!(
            "budget {name}: {minimum:.2} × (median {median:.2}) ≤ {limit} × {verdict}"
        ));
    }
}

impl fmt::Display for Budgets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

fn verdict(kept: bool) -> &'static str {
    if kept { "ok" } else { "MISS" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_decides_and_the_median_is_shown() {
        let mut budgets = Budgets::new();
        budgets.time("a", Some((90.4, 130.0)), 90.0);
        budgets.time("b", Some((90.0, 130.0)), 90.0);
        assert_eq!(
            budgets.to_string(),
            "budget a: 90 ns (median 130) ≤ 90 ns MISS\nbudget b: 90 ns (median 130) ≤ 90 ns ok\n"
        );
    }

    #[test]
    fn what_was_not_measured_has_no_line() {
        let mut budgets = Budgets::new();
        budgets.added("a", None, 1.0);
        budgets.factor("b", None, 1.0);
        assert!(budgets.to_string().is_empty());
    }
}
