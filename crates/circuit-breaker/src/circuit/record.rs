//! What a call that is over says, and what follows from it.

use std::time::Duration;

use portcullis_core::{CircuitEventKind, CircuitState, Clock};

use super::buckets::AtOnce;
use super::cause::Cause;
use super::core::{Core, Outcomes, ROW, ROW_BITS};
use super::tally::{Mark, Tally};
use super::word::{GENERATION_BITS, Probes, Word, is_newer};
use crate::sync::Ordering;

impl<C: Clock> Core<C> {
    // === closed ===

    /// Whether a success of a generation changes nothing: nearly always, where the window is one of calls.
    #[inline(always)]
    pub(super) fn is_steady(&self, generation: u32) -> bool {
        self.settings.consecutive.is_none()
            && self.word().generation() == generation
            && self.outcomes.is_steady(generation)
    }

    /// Counts a call that was watched, did well, and was not slow. In the caller's code is only what nearly always happens.
    #[inline(always)]
    pub(super) fn succeeded(&self, generation: u32, now: u64) {
        let Outcomes::Time(buckets) = &self.outcomes else {
            if !self.is_steady(generation) {
                self.record(generation, Mark::GOOD, None, None);
            }
            return;
        };
        let word = self.word();
        if self.settings.consecutive.is_none() && word.generation() == generation {
            match buckets.add_at_once(generation, now) {
                AtOnce::Clean => return,
                AtOnce::MayBeBad => return self.judge(word, now),
                AtOnce::Not => {}
            }
        }
        self.record(generation, Mark::GOOD, None, Some(now));
    }

    /// A success was counted: of what failed before, it may be what makes enough calls.
    #[inline(never)]
    fn judge(&self, word: Word, now: u64) {
        let tally = self.outcomes.tally(word.generation(), now);
        if !tally.is_clean()
            && let Some(cause) = self.exceeded(tally)
        {
            self.open(word, cause, None);
        }
    }

    /// Counts a call that was admitted in a generation. `now` is for whoever read the clock already.
    #[inline(never)]
    pub(super) fn record(
        &self,
        generation: u32,
        mark: Mark,
        at_least: Option<Duration>,
        now: Option<u64>,
    ) {
        let word = self.word();
        if word.generation() != generation {
            self.came_late();
            return;
        }
        let row = self.settings.consecutive.and_then(|most| {
            let row = self.continue_row(generation, mark.failed());
            (row >= most).then_some(Cause::ConsecutiveFailures)
        });
        let Some(tally) = self
            .outcomes
            .add(generation, mark, || now.unwrap_or_else(|| self.now()))
        else {
            self.came_late();
            return;
        };
        if row.is_none() && tally.is_clean() {
            return;
        }
        if let Some(cause) = self.exceeded(tally).or(row) {
            self.open(word, cause, at_least);
        }
    }

    /// The limit that is reached, if one is.
    #[inline(never)]
    fn exceeded(&self, tally: Tally) -> Option<Cause> {
        if tally.total < self.settings.minimum_calls {
            return None;
        }
        if let Some(rate) = self.settings.failure_rate
            && rate.is_reached(tally.failed, tally.total)
        {
            return Some(Cause::FailureRate);
        }
        let slow = self.settings.slow?;
        slow.rate
            .is_reached(tally.slow, tally.total)
            .then_some(Cause::SlowRate)
    }

    /// Opens the circuit if the calls that hang are, with those that were slow, too many. Whether it did.
    #[cold]
    pub(super) fn opened_by_hanging(&self, word: Word, overdue: u64, now: u64) -> bool {
        let Some(slow) = self.settings.slow else {
            return false;
        };
        let tally = self.outcomes.tally(word.generation(), now);
        let (total, slow_ones) = (tally.total + overdue, tally.slow + overdue);
        if total < self.settings.minimum_calls || !slow.rate.is_reached(slow_ones, total) {
            return false;
        }
        self.open(word, Cause::SlowInFlight, None)
    }

