//! What is told of a request: to the observer, to the log, to the layers outside.

use http::{Extensions, StatusCode};
use portcullis_core::{Observer, Refusal, RequestContext, VerdictEvent, VerdictOutcome};
use tracing::level_filters::LevelFilter;

/// Tells of a request that is answered with `refusal`.
#[inline]
pub(crate) fn refused<O: Observer>(
    observer: &O,
    extensions: &Extensions,
    event: VerdictEvent<'_>,
    refusal: &Refusal,
) {
    let status = refusal.status();
    observer.verdict(&event.refused(status));
    if LevelFilter::current() >= LevelFilter::DEBUG {
        log(event.outcome, event.reason, status);
    }
    if let Some(context) = RequestContext::find(extensions) {
        context.set_verdict(event.reason);
        context.note_refusal();
    }
}

#[cold]
fn log(outcome: VerdictOutcome, reason: &'static str, status: StatusCode) {
    tracing::debug!(
        target: "portcullis::auth",
        outcome = outcome.as_str(),
        reason,
        status = status.as_u16(),
        "refused"
    );
}

/// Leaves the reason of a request that is passed on, for the outermost layer to read.
#[inline]
pub(crate) fn note(extensions: &Extensions, reason: &'static str) {
    if let Some(context) = RequestContext::find(extensions) {
        context.set_verdict(reason);
    }
}
