//! The flags of a trace.

use std::fmt;

/// The flags of a trace context.
///
/// | flag | bit | says |
/// |---|---|---|
/// | sampled | 0 | the caller may have recorded the trace |
/// | random | 1 | at least the right seven bytes of the trace id were drawn by chance (level 2) |
///
/// Bits without a meaning are dropped when read. B3's debug is kept beside them and is never in a `traceparent`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct TraceFlags(u8);

const SAMPLED: u8 = 1;
const RANDOM: u8 = 2;
const DEBUG: u8 = 0x80;

// === impl TraceFlags ===

impl TraceFlags {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// Sampled.
    pub const SAMPLED: Self = Self(SAMPLED);
    /// The id is random.
    pub const RANDOM: Self = Self(RANDOM);

    /// The flags of a `traceparent`; bits without a meaning are dropped.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Self {
        Self(byte & (SAMPLED | RANDOM))
    }

    /// The byte of a `traceparent`.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        self.0 & (SAMPLED | RANDOM)
    }

    /// Whether the trace may be recorded.
    #[must_use]
    pub const fn is_sampled(self) -> bool {
        self.0 & SAMPLED != 0
    }

    /// Whether the id of the trace was drawn by chance.
    #[must_use]
    pub const fn is_random(self) -> bool {
        self.0 & RANDOM != 0
    }

    /// Whether somebody demands that the trace is recorded (B3).
    #[must_use]
    pub const fn is_debug(self) -> bool {
        self.0 & DEBUG != 0
    }

    /// The same, sampled or not. What is not sampled is not for debugging either.
    #[must_use]
    pub const fn with_sampled(self, sampled: bool) -> Self {
        if sampled {
            Self(self.0 | SAMPLED)
        } else {
            Self(self.0 & !(SAMPLED | DEBUG))
        }
    }

    /// The same, for debugging: sampled, that is, and by B3 said so.
    #[must_use]
    pub const fn with_debug(self) -> Self {
        Self(self.0 | SAMPLED | DEBUG)
    }
}

impl fmt::Debug for TraceFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let debug = if self.is_debug() { ", debug" } else { "" };
        write!(f, "TraceFlags({:02x}{debug})", self.to_byte())
    }
}
