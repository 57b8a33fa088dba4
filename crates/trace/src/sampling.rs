//! Which traces are recorded.

use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;
use std::time::Instant;

use portcullis_core::{PerSecond, TraceId};

use crate::codec::Decision;
use crate::trust::TrustLevel;

/// Which traces are said to be sampled.
///
/// | the caller | sampled |
/// |---|---|
/// | sent no trace, or is not heard | as [`roots`](Sampling::with_roots) says |
/// | left it open (B3) | as `roots` says |
/// | is heard and does not record | no; if callers are to be authenticated first, only a [trusted](crate::Trust) one is heard in this |
/// | is heard and records | yes, as far as the limit goes, and as `roots` says beyond; if that is demanded, once it is authenticated |
///
/// By default every new trace is sampled, and a caller is heard if it is [trusted](crate::Trust).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampling {
    roots: Roots,
    heard: Heard,
    after_authentication: bool,
    most_per_second: Option<u32>,
}

/// Which new traces are sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Roots {
    /// All. Who exports nothing should still say so: a service that says no to its callees takes the trace from
    /// everybody behind it.
    Always,
    /// None.
    Never,
    /// One in so many, told by the id of the trace: every server that asks the same says the same of it.
    OneIn(NonZeroU32),
}

/// Whose flag is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Heard {
    /// That of callers who are [trusted](crate::Trust).
    Trusted,
    /// Everybody's.
    Everybody,
    /// Nobody's: each server decides for itself.
    Nobody,
}

/// What is decided when a request arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sampled {
    No,
    Yes,
    /// And everybody must.
    Debug,
    /// Not yet: once the caller is known.
    OnceKnown,
}

/// The same, with what it counts.
#[derive(Clone, Debug)]
pub(crate) struct Sampler {
    rules: Sampling,
    pub(crate) limit: Option<Arc<PerSecond>>,
}

// === impl Sampling ===

impl Sampling {
    /// All new traces, and what trusted callers say.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            roots: Roots::Always,
            heard: Heard::Trusted,
            after_authentication: false,
            most_per_second: None,
        }
    }

    /// Which new traces are sampled.
    #[must_use]
    pub const fn with_roots(mut self, roots: Roots) -> Self {
        self.roots = roots;
        self
    }

    /// Which new traces are sampled, as it was set.
    #[must_use]
    pub const fn roots(&self) -> Roots {
        self.roots
    }

    /// Whose flag is heard.
    #[must_use]
    pub const fn with_heard(mut self, heard: Heard) -> Self {
        self.heard = heard;
        self
    }

    /// A caller gets what it asks for only once an inner layer has authenticated it. Until then the trace is sampled
    /// as [`roots`](Self::with_roots) says.
    #[must_use]
    pub const fn after_authentication(mut self) -> Self {
        self.after_authentication = true;
        self
    }

    /// Of those that callers ask for, at most so many in a second are sampled because of that; of the others as many as
    /// [`roots`](Self::with_roots) says.
    #[must_use]
    pub const fn at_most_per_second(mut self, most: u32) -> Self {
        self.most_per_second = Some(most);
        self
    }

    pub(crate) fn sampler(self, base: Instant) -> Sampler {
        let limit = |most| Arc::new(PerSecond::new(most, base));
        Sampler {
            rules: self,
            limit: self.most_per_second.map(limit),
        }
    }
}

impl Default for Sampling {
    fn default() -> Self {
        Self::new()
    }
}

// === impl Sampler ===

impl Sampler {
    /// The same rules, counted from another instant.
    pub(crate) fn since(&self, base: Instant) -> Self {
        self.rules.sampler(base)
    }

    /// What to do about a trace, of which a caller says `asked`.
    pub(crate) fn decide(
        &self,
        trace: TraceId,
        asked: Option<Decision>,
        level: TrustLevel,
        now: Instant,
    ) -> Sampled {
        let heard = match self.rules.heard {
            Heard::Trusted => level == TrustLevel::Internal,
            Heard::Everybody => true,
            Heard::Nobody => false,
        };
        let roots = self.rules.roots.decide(trace);
        let late = self.rules.after_authentication;
        let wish = match asked.filter(|_| heard) {
            None | Some(Decision::Deferred) => return roots,
            // Nobody hides before it is known who asks for that.
            Some(Decision::Unsampled) if late && level == TrustLevel::Public => return roots,
            Some(Decision::Unsampled) => return Sampled::No,
            Some(Decision::Sampled) => Sampled::Yes,
            Some(Decision::Debug) => Sampled::Debug,
        };
        // Who asks is never worse off than who does not.
        match &self.limit {
            _ if late && roots == Sampled::Yes => roots,
            _ if late => Sampled::OnceKnown,
            Some(limit) if !limit.take(now) => roots,
            _ => wish,
        }
    }
}

// === impl Roots ===

impl Roots {
    fn decide(self, trace: TraceId) -> Sampled {
        let sampled = match self {
            Self::Always => true,
            Self::Never => false,
            Self::OneIn(many) => {
                let bytes = trace.to_bytes();
                let [_, right @ ..] = bytes.split_at(8).1 else {
                    return Sampled::No;
                };
                // Seven bytes on the right are random, wherever one is.
                let random = right
                    .iter()
                    .fold(0, |all, byte| all << 8 | u64::from(*byte));
                random % NonZeroU64::from(many) == 0
            }
        };
        if sampled { Sampled::Yes } else { Sampled::No }
    }
}
