//! The questions: one table each.

use std::time::Instant;

use portcullis_bench_harness::{Args, Case, Group, Lane, Report};

use crate::ours::{self, Set};
use crate::peers::{self, tower_resilience};
use crate::service::{Fails, Form, Inner, Must, filled_lane, lane};

pub(crate) const BARE: &str = "bare service";
pub(crate) const CLOCK: &str = "a clock read alone";

/// How many calls a time window holds.
pub(crate) const RECORDS: [u64; 3] = [100, 1_000, 10_000];

/// The usual numbers of everybody, and calls that come to what they must.
pub(crate) fn usual(args: &Args, form: Form, must: Must) -> Option<Report> {
    let title = match must {
        Must::Pass(Fails::Never) => format!("Closed, nothing fails, {form}"),
        Must::Pass(Fails::Hundredth) => format!("Closed, 1 % fails, {form}"),
        Must::BeRefused => format!("Open, {form}"),
    };
    let mut sets = vec![ours::COUNT, ours::COUNT_HTTP];
    if matches!(must, Must::Pass(_)) {
        sets.extend([ours::COUNT_SLOW, ours::OF_TIME, ours::OF_TIME_SLOW]);
    }
    let group = group(&title, form, must, &sets).note(note(form, must));
    let group = peers::cases(form, must, BARE)
        .into_iter()
        .fold(group, Group::case);
    run(args, &title, group)
}

/// Calls that took too long are counted as well.
pub(crate) fn slow(args: &Args, form: Form) -> Option<Report> {
    let (title, must) = (
        format!("Closed, slow calls on, {form}"),
        Must::Pass(Fails::Never),
    );
    let sets = [ours::COUNT_SLOW, ours::COUNT_SLOW_HTTP];
    let none = "has no slow calls";
    let group = group(&title, form, must, &sets)
        .against(tower_resilience::SLOW)
        .note("A call reads the clock when it begins and when it ends.")
        .case(tower_resilience::slow(form, must, BARE))
        .case(Case::absent("failsafe", none))
        .case(Case::absent("recloser", none));
    run(args, &title, group)
}

/// The window is one of time, and holds so many calls.
pub(crate) fn timed(args: &Args, records: u64) -> Option<Report> {
    let title = format!("Time window with {records} calls in it, 1 thread");
    let none = "has no window of time in which calls are counted";
    let group = Group::new(&title)
        .against(tower_resilience::TIME)
        .note("A tenth less to a tenth more. The window is emptied and filled again between, which is not timed.")
        .case(Case::new(BARE, 1, || {
            filled_lane(records, async || (), Inner::new(Form::Threads(1)))
        }))
        .case(clock())
        .case(ours::OF_TIME.filled(records, BARE))
        .case(ours::OF_TIME_SLOW.filled(records, BARE))
        .case(tower_resilience::timed(records, BARE))
        .case(Case::absent("failsafe", none))
        .case(Case::absent("recloser", none));
    run(args, &title, group)
}

/// The bare service, the clock, and ours.
fn group(title: &str, form: Form, must: Must, sets: &[Set]) -> Group {
    // Nothing is in front of the bare service that could refuse.
    let passing = match must {
        Must::BeRefused => Must::Pass(Fails::Never),
        passing @ Must::Pass(_) => passing,
    };
    let bare = Case::new(BARE, form.lanes(), || lane(form, passing, Inner::new(form)));
    let group = Group::new(title).against(tower_resilience::NAME).case(bare);
    let group = match form {
        Form::Threads(1) => group.case(clock()),
        _ => group,
    };
    sets.iter()
        .fold(group, |group, set| group.case(set.case(form, must, BARE)))
}

fn clock() -> Case {
    Case::new(CLOCK, 1, || Lane::repeat(Instant::now))
}

fn note(form: Form, must: Must) -> &'static str {
    match (form, must) {
        (Form::Tasks, _) => {
            "Every call is pending once, so that calls overlap. The time is that of all calls, divided by their number. Allocations are counted with all tasks on one thread."
        }
        (_, Must::BeRefused) => {
            "A refusal may cost less than the service that is not called: less than nothing is added. `failsafe` and \
             `recloser` are given a future that has not called the service yet."
        }
        (_, Must::Pass(Fails::Hundredth)) => "Every hundredth call ends in an error.",
        _ => "",
    }
}

fn run(args: &Args, title: &str, group: Group) -> Option<Report> {
    args.wants(title).then(|| group.run(args))
}
