//! When a stream has to end although neither side has ended it.

use std::time::Duration;

use portcullis_auth::{Ended, StandingWatch};
use portcullis_core::{Identity, UnixTime};
use tokio::time::Instant;

use super::exchange::Cause;

/// When the streams of a caller have to end: they were let in by a token, and it does not last for ever.
#[derive(Clone, Debug)]
pub(super) struct StreamEnd {
    expires: Option<Instant>,
    looks: Option<Looks>,
}

/// What a caller who streams is looked at by.
#[derive(Clone, Debug)]
pub(super) struct Looks {
    pub(super) watch: StandingWatch,
    /// As often as what is known of revocations may be old.
    pub(super) every: Duration,
}

/// What an answer may still take that begins only after the end.
const LATE_ANSWER: Duration = Duration::from_secs(10);

// === impl StreamEnd ===

impl StreamEnd {
    /// The end of the streams of `identity`: the expiry of the token, and the leeway of its issuer; or before
    /// that, when a look finds that the token was revoked. `None` if nothing but the two sides ends them: for
    /// a token that nobody looks at, with no expiry, or one later than any clock can say.
    pub(super) fn of(
        identity: &Identity,
        looks: Option<Looks>,
        leeway: Duration,
        now: Instant,
        wall: UnixTime,
    ) -> Option<Self> {
        let expires = identity.expires_at().and_then(|expires_at| {
            let left = (expires_at + leeway).since(wall);
            now.checked_add(left)
        });
        (expires.is_some() || looks.is_some()).then_some(Self { expires, looks })
    }

    /// When the token ends what began at `began`. An answer that the upstream gave too late for its own good
    /// is not cut off at once: nobody could use it then, and the request was admitted.
    pub(super) fn at(&self, began: Instant) -> Option<Instant> {
        let expires = self.expires?;
        Some(if began < expires {
            expires
        } else {
            began + LATE_ANSWER
        })
    }

    /// When to look next, after the last look or the beginning.
    pub(super) fn next_look(&self, last: Instant) -> Option<Instant> {
        Some(last + self.looks.as_ref()?.every)
    }

    /// Looks at the caller, and says as what the stream has to end, if it has.
    pub(super) fn look(&self) -> Option<Cause> {
        match self.looks.as_ref()?.watch.look() {
            Ok(()) => None,
            Err(Ended::Unknown(_)) => Some(Cause::Uncertain),
            // Revoked; or of a kind that cannot be, which was not let in.
            Err(_) => Some(Cause::Revoked),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use portcullis_auth::{Standing, StandingView};
    use portcullis_core::{IdentityParts, OutageCause, Provenance};

    use super::*;

    struct Says(Standing);

    impl StandingView for Says {
        fn standing(&self, _: &Identity) -> Standing {
            self.0
        }
    }

    fn until(expires_at: Option<u64>) -> Identity {
        let mut parts = IdentityParts::new("https://idp.example.com");
        parts.expires_at = expires_at.map(UnixTime::from_secs);
        Identity::new(parts, Provenance::Fresh)
    }

    #[test]
    fn a_stream_ends_at_the_expiry_of_its_token_and_the_leeway() {
        let now = Instant::now();
        let leeway = Duration::from_secs(30);
        let of = |expires_at, wall| {
            let wall = UnixTime::from_secs(wall);
            StreamEnd::of(&until(expires_at), None, leeway, now, wall).map(|end| end.at(now))
        };
        let after = |seconds| Some(Some(now + Duration::from_secs(seconds)));
        for (expires_at, wall, ends) in [
            (Some(1_000), 400, after(630)),
            (Some(1_000), 1_000, after(30)),
            (Some(1_000), 1_029, after(1)),
            // Cannot be: it would not have been admitted. But nobody is surprised.
            (Some(1_000), 1_030, Some(Some(now + LATE_ANSWER))),
            (Some(1_000), 9_999, Some(Some(now + LATE_ANSWER))),
            (None, 400, None),
            (Some(u64::MAX), 400, None),
        ] {
            assert_eq!(of(expires_at, wall), ends, "{expires_at:?} at {wall}");
        }
    }

    #[test]
    fn an_answer_that_begins_after_the_end_may_still_be_given() {
        let now = Instant::now();
        let end = StreamEnd {
            expires: Some(now + Duration::from_secs(5)),
            looks: None,
        };
        let late = now + Duration::from_secs(7);
        assert_eq!(end.at(late), Some(late + LATE_ANSWER));
    }

    #[test]
    fn a_look_tells_who_was_revoked_from_whom_nobody_knows() {
        let stale = Standing::Unknown {
            cause: OutageCause::RevocationStale,
            overdue: Duration::ZERO,
        };
        for (standing, cause) in [
            (Standing::Good, None),
            (Standing::Revoked, Some(Cause::Revoked)),
            (stale, Some(Cause::Uncertain)),
        ] {
            let looks = Looks {
                watch: StandingWatch::new(Arc::new(Says(standing)), until(None)),
                every: Duration::from_secs(2),
            };
            let now = Instant::now();
            let wall = UnixTime::from_secs(0);
            let end = StreamEnd::of(&until(None), Some(looks), Duration::ZERO, now, wall).unwrap();
            assert_eq!(end.at(now), None, "a token without an expiry");
            assert_eq!(end.next_look(now), Some(now + Duration::from_secs(2)));
            assert_eq!(end.look(), cause);
        }
    }
}