    /// Failures in a row, this one included; zero after a success.
    #[inline]
    fn continue_row(&self, generation: u32, failed: bool) -> u64 {
        let mine = u64::from(generation) << ROW_BITS;
        let mut row = self.row.0.load(Ordering::Acquire);
        loop {
            let held = row >> ROW_BITS;
            let count = if held == u64::from(generation) {
                row & ROW
            } else if is_newer(held as u32, generation, GENERATION_BITS) {
                return 0;
            } else {
                0
            };
            let next = if failed { (count + 1).min(ROW) } else { 0 };
            // A success after successes: nearly always, and nothing is written.
            if row == mine | next || (next == 0 && count == 0) {
                return next;
            }
            match self.row.0.compare_exchange_weak(
                row,
                mine | next,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return next,
                Err(now) => row = now,
            }
        }
    }

    /// Opens a circuit that is closed; says so where it only measures. Whether it was this call that did.
    fn open(&self, word: Word, cause: Cause, at_least: Option<Duration>) -> bool {
        if word.state() == CircuitState::MetricsOnly {
            self.would_open(word.generation(), cause);
            return false;
        }
        let open_for = self.wait(0, at_least);
        let next = word.moved(CircuitState::Open, self.end_of(open_for));
        let won = self.swap(word, next);
        if won {
            self.attempts.store(1, Ordering::Relaxed);
            self.moved(
                CircuitState::Closed,
                CircuitState::Open,
                cause,
                Some(open_for),
            );
        }
        won
    }

    fn would_open(&self, generation: u32, cause: Cause) {
        let bit = 1 << (cause as u32 % 8);
        let mine = generation << 8;
        let mut told = self.told.load(Ordering::Relaxed);
        loop {
            let before = if told & !0xff == mine { told } else { mine };
            if before & bit != 0 {
                return;
            }
            match self.told.compare_exchange_weak(
                told,
                before | bit,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(now) => told = now,
            }
        }
        let cause = cause.as_str();
        self.report(CircuitEventKind::WouldOpen { cause });
    }

    // === half-open ===

    /// A probe is back, with an outcome or with none.
    pub(super) fn probe_back(
        &self,
        generation: u32,
        mark: Option<Mark>,
        uploading: bool,
        answered: bool,
        at_least: Option<Duration>,
    ) {
        let in_time = self.change_probes(generation, at_least, |probes| {
            probes.uploading = probes.uploading.saturating_sub(u8::from(uploading));
            probes.answered = probes.answered.saturating_sub(u8::from(answered));
            match mark {
                // Others may try in its place.
                None => probes.issued = probes.issued.saturating_sub(1),
                Some(mark) => {
                    probes.done += 1;
                    probes.failed += u8::from(mark.failed());
                    probes.slow += u8::from(mark.slow());
                }
            }
        });
        if !in_time && mark.is_some() {
            self.came_late();
        }
    }

    pub(super) fn probe_uploads(&self, generation: u32) {
        self.change_probes(generation, None, |probes| probes.uploading += 1);
    }

    pub(super) fn probe_sent(&self, generation: u32) {
        self.change_probes(generation, None, |probes| {
            probes.uploading = probes.uploading.saturating_sub(1);
        });
    }

    pub(super) fn probe_answered(&self, generation: u32, was_uploading: bool) {
        self.change_probes(generation, None, |probes| {
            probes.answered += 1;
            probes.uploading = probes.uploading.saturating_sub(u8::from(was_uploading));
        });
    }

    /// Changes the probes of a generation, and moves on if they are all back. Whether it is still that generation.
    fn change_probes(
        &self,
        generation: u32,
        at_least: Option<Duration>,
        change: impl Fn(&mut Probes),
    ) -> bool {
        loop {
            let word = self.word();
            if word.generation() != generation {
                return false;
            }
            let mut probes = word.probes();
            change(&mut probes);
            if probes.done >= self.settings.probes {
                if self.decide(word, probes, u64::from(probes.done), at_least) {
                    return true;
                }
            } else if self.swap(word, word.with_probes(probes)) {
                return true;
            }
        }
    }

    /// The time of the probes is over: those that are back decide, and those whose answer has begun are good.
    #[cold]
    pub(super) fn end_probing(&self, word: Word) {
        let probes = word.probes();
        let returned = u64::from(probes.done) + u64::from(probes.answered);
        if returned > 0 {
            self.decide(word, probes, returned, None);
        } else if probes.issued == probes.uploading {
            // None of them is with the dependency: callers hold them. Others get their turn.
            let next = word.moved(CircuitState::HalfOpen, 0);
            if self.swap(word, next) {
                self.begin_probing(next.generation(), self.now_millis());
            }
        } else {
            self.reopen(word, probes, Cause::ProbesHung, None);
        }
    }

