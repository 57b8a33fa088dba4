//! How many tests ran, read from what the test runners print.

use std::fmt;
use std::ops::AddAssign;

/// Tests that ran. Displayed as the closing line of `cargo xtask test`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

/// Whose output is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runner {
    /// `cargo nextest run`: one summary for the whole run.
    Nextest,
    /// `cargo test`: one result for each test binary, and for the doc tests of each crate.
    Libtest,
}

/// A reader of one run's output.
#[derive(Debug)]
pub(crate) struct Count {
    runner: Runner,
    tally: Tally,
}

// === impl Tally ===

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

// === impl Count ===

impl Count {
    pub(crate) fn new(runner: Runner) -> Self {
        Self {
            runner,
            tally: Tally::default(),
        }
    }

    /// Takes note of one line, without its line break and colours.
    pub(crate) fn read(&mut self, line: &str) {
        match self.runner {
            // The last one counts: should a test print a summary of its own, the runner's still comes after it.
            Runner::Nextest => self.tally = nextest_summary(line).unwrap_or(self.tally),
            Runner::Libtest => self.tally += libtest_result(line).unwrap_or_default(),
        }
    }

    /// What was counted, given how the run ended. A run that failed without naming a failed test (it did not compile,
    /// it crashed) counts as one failure: no closing line may look better than what happened.
    pub(crate) fn finish(self, ended_well: bool) -> Tally {
        let unnamed = u64::from(!ended_well && self.tally.failed == 0);
        Tally {
            failed: self.tally.failed + unnamed,
            ..self.tally
        }
    }
}

/// Reads `Summary [   0.1s] 5/6 tests run: 4 passed (1 slow), 1 failed, 1 skipped`.
fn nextest_summary(line: &str) -> Option<Tally> {
    let rest = line.trim_start().strip_prefix("Summary [")?;
    let (ran, counts) = rest.split_once("] ")?.1.split_once(" run: ")?;
    if !ran.ends_with("test") && !ran.ends_with("tests") {
        return None;
    }
    let mut tally = Tally::default();
    for (number, word) in counted(&without_parentheses(counts), ',') {
        match word {
            "passed" => tally.passed += number,
            "skipped" => {}
            // `failed`, `timed out`, `exec failed`, and whatever else it learns to say that is not a pass.
            _ => tally.failed += number,
        }
    }
    Some(tally)
}

/// Reads `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s`.
fn libtest_result(line: &str) -> Option<Tally> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut tally = Tally::default();
    for (number, word) in counted(counts, ';') {
        match word {
            "passed" => tally.passed += number,
            "failed" => tally.failed += number,
            _ => {}
        }
    }
    Some(tally)
}

/// Splits `4 passed, 1 timed out` into numbers and what they count.
fn counted(counts: &str, separator: char) -> impl Iterator<Item = (u64, &str)> {
    counts.split(separator).filter_map(|part| {
        let (number, word) = part.trim().split_once(' ')?;
        Some((number.parse().ok()?, word.trim()))
    })
}

/// Drops the remarks: they count what is counted already, and have commas of their own.
fn without_parentheses(text: &str) -> String {
    let mut depth = 0_u32;
    text.chars()
        .filter(|&char| {
            match char {
                '(' => depth += 1,
                ')' => {
                    depth = depth.saturating_sub(1);
                    return false;
                }
                _ => {}
            }
            depth == 0
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(passed: u64, failed: u64) -> Tally {
        Tally { passed, failed }
    }

    #[test]
    fn summaries_of_nextest_are_counted() {
        for (line, expected) in [
            (
                "     Summary [   0.005s] 1 test run: 1 passed, 0 skipped",
                tally(1, 0),
            ),
            (
                "     Summary [  12.345s] 120 tests run: 120 passed (2 slow, 1 leaky), 3 skipped",
                tally(120, 0),
            ),
            (
                "     Summary [   0.1s] 5/9 tests run: 3 passed, 1 failed, 1 timed out, 4 skipped",
                tally(3, 2),
            ),
            (
                "     Summary [   0.1s] 3 tests run: 1 passed, 1 failed (1 due to being leaky), 1 exec failed, 0 skipped",
                tally(1, 2),
            ),
            (
                "     Summary [   0.000s] 0 tests run: 0 passed, 0 skipped",
                tally(0, 0),
            ),
        ] {
            assert_eq!(nextest_summary(line), Some(expected), "{line}");
        }
    }

    #[test]
    fn results_of_libtest_are_counted() {
        let line = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        assert_eq!(libtest_result(line), Some(tally(3, 0)));
        let line = "test result: FAILED. 7 passed; 2 failed; 0 ignored; 0 measured; 5 filtered out; finished in 1.20s";
        assert_eq!(libtest_result(line), Some(tally(7, 2)));
    }

    #[test]
    fn other_lines_count_for_nothing() {
        for line in [
            "",
            "running 3 tests",
            "test a::b ... ok",
            "Summary [",
            "Summary [1s] 3 files run: 1 passed",
            "test result: ",
        ] {
            assert_eq!(nextest_summary(line), None, "{line}");
            assert_eq!(
                libtest_result(line).unwrap_or_default(),
                Tally::default(),
                "{line}"
            );
        }
    }

    #[test]
    fn output_repeated_by_nextest_is_not_counted_twice() {
        let mut count = Count::new(Runner::Nextest);
        count.read(
            "    test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 3 filtered out",
        );
        count.read("     Summary [   0.1s] 2 tests run: 1 passed, 1 failed, 0 skipped");
        assert_eq!(count.finish(false), tally(1, 1));
    }

    #[test]
    fn results_of_all_binaries_are_summed() {
        let mut count = Count::new(Runner::Libtest);
        count.read("test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out");
        count
            .read("test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out");
        assert_eq!(count.finish(false), tally(4, 1));
    }

    #[test]
    fn a_run_that_fails_without_a_failed_test_counts_as_one_failure() {
        assert_eq!(Count::new(Runner::Nextest).finish(false), tally(0, 1));
        assert_eq!(Count::new(Runner::Libtest).finish(true), tally(0, 0));
    }

    #[test]
    fn the_closing_line_is_plain() {
        assert_eq!(tally(12, 3).to_string(), "12 passed, 3 failed");
    }
}
