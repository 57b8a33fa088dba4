//! The lines that a run prints and ends with.

use std::fmt::{self, Write as _};
use std::time::Duration;

/// Budget lines, kept until the end of the run; and whether a promise was broken, which is no matter of degree.
#[derive(Debug, Default)]
pub(crate) struct Budgets {
    lines: String,
    broken: Vec<String>,
}

/// Spans, sorted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spans(Vec<Duration>);

// === impl Budgets ===

impl Budgets {
    /// A span that must not be longer than `limit`.
    pub(crate) fn span(&mut self, name: &str, measured: Duration, limit: Duration) {
        let verdict = verdict(measured <= limit);
        let (measured, limit) = (millis(measured), millis(limit));
        self.line(format_args!(
            "budget {name}: {measured} ≤ {limit} {verdict}"
        ));
    }

    /// A figure that must not be more than `limit`.
    pub(crate) fn at_most(&mut self, name: &str, measured: f64, limit: f64, unit: &str) {
        let verdict = verdict(measured <= limit);
        self.line(format_args!(
            "budget {name}: {measured:.2} {unit} ≤ {limit:.2} {unit} {verdict}"
        ));
    }

    /// A figure that must not be less than `limit`.
    pub(crate) fn at_least(&mut self, name: &str, measured: f64, limit: f64, unit: &str) {
        let verdict = verdict(measured >= limit);
        self.line(format_args!(
            "budget {name}: {measured:.3} {unit} ≥ {limit:.3} {unit} {verdict}"
        ));
    }

    /// Something that is so or not.
    pub(crate) fn fact(&mut self, name: &str, said: &str, holds: bool) {
        let verdict = verdict(holds);
        self.line(format_args!("budget {name}: {said} {verdict}"));
    }

    /// A promise that was broken, or a measurement that was none: the run fails.
    pub(crate) fn must(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.broken.push(otherwise());
        }
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.broken.is_empty()
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        // Writing into a string does not fail.
        let _ = writeln!(self.lines, "{line}");
    }
}

impl fmt::Display for Budgets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines)?;
        let mut broken = self.broken.iter();
        broken.try_for_each(|what| writeln!(f, "FAILED: {what}"))
    }
}

const fn verdict(kept: bool) -> &'static str {
    if kept { "ok" } else { "MISS" }
}

// === impl Spans ===

impl FromIterator<Duration> for Spans {
    fn from_iter<I: IntoIterator<Item = Duration>>(spans: I) -> Self {
        let mut all: Vec<_> = spans.into_iter().collect();
        all.sort_unstable();
        Self(all)
    }
}

impl Spans {
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The least span that so many thousandths of all do not exceed; zero of none.
    pub(crate) fn permille(&self, share: usize) -> Duration {
        let place = (self.0.len() * share).div_ceil(1000).max(1) - 1;
        self.0.get(place).copied().unwrap_or_default()
    }

    pub(crate) fn longest(&self) -> Duration {
        self.permille(1000)
    }
}

/// A span in milliseconds, to be read.
pub(crate) fn millis(span: Duration) -> String {
    format!("{:.1} ms", span.as_secs_f64() * 1e3)
}

/// A span in microseconds, to be read.
pub(crate) fn micros(span: Duration) -> String {
    format!("{:.2} µs", span.as_secs_f64() * 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_of_all_and_none_has_none() {
        let spans: Spans = (1..=100).rev().map(Duration::from_millis).collect();
        assert_eq!(spans.permille(500), Duration::from_millis(50));
        assert_eq!(spans.permille(990), Duration::from_millis(99));
        assert_eq!(spans.longest(), Duration::from_millis(100));
        assert_eq!(Spans::default().longest(), Duration::ZERO);
    }

    #[test]
    fn a_promise_that_was_broken_is_told_beside_the_budgets() {
        let mut budgets = Budgets::default();
        budgets.span("a", Duration::from_millis(3), Duration::from_millis(2));
        assert!(budgets.is_sound());
        budgets.must(false, || "too few".to_owned());
        let said = budgets.to_string();
        assert_eq!(said, "budget a: 3.0 ms ≤ 2.0 ms MISS\nFAILED: too few\n");
    }
}
