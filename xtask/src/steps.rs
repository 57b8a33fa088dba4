//! Named steps, each timed; what failed is told again at the end.

use std::time::{Duration, Instant};

/// How a step that did not fail ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    Ok,
    /// Ended well, with something to say in the closing table.
    Said(String),
    Skipped(String),
}

/// A run of steps. A failed step does not keep the next from running: one run tells everything that is wrong.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    done: Vec<Done>,
}

#[derive(Debug)]
struct Done {
    name: &'static str,
    took: Duration,
    ended: Result<Ended, String>,
}

// === impl Steps ===

impl Steps {
    /// Runs one step: prints its name before, and how it ended and how long it took after.
    pub(crate) fn step(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> Result<Ended, String>,
    ) {
        println!("\n== {name}");
        let started = Instant::now();
        let ended = work();
        let done = Done {
            name,
            took: started.elapsed(),
            ended,
        };
        if let Err(why) = &done.ended {
            println!("{why}");
        }
        println!("{}", done.line());
        self.done.push(done);
    }

    /// Prints the table of all steps; an error if one failed.
    pub(crate) fn finish(self) -> Result<(), String> {
        println!();
        for done in &self.done {
            println!("{}", done.line());
        }
        if self.done.iter().any(|done| done.ended.is_err()) {
            Err(String::new())
        } else {
            Ok(())
        }
    }
}

// === impl Done ===

impl Done {
    fn line(&self) -> String {
        let (word, said) = match &self.ended {
            Ok(Ended::Ok) => ("ok", ""),
            Ok(Ended::Said(said)) => ("ok", said.as_str()),
            Ok(Ended::Skipped(why)) => ("skipped", why.as_str()),
            // Told in full when it happened; the table wants one line.
            Err(why) => ("FAILED", why.lines().next().unwrap_or_default()),
        };
        format!(
            "{:<10} {word:<8} {:>7.1} s  {said}",
            self.name,
            self.took.as_secs_f64()
        )
        .trim_end()
        .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_fails_the_run_and_lets_the_rest_run() {
        let mut steps = Steps::default();
        let mut ran = false;
        steps.step("first", || Err("no\ndetails".to_owned()));
        steps.step("second", || {
            ran = true;
            Ok(Ended::Ok)
        });
        assert!(ran);
        assert!(steps.finish().is_err());
    }

    #[test]
    fn a_skipped_step_fails_nothing() {
        let mut steps = Steps::default();
        steps.step("first", || Ok(Ended::Skipped("no network".to_owned())));
        assert_eq!(steps.finish(), Ok(()));
    }

    #[test]
    fn the_table_gives_one_line_a_step() {
        let done = Done {
            name: "clippy",
            took: Duration::from_millis(1260),
            ended: Err("one\ntwo".to_owned()),
        };
        assert_eq!(done.line(), "clippy     FAILED       1.3 s  one");
        let done = Done {
            name: "docs",
            took: Duration::ZERO,
            ended: Ok(Ended::Ok),
        };
        assert_eq!(done.line(), "docs       ok           0.0 s");
    }
}
