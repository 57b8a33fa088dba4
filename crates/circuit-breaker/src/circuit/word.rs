//! The control word: what a circuit decides by, in one atomic word.

use portcullis_core::CircuitState;

/// State, generation, and what belongs to the state, so that one compare-and-swap has one winner who changes all of
/// them together.
///
/// | bits | what |
/// |---|---|
/// | 4 | the state |
/// | 24 | the generation: raised by every move, so that what was admitted before one is told from what came after |
/// | 36 | open: the instant it ends, in milliseconds since the circuit was made; half-open: the [`Probes`] |
///
/// Milliseconds wrap after two years and are compared across the wrap.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word(u64);

/// Generations are compared across their wrap.
pub(crate) const GENERATION_BITS: u32 = 24;
const GENERATION_MASK: u32 = (1 << GENERATION_BITS) - 1;
const PAYLOAD_BITS: u32 = 36;
const PAYLOAD_MASK: u64 = (1 << PAYLOAD_BITS) - 1;

/// What half-open counts. Each number has six bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Probes {
    /// Let in and not given back: at work or done.
    pub(crate) issued: u8,
    pub(crate) done: u8,
    /// Of those that are done.
    pub(crate) failed: u8,
    /// Of those that are done.
    pub(crate) slow: u8,
    /// Of those at work: the caller has not sent all of the request yet.
    pub(crate) uploading: u8,
    /// Of those at work: the answer has begun, and was good.
    pub(crate) answered: u8,
}

/// The most probes that fit.
pub(crate) const PROBES_MAX: u8 = 50;

// === impl Word ===

impl Word {
    pub(crate) fn new(state: CircuitState, generation: u32, payload: u64) -> Self {
        Self(
            u64::from(code(state)) << (GENERATION_BITS + PAYLOAD_BITS)
                | u64::from(generation & GENERATION_MASK) << PAYLOAD_BITS
                | payload & PAYLOAD_MASK,
        )
    }

    #[inline]
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    #[inline]
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    /// Whether calls pass and are counted: nearly always.
    #[inline]
    pub(crate) const fn is_closed(self) -> bool {
        self.0 >> (GENERATION_BITS + PAYLOAD_BITS) == 0
    }

    #[inline]
    pub(crate) const fn state(self) -> CircuitState {
        match self.0 >> (GENERATION_BITS + PAYLOAD_BITS) {
            0 => CircuitState::Closed,
            1 => CircuitState::Open,
            2 => CircuitState::HalfOpen,
            3 => CircuitState::ForcedOpen,
            4 => CircuitState::Disabled,
            _ => CircuitState::MetricsOnly,
        }
    }

    #[inline]
    pub(crate) const fn generation(self) -> u32 {
        (self.0 >> PAYLOAD_BITS) as u32 & GENERATION_MASK
    }

    const fn payload(self) -> u64 {
        self.0 & PAYLOAD_MASK
    }

    /// The next move: another state, one generation on.
    pub(crate) fn moved(self, state: CircuitState, payload: u64) -> Self {
        Self::new(state, self.generation().wrapping_add(1), payload)
    }

    /// The same state and generation with other probes.
    pub(crate) fn with_probes(self, probes: Probes) -> Self {
        Self::new(self.state(), self.generation(), probes.pack())
    }

    pub(crate) fn probes(self) -> Probes {
        Probes::unpack(self.payload())
    }

    /// How many milliseconds an open circuit stays open from `now` on; none if its time is over. At the very
    /// millisecond of its end it is still open.
    pub(crate) const fn open_for(self, now_millis: u64) -> Option<u64> {
        let left = self.payload().wrapping_sub(now_millis) & PAYLOAD_MASK;
        // In the upper half of the circle the end is in the past.
        if left > PAYLOAD_MASK / 2 {
            None
        } else {
            Some(left)
        }
    }
}

