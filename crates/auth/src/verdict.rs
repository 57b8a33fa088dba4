//! What was found out about a token: valid, invalid, or that it could not be found out.

use std::fmt;
use std::time::Duration;

use portcullis_core::{Identity, OutageCause};

use crate::Reason;

/// What was found out about a token.
///
/// "I could not find out" is a verdict of its own: it is never "no", and never "yes".
#[derive(Clone, Debug)]
pub enum Verdict {
    /// The token is good.
    Valid(Identity),
    /// The token was positively judged bad.
    Invalid(Reason),
    /// It could not be found out.
    Indeterminate(Outage),
}

/// Why no verdict could be reached, and what is known all the same.
#[derive(Clone)]
#[non_exhaustive]
pub struct Outage {
    /// The row of the degrade table.
    pub cause: OutageCause,
    /// When another attempt makes sense.
    pub retry_after: Option<Duration>,
    /// What a degrade policy may admit: never there for a token that was judged bad.
    pub held: Option<Held>,
}

/// A caller who would be admitted if older knowledge were good enough.
#[derive(Clone)]
#[non_exhaustive]
pub struct Held {
    /// The caller.
    pub identity: Identity,
    /// How much older than allowed the knowledge is: the age of the keys beyond their hard age, or the
    /// time since the token was last seen valid.
    pub overdue: Duration,
}

// === impl Outage ===

impl Outage {
    /// An outage of which nothing more is known.
    #[must_use]
    pub const fn new(cause: OutageCause) -> Self {
        Self {
            cause,
            retry_after: None,
            held: None,
        }
    }

    /// The same outage, with the delay after which another attempt makes sense.
    #[must_use]
    pub const fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    /// The same outage, with a caller whom a degrade policy may admit.
    #[must_use]
    pub fn holding(mut self, identity: Identity, overdue: Duration) -> Self {
        self.held = Some(Held { identity, overdue });
        self
    }
}

impl fmt::Debug for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outage")
            .field("cause", &self.cause)
            .field("retry_after", &self.retry_after)
            .field("held", &self.held.as_ref().map(|held| held.overdue))
            .finish()
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held")
            .field("overdue", &self.overdue)
            .finish_non_exhaustive()
    }
}
