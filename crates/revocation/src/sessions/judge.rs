//! How long an answer of a directory holds: a plain decision.

use std::time::{Duration, Instant};

use super::Presence;

/// What a directory answered, and when it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    presence: Presence,
    asked: Instant,
}

/// What an earlier answer says now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The session is open.
    Open,
    /// There is no such session.
    Ended,
    /// The answer is too old, or the key may have expired since.
    Ask {
        /// How much too old it is, if the session was open then and its key cannot have expired since: what
        /// a degrade policy may let pass.
        overdue: Option<Duration>,
    },
}

// === impl Seen ===

impl Seen {
    /// How long "there is no such session" holds: long enough for a client that does not notice not to ask
    /// the store at every request, and short, for a session may be recorded after its token was handed out.
    pub const ABSENCE: Duration = Duration::from_secs(1);

    /// What was answered to a question that was asked at `asked`: before it was sent, so that an answer is
    /// never taken for younger than it is.
    #[must_use]
    pub const fn new(presence: Presence, asked: Instant) -> Self {
        Self { presence, asked }
    }

    /// What it says at `now`, if it may be `freshness` old.
    #[must_use]
    pub fn judge(&self, now: Instant, freshness: Duration) -> Standing {
        let age = now.saturating_duration_since(self.asked);
        match self.presence {
            Presence::Absent if age < Self::ABSENCE.min(freshness) => Standing::Ended,
            Presence::Absent => Standing::Ask { overdue: None },
            Presence::Present { expires_in } => {
                let lasts = expires_in.is_none_or(|left| age < left);
                if lasts && age <= freshness {
                    Standing::Open
                } else {
                    let overdue = lasts.then(|| age.saturating_sub(freshness));
                    Standing::Ask { overdue }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_holds_no_longer_than_its_freshness_and_its_key() {
        let asked = Instant::now();
        let second = Duration::from_secs;
        let present = |left: Option<u64>| Presence::Present {
            expires_in: left.map(second),
        };
        let ask = |overdue: Option<u64>| Standing::Ask {
            overdue: overdue.map(second),
        };
        for (presence, age, expected) in [
            (present(None), 0, Standing::Open),
            (present(None), 15, Standing::Open),
            (present(None), 16, ask(Some(1))),
            (present(Some(5)), 4, Standing::Open),
            (present(Some(5)), 5, ask(None)),
            (present(Some(0)), 0, ask(None)),
            (present(Some(100)), 75, ask(Some(60))),
            (present(Some(100)), 100, ask(None)),
            (Presence::Absent, 0, Standing::Ended),
            (Presence::Absent, 1, ask(None)),
        ] {
            let seen = Seen::new(presence, asked);
            let standing = seen.judge(asked + second(age), second(15));
            assert_eq!(standing, expected, "{presence:?} after {age} s");
        }
        // A clock that went back makes nothing older, and absence is no fresher than anything else.
        let seen = Seen::new(Presence::Absent, asked + second(9));
        assert_eq!(seen.judge(asked, Duration::ZERO), ask(None));
    }
}
