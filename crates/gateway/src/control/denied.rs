//! Why a control request is refused.

use std::sync::LazyLock;
use std::time::Duration;

use http::HeaderValue;
use portcullis_core::{Refusal, RefusalKind};

/// Why a control request is refused.
///
/// | reason | HTTP | of what |
/// |---|---|---|
/// | `unclear_request` | 400 | anything but one JSON object that names one thing |
/// | `not_authorized` | 401 | no token and no key, or none that counts here |
/// | `insufficient_scope` | 403 | a token without the scope |
/// | `no_route` | 404 | another path |
/// | `method_not_allowed` | 405 | anything but POST |
/// | `request_timeout` | 408 | a body that does not come |
/// | `body_too_large` | 413 | a body that is too large, or broken off |
/// | `unknown_host` | 421 | a name that was not configured |
/// | `too_many_requests` | 429 | more than the limits admit |
/// | `token_undecided` | 503 | a token that cannot be judged now; the key works |
/// | `not_recorded` | 503 | the store did not take it: nothing was done |
/// | `outcome_unknown` | 503 | the store did not answer: ask for the same again |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denied {
    Body,
    Stranger,
    Scope,
    Path,
    Method,
    Slow,
    TooLarge,
    Host,
    TooMany,
    NoVerdict,
    NotRecorded,
    OutcomeUnknown,
}

static REFUSALS: LazyLock<[Refusal; 12]> = LazyLock::new(|| {
    use Denied::{
        Body, Host, Method, NoVerdict, NotRecorded, OutcomeUnknown, Path, Scope, Slow, Stranger,
        TooLarge, TooMany,
    };
    [
        Body,
        Stranger,
        Scope,
        Path,
        Method,
        Slow,
        TooLarge,
        Host,
        TooMany,
        NoVerdict,
        NotRecorded,
        OutcomeUnknown,
    ]
    .map(Denied::prepare)
});

// === impl Denied ===

impl Denied {
    pub(super) fn refusal(self) -> &'static Refusal {
        // In the order of the enum.
        &REFUSALS[self as usize]
    }

    fn prepare(self) -> Refusal {
        use RefusalKind::{
            BadRequest, ContentTooLarge, Forbidden, MethodNotAllowed, Misdirected, NotFound,
            RequestTimeout, TooManyRequests, Unauthenticated, Unavailable,
        };
        let of = |kind, reason, detail| Refusal::builder(kind, reason).detail(detail);
        let challenge = |text| HeaderValue::from_static(text);
        let second = Duration::from_secs(1);
        match self {
            Self::Body => of(
                BadRequest,
                "unclear_request",
                "One JSON object that names one thing is wanted.",
            )
            .build(),
            Self::Stranger => of(
                Unauthenticated,
                "not_authorized",
                "A token with the right scope, or the key, is wanted.",
            )
            .challenge(challenge("Bearer"))
            .build(),
            Self::Scope => of(
                Forbidden,
                "insufficient_scope",
                "The token has not the scope.",
            )
            .challenge(challenge("Bearer error=\"insufficient_scope\""))
            .build(),
            Self::Path => of(
                NotFound,
                "no_route",
                "There is /revoke, /lift and /session.",
            )
            .build(),
            Self::Method => of(MethodNotAllowed, "method_not_allowed", "POST is wanted.").build(),
            Self::Slow => of(RequestTimeout, "request_timeout", "The body did not come.").build(),
            Self::TooLarge => of(
                ContentTooLarge,
                "body_too_large",
                "The body is too large, or was broken off.",
            )
            .build(),
            Self::Host => of(Misdirected, "unknown_host", "This host is not served here.").build(),
            Self::TooMany => of(TooManyRequests, "too_many_requests", "Ask again later.")
                .build()
                .retry_after(second),
            Self::NoVerdict => of(
                Unavailable,
                "token_undecided",
                "The token cannot be judged now.",
            )
            .build()
            .retry_after(second),
            Self::NotRecorded => of(
                Unavailable,
                "not_recorded",
                "The store did not take it: nothing was done.",
            )
            .build()
            .retry_after(second),
            Self::OutcomeUnknown => of(
                Unavailable,
                "outcome_unknown",
                "It may have been done. Ask for the same again.",
            )
            .build()
            .retry_after(second),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_the_status_of_the_table() {
        for (denied, status, reason) in [
            (Denied::Body, 400, "unclear_request"),
            (Denied::Stranger, 401, "not_authorized"),
            (Denied::Scope, 403, "insufficient_scope"),
            (Denied::Path, 404, "no_route"),
            (Denied::Method, 405, "method_not_allowed"),
            (Denied::Slow, 408, "request_timeout"),
            (Denied::TooLarge, 413, "body_too_large"),
            (Denied::Host, 421, "unknown_host"),
            (Denied::TooMany, 429, "too_many_requests"),
            (Denied::NoVerdict, 503, "token_undecided"),
            (Denied::NotRecorded, 503, "not_recorded"),
            (Denied::OutcomeUnknown, 503, "outcome_unknown"),
        ] {
            let refusal = denied.refusal();
            assert_eq!(
                (refusal.status().as_u16(), refusal.reason()),
                (status, reason)
            );
        }
    }
}