/// Whether `one` is ahead of `other`, by at most `most`, in a circle of so many bits.
///
/// Who is late is late by a little: what seems further ahead than that was left behind long ago, a turn of the circle
/// or more. Half a circle would not do: what nobody touched for so long would be taken for the future, and everything
/// new for too late.
#[inline]
pub(crate) const fn is_ahead(one: u64, other: u64, bits: u32, most: u64) -> bool {
    let ahead = one.wrapping_sub(other) & ((1 << bits) - 1);
    ahead != 0 && ahead <= most
}

/// Whether `one` is a generation after `other`.
#[inline]
pub(crate) const fn is_newer(one: u32, other: u32, bits: u32) -> bool {
    is_ahead(one as u64, other as u64, bits, 256)
}

const fn code(state: CircuitState) -> u8 {
    match state {
        CircuitState::Open => 1,
        CircuitState::HalfOpen => 2,
        CircuitState::ForcedOpen => 3,
        CircuitState::Disabled => 4,
        CircuitState::MetricsOnly => 5,
        // Closed; what a later version adds is none of ours.
        _ => 0,
    }
}

impl std::fmt::Debug for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Word")
            .field("state", &self.state())
            .field("generation", &self.generation())
            .field("payload", &self.payload())
            .finish()
    }
}

// === impl Probes ===

impl Probes {
    fn pack(self) -> u64 {
        let fields = [
            self.issued,
            self.done,
            self.failed,
            self.slow,
            self.uploading,
            self.answered,
        ];
        fields
            .into_iter()
            .fold(0, |word, field| word << 6 | u64::from(field & 63))
    }

    fn unpack(payload: u64) -> Self {
        let field = |place: u32| (payload >> (6 * place)) as u8 & 63;
        Self {
            issued: field(5),
            done: field(4),
            failed: field(3),
            slow: field(2),
            uploading: field(1),
            answered: field(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STATES: [CircuitState; 6] = [
        CircuitState::Closed,
        CircuitState::Open,
        CircuitState::HalfOpen,
        CircuitState::ForcedOpen,
        CircuitState::Disabled,
        CircuitState::MetricsOnly,
    ];

    proptest! {
        #[test]
        fn what_is_packed_comes_out(
            state in 0..6_usize,
            generation in 0..1_u32 << GENERATION_BITS,
            fields in proptest::array::uniform6(0..=PROBES_MAX),
        ) {
            let [issued, done, failed, slow, uploading, answered] = fields;
            let probes = Probes { issued, done, failed, slow, uploading, answered };
            let word = Word::new(STATES[state], generation, 0).with_probes(probes);
            prop_assert_eq!(word.state(), STATES[state]);
            prop_assert_eq!(word.generation(), generation);
            prop_assert_eq!(word.probes(), probes);
            prop_assert_eq!(word.is_closed(), state == 0);
            prop_assert_eq!(word.moved(CircuitState::Open, 7).generation(), (generation + 1) & GENERATION_MASK);
        }

        #[test]
        fn the_end_of_the_open_time_is_told_across_the_wrap(start in any::<u64>(), length in 0_u64..1 << 34) {
            let end = start.wrapping_add(length);
            let word = Word::new(CircuitState::Open, 0, end);
            prop_assert_eq!(word.open_for(start & PAYLOAD_MASK), Some(length));
            prop_assert_eq!(word.open_for(end & PAYLOAD_MASK), Some(0));
            prop_assert_eq!(word.open_for(end.wrapping_add(1) & PAYLOAD_MASK), None);
        }
    }

    #[test]
    fn generations_are_ordered_across_their_wrap() {
        assert!(is_newer(2, 1, 24) && !is_newer(1, 2, 24) && !is_newer(2, 2, 24));
        assert!(is_newer(0, GENERATION_MASK, 24) && !is_newer(GENERATION_MASK, 0, 24));
        assert!(is_newer(0, 0xffff, 16) && is_newer(5, 0xffff, 16));
    }

    #[test]
    fn what_was_left_behind_long_ago_is_not_taken_for_the_future() {
        for left in [1, 256, 1 << 15, (1 << 16) - 257] {
            assert!(!is_newer(0, left, 16), "{left} later");
        }
    }
}
