//! `tracestate`: what each tracing system notes about a trace.

mod fuzz;
pub(in crate::codec) mod list;
mod members;
mod state;

use http::{HeaderMap, HeaderValue};

use super::names::TRACESTATE;
use members::Members;

pub use fuzz::fuzz_tracestate;
pub use state::{BadTraceState, TraceState};

/// What is to be handed on: all lines as one list of at most `most` bytes.
///
/// Whoever breaks a rule is not handed on at all. A header that is a good list is handed on as it is, without a copy;
/// one with blanks, empty members or a key twice is written anew, for those behind us who would not read it.
pub(crate) fn carry(headers: &HeaderMap, most: usize) -> Option<HeaderValue> {
    let all = headers.get_all(&TRACESTATE);
    let mut lines = all.iter();
    let first = lines.next()?;
    let mut members = Members::new();
    members.read(first.as_bytes()).ok()?;
    let mut alone = true;
    for line in lines {
        alone = false;
        members.read(line.as_bytes()).ok()?;
    }
    let length = members.length();
    if alone && length == first.len() && length <= most && length > 0 {
        return Some(first.clone());
    }
    members.fit(most);
    if members.is_empty() {
        return None;
    }
    HeaderValue::try_from(members.join()).ok()
}

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
