//! What the operating system allows a process.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Enough for the crowd: of what a gateway may open it gives a part to its clients.
const WANTED: u64 = 32_768;

/// Raises the number of files that may be open to what is wanted, or else to what is allowed at all, for this process
/// and those it starts. Returns the number.
pub(crate) fn raise_open_files() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let allowed = limit.maximum.unwrap_or(u64::MAX);
    // Above what is allowed only where this process may change that.
    for most in [allowed.max(WANTED), allowed] {
        let raised = Rlimit {
            current: Some(most.min(WANTED.max(limit.current.unwrap_or(WANTED)))),
            maximum: limit.maximum.map(|_| most),
        };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            break;
        }
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
