//! The pass in which allocations are counted, by the allocator of this process; no time is taken.

use allocation_counter::measure as counted;

use crate::Args;
use crate::case::{Case, Lane};
use crate::counts::Count;
use crate::group::{Samples, prepare};

/// Operations of the pass, at least.
const COUNTED: u64 = 512;

/// Warms all cases, and counts each: what is counted is told on the standard output.
pub(crate) fn measure(title: &str, cases: &mut [Case], warm: u64, _args: &Args) -> Vec<Samples> {
    let mut all = Vec::with_capacity(cases.len());
    for case in cases {
        // Without a time: whoever prints one from here prints that it is none.
        all.push(prepare(case, warm));
        if let Some(lane) = case.lanes.first_mut() {
            println!("{}", count(lane, warm).line(title, &case.name));
        }
    }
    all
}

/// Allocations and bytes of a lane, on this thread.
fn count(lane: &mut Lane, warm: u64) -> Count {
    let operations = warm.max(COUNTED);
    // One pass that is thrown away: what a pool of tokens has evicted since is brought back.
    lane.run(warm);
    let info = counted(|| {
        lane.run(operations);
    });
    Count {
        operations,
        allocations: info.count_total,
        bytes: info.bytes_total,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allocations_are_those_of_the_operation() {
        let mut lane = Lane::repeat(|| Box::new([0_u8; 40]));
        let count = count(&mut lane, 64);
        assert_eq!(count.each(), (1.0, 40.0));
    }
}
