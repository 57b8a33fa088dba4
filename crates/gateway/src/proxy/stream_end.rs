//! When a stream has to end although neither side has ended it.

use std::time::Duration;

use portcullis_core::{Identity, UnixTime};
use tokio::time::Instant;

/// When the streams of a caller have to end: they were let in by a token, and it does not last for ever.
///
/// Whatever else ends the streams of a caller (a revocation, say) has its place here:
/// [`at`](StreamEnd::at) says when to look, and an exchange that is open then is ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct StreamEnd {
    expires: Instant,
}

/// What an answer may still take that begins only after the end.
const LATE_ANSWER: Duration = Duration::from_secs(10);

// === impl StreamEnd ===

impl StreamEnd {
    /// The end of the streams of `identity`: the expiry of the token, and the leeway of its issuer. `None`
    /// for a token that has no expiry, or one later than any clock can say.
    pub(super) fn of(
        identity: &Identity,
        leeway: Duration,
        now: Instant,
        wall: UnixTime,
    ) -> Option<Self> {
        let left = (identity.expires_at()? + leeway).since(wall);
        let expires = now.checked_add(left)?;
        Some(Self { expires })
    }

    /// When to end what began at `began`. An answer that the upstream gave too late for its own good is
    /// not cut off at once: nobody could use it then, and the request was admitted.
    pub(super) fn at(&self, began: Instant) -> Instant {
        if began < self.expires {
            self.expires
        } else {
            began + LATE_ANSWER
        }
    }
}

#[cfg(test)]
mod tests {
    use portcullis_core::{IdentityParts, Provenance};

    use super::*;

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
            StreamEnd::of(&until(expires_at), leeway, now, UnixTime::from_secs(wall))
                .map(|end| end.at(now))
        };
        let after = |seconds| Some(now + Duration::from_secs(seconds));
        for (expires_at, wall, ends) in [
            (Some(1_000), 400, after(630)),
            (Some(1_000), 1_000, after(30)),
            (Some(1_000), 1_029, after(1)),
            // Cannot be: it would not have been admitted. But nobody is surprised.
            (Some(1_000), 1_030, Some(now + LATE_ANSWER)),
            (Some(1_000), 9_999, Some(now + LATE_ANSWER)),
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
            expires: now + Duration::from_secs(5),
        };
        let late = now + Duration::from_secs(7);
        assert_eq!(end.at(late), late + LATE_ANSWER);
    }
}
