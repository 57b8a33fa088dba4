//! What is told of a request: to the observer, to the log, to the layers outside.

use http::Extensions;
use portcullis_core::{Observer, Refusal, RequestContext, VerdictEvent};

/// Tells of a request that is answered with `refusal`.
pub(crate) fn refused<O: Observer>(
    observer: &O,
    extensions: &Extensions,
    event: VerdictEvent<'_>,
    refusal: &Refusal,
) {
    let status = refusal.status();
    observer.verdict(&event.refused(status));
    tracing::debug!(
        target: "portcullis::auth",
        outcome = event.outcome.as_str(),
        reason = event.reason,
        status = status.as_u16(),
        "refused"
    );
    note(extensions, event.reason);
}

/// Leaves the reason for the outermost layer to read.
#[inline]
pub(crate) fn note(extensions: &Extensions, reason: &'static str) {
    if let Some(context) = RequestContext::find(extensions) {
        context.set_verdict(reason);
    }
}
