//! One outcome, and sums of them.

/// How a call went, as a window keeps it. Never all bits zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark(u8);

/// Sums over a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) total: u64,
    pub(crate) failed: u64,
    pub(crate) slow: u64,
}

// === impl Mark ===

impl Mark {
    pub(crate) const GOOD: Self = Self(1);

    pub(crate) const fn new(failed: bool, slow: bool) -> Self {
        Self(1 | (failed as u8) << 1 | (slow as u8) << 2)
    }

    pub(crate) const fn from_bits(bits: u8) -> Self {
        Self(bits | 1)
    }

    pub(crate) const fn bits(self) -> u8 {
        self.0
    }

    pub(crate) const fn failed(self) -> bool {
        self.0 & 2 != 0
    }

    pub(crate) const fn slow(self) -> bool {
        self.0 & 4 != 0
    }
}

// === impl Tally ===

impl Tally {
    /// Whether there is nothing in it that could open a circuit.
    #[inline]
    pub(crate) const fn is_clean(&self) -> bool {
        self.failed == 0 && self.slow == 0
    }
}