    /// Closes or opens by what came back. Whether it was this call that did.
    fn decide(
        &self,
        word: Word,
        probes: Probes,
        returned: u64,
        at_least: Option<Duration>,
    ) -> bool {
        let (failed, slow) = (u64::from(probes.failed), u64::from(probes.slow));
        let too_many_failed = match self.settings.failure_rate {
            Some(rate) => rate.is_reached(failed, returned),
            None => failed > 0,
        };
        if too_many_failed {
            return self.reopen(word, probes, Cause::ProbesFailed, at_least);
        }
        if let Some(limit) = self.settings.slow
            && limit.rate.is_reached(slow, returned)
        {
            return self.reopen(word, probes, Cause::ProbesSlow, at_least);
        }
        let won = self.swap(word, word.moved(CircuitState::Closed, 0));
        if won {
            self.attempts.store(0, Ordering::Relaxed);
            let from = CircuitState::HalfOpen;
            self.moved(from, CircuitState::Closed, Cause::Recovered, None);
        }
        won
    }

    fn reopen(&self, word: Word, probes: Probes, cause: Cause, at_least: Option<Duration>) -> bool {
        let attempt = self.attempts.load(Ordering::Relaxed);
        let open_for = self.wait(attempt, at_least);
        let won = self.swap(word, word.moved(CircuitState::Open, self.end_of(open_for)));
        if won {
            let last = word.with_probes(probes);
            self.decided.store(last.bits(), Ordering::Release);
            self.attempts
                .store(attempt.saturating_add(1), Ordering::Relaxed);
            let from = CircuitState::HalfOpen;
            self.moved(from, CircuitState::Open, cause, Some(open_for));
        }
        won
    }

    /// Half-open began now.
    pub(super) fn begin_probing(&self, generation: u32, now_millis: u64) {
        let since = u64::from(generation) << ROW_BITS | now_millis & ROW;
        self.probing_since.store(since, Ordering::Release);
    }

    /// How long the probes of a generation still have; zero if their time is over.
    pub(super) fn probing_left(&self, generation: u32) -> Duration {
        let now = self.now_millis() & ROW;
        let since = self.probing_since.load(Ordering::Acquire);
        let begun = if since >> ROW_BITS == u64::from(generation) {
            since & ROW
        } else {
            // Whoever moved has not said when yet.
            let mine = u64::from(generation) << ROW_BITS | now;
            let _ = self.probing_since.compare_exchange(
                since,
                mine,
                Ordering::AcqRel,
                Ordering::Relaxed,
            );
            now
        };
        let passed = now.saturating_sub(begun);
        // At its very end it is still half-open.
        let left = self
            .settings
            .probe_wait_millis
            .saturating_add(1)
            .saturating_sub(passed);
        Duration::from_millis(left)
    }

    // === waits ===

    fn wait(&self, attempt: u32, at_least: Option<Duration>) -> Duration {
        let wait = self.settings.open.delay(attempt, &mut fastrand::Rng::new());
        let at_least = at_least.unwrap_or_default().min(OVERLOAD_MOST);
        // Jitter may have made nothing of it.
        wait.max(at_least).max(Duration::from_millis(1))
    }

    /// The millisecond at which what begins now ends.
    pub(super) fn end_of(&self, wait: Duration) -> u64 {
        let up = u64::from(!wait.subsec_nanos().is_multiple_of(1_000_000));
        let millis = u64::try_from(wait.as_millis())
            .unwrap_or(u64::MAX)
            .saturating_add(up);
        self.now_millis().saturating_add(millis.min(YEAR_MILLIS))
    }

    fn came_late(&self) {
        self.late.fetch_add(1, Ordering::Relaxed);
    }
}

/// How long a dependency that has too much to do can keep a circuit open.
const OVERLOAD_MOST: Duration = Duration::from_secs(300);
/// The longest time that the control word tells from one that is over.
const YEAR_MILLIS: u64 = 365 * 24 * 3600 * 1000;
