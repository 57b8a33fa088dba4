//! The other crates, each set up as its documentation shows, with numbers like ours where it has them: half of a
//! hundred calls.

use portcullis_bench_harness::Case;

use crate::service::{Form, Must};

pub(crate) mod failsafe;
pub(crate) mod recloser;
pub(crate) mod tower_resilience;

/// All of them, the one that the others are compared with first.
pub(crate) fn cases(form: Form, must: Must, base: &str) -> [Case; 4] {
    [
        tower_resilience::counted(form, must, base),
        failsafe::usual(form, must, base),
        failsafe::consecutive(form, must, base),
        recloser::case(form, must, base),
    ]
}
