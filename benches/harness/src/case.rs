//! One thing that is measured.

use std::fmt;
use std::time::Duration;

/// What one thread does: the closure performs that many operations, and returns how the last of
/// them was answered.
///
/// Timing lies round the call, so whatever the closure does beside the operations must be small
/// against a thousand of them.
pub struct Lane {
    run: Box<dyn FnMut(u64) -> Tally + Send>,
}

/// What became of the operations of one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// The HTTP status of the last answer; zero where an operation has no status.
    pub status: u16,
    /// Whether all answers had the same status.
    pub mixed: bool,
    /// What the operations took, of a lane that takes the time itself since it does other things between them.
    pub took: Option<Duration>,
}

/// A named case of a group: lanes that share the thing under test.
pub struct Case {
    pub(crate) name: String,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) base: Option<String>,
    pub(crate) expected: Expected,
    pub(crate) absent: Option<String>,
    pub(crate) once_warm: Box<dyn Fn()>,
}

/// How the operations of a case must end for its figures to mean anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// No status is looked at.
    Anything,
    /// 200, every time.
    Passed,
    /// Not 2xx, every time.
    Refused,
}

// === impl Tally ===

impl Tally {
    /// Adds one answer.
    #[inline]
    pub fn add(&mut self, status: u16) {
        self.mixed |= self.status != 0 && self.status != status;
        self.status = status;
    }
}

// === impl Lane ===

impl Lane {
    /// A lane of operations that have a status.
    pub fn new(run: impl FnMut(u64) -> Tally + Send + 'static) -> Self {
        Self { run: Box::new(run) }
    }

    /// A lane that calls `operation` again and again; it has no status.
    pub fn repeat<T>(mut operation: impl FnMut() -> T + Send + 'static) -> Self {
        Self::new(move |operations| {
            for _ in 0..operations {
                std::hint::black_box(operation());
            }
            Tally::default()
        })
    }

    pub(crate) fn run(&mut self, operations: u64) -> Tally {
        (self.run)(operations)
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane").finish_non_exhaustive()
    }
}

// === impl Case ===

impl Case {
    /// A case of one lane per thread; `lane` is asked for each.
    pub fn new(name: &str, threads: usize, mut lane: impl FnMut() -> Lane) -> Self {
        Self {
            name: name.to_owned(),
            lanes: (0..threads).map(|_| lane()).collect(),
            base: None,
            expected: Expected::Anything,
            absent: None,
            once_warm: Box::new(|| ()),
        }
    }

    /// A case that cannot be measured, and why: it gets a row of dashes.
    #[must_use]
    pub fn absent(name: &str, reason: &str) -> Self {
        Self {
            absent: Some(reason.to_owned()),
            ..Self::new(name, 0, || Lane::repeat(|| ()))
        }
    }

    /// States the case whose cost is taken off: the bare service this one was put round.
    #[must_use]
    pub fn over(mut self, base: &str) -> Self {
        self.base = Some(base.to_owned());
        self
    }

    /// Calls `then` when the case is warm and nothing of it has been measured.
    #[must_use]
    pub fn once_warm(mut self, then: impl Fn() + 'static) -> Self {
        self.once_warm = Box::new(then);
        self
    }

    /// Every operation must be answered 200.
    #[must_use]
    pub fn passed(mut self) -> Self {
        self.expected = Expected::Passed;
        self
    }

    /// Every operation must be refused.
    #[must_use]
    pub fn refused(mut self) -> Self {
        self.expected = Expected::Refused;
        self
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("name", &self.name)
            .field("lanes", &self.lanes.len())
            .finish_non_exhaustive()
    }
}

// === impl Expected ===

impl Expected {
    pub(crate) fn holds(self, tally: Tally) -> bool {
        match self {
            Self::Anything => true,
            Self::Passed => tally.status == 200 && !tally.mixed,
            Self::Refused => !(200..300).contains(&tally.status) && !tally.mixed,
        }
    }
}
