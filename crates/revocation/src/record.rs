//! What is known of one id.

use std::fmt;

use crate::time::{ServerTime, Stamp};
use crate::{Horizon, Kind};

/// What is known of one id: that it is revoked, or that this was taken back.
///
/// Two records of one id are [joined](Record::join): the one with the higher [`Stamp`] holds. So it does
/// not matter in which order, how often, and by which way (log, snapshot, a node that brings back what a
/// store lost) they come, and only a later lift takes a revocation back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// What the id is of.
    pub kind: Kind,
    /// Revoked or not.
    pub state: State,
    /// The place of this change among all changes.
    pub stamp: Stamp,
    /// When it may be forgotten.
    pub expires: ServerTime,
}

/// Revoked or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Revoked.
    Revoked {
        /// When: for a watermark, older tokens are revoked.
        at: ServerTime,
    },
    /// Revoked before, and taken back.
    Lifted,
}

/// An entry that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BadEntry {
    /// It is not of the form of an entry.
    Malformed,
    /// It is of another version of this crate.
    OtherVersion(u32),
}

const VERSION: u32 = 1;

// === impl Record ===

impl Record {
    /// Whether it is revoked.
    #[must_use]
    pub const fn is_revoked(&self) -> bool {
        matches!(self.state, State::Revoked { .. })
    }

    /// What both records together say.
    ///
    /// | | revoked, later | lifted, later |
    /// |---|---|---|
    /// | **revoked, earlier** | revoked, at the later of both times | lifted |
    /// | **lifted, earlier** | revoked | lifted |
    ///
    /// It is kept until the later of both ends, so a lift outlives what it lifted.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        let (later, earlier) = if other.stamp > self.stamp {
            (other, self)
        } else {
            (self, other)
        };
        let state = match (later.state, earlier.state) {
            // A watermark never moves back, whatever a clock did.
            (State::Revoked { at }, State::Revoked { at: before }) => {
                State::Revoked { at: at.max(before) }
            }
            // Two changes with one stamp are of two servers that did not know of each other.
            (State::Lifted, State::Revoked { .. }) if later.stamp == earlier.stamp => earlier.state,
            (state, _) => state,
        };
        Self {
            kind: later.kind,
            state,
            stamp: later.stamp,
            expires: later.expires.max(earlier.expires),
        }
    }

    /// The text of an entry: `1 <kind> <r or l> <stamp> <at> <expires>`, numbers in decimal.
    #[must_use]
    pub fn encode(&self) -> String {
        let (state, at) = match self.state {
            State::Revoked { at } => ('r', at),
            State::Lifted => ('l', ServerTime::ZERO),
        };
        format!(
            "{VERSION} {} {state} {} {} {}",
            self.kind.letter(),
            self.stamp,
            at.as_millis(),
            self.expires.as_millis()
        )
    }

    /// Reads the text of an entry.
    ///
    /// # Errors
    /// If it is not one of this version.
    pub fn decode(text: &str) -> Result<Self, BadEntry> {
        let mut parts = text.split(' ');
        let version = parts.next().and_then(number).ok_or(BadEntry::Malformed)?;
        if version != u64::from(VERSION) {
            return Err(u32::try_from(version).map_or(BadEntry::Malformed, BadEntry::OtherVersion));
        }
        Self::fields(&mut parts)
            .filter(|_| parts.next().is_none())
            .ok_or(BadEntry::Malformed)
    }

    fn fields<'a>(parts: &mut impl Iterator<Item = &'a str>) -> Option<Self> {
        let kind = Kind::of_letter(parts.next()?)?;
        let revoked = match parts.next()? {
            "r" => true,
            "l" => false,
            _ => return None,
        };
        let stamp = parts.next().and_then(number)?;
        let at = ServerTime::from_millis(parts.next().and_then(number)?);
        let expires = ServerTime::from_millis(parts.next().and_then(number)?);
        (stamp <= Stamp::MAX.as_micros()).then_some(Self {
            kind,
            state: if revoked {
                State::Revoked { at }
            } else {
                State::Lifted
            },
            stamp: Stamp::from_micros(stamp),
            expires,
        })
    }

    /// When a change is forgotten that a node asked to keep until `asked`, made at `now`.
    #[must_use]
    pub fn expiry(asked: Option<ServerTime>, now: ServerTime, horizon: Horizon) -> ServerTime {
        let latest = now + horizon.keep();
        asked.map_or(latest, |asked| asked.min(latest))
    }
}

/// A number in decimal as we write it: no sign, no leading zero.
fn number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|digit| digit.is_ascii_digit());
    let canonical = plain && (text == "0" || !text.starts_with('0'));
    canonical.then(|| text.parse().ok()).flatten()
}

// === impl BadEntry ===

impl fmt::Display for BadEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("an entry of the log is malformed"),
            Self::OtherVersion(version) => write!(
                f,
                "an entry of the log has version {version}, this node reads version {VERSION}"
            ),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn any_record() -> impl Strategy<Value = Record> {
        let state = prop_oneof![
            (0_u64..50).prop_map(|at| State::Revoked {
                at: ServerTime::from_millis(at)
            }),
            Just(State::Lifted),
        ];
        (state, 0_u64..20, 0_u64..50).prop_map(|(state, stamp, expires)| Record {
            kind: Kind::Subject,
            state,
            stamp: Stamp::from_micros(stamp),
            expires: ServerTime::from_millis(expires),
        })
    }

    proptest! {
        #[test]
        fn a_record_survives_its_text(
            kind in 0..Kind::ALL.len(), revoked: bool, stamp in 0..=Stamp::MAX.as_micros(),
            at: u64, expires: u64,
        ) {
            let at = ServerTime::from_millis(at);
            let record = Record {
                kind: Kind::ALL[kind],
                state: if revoked { State::Revoked { at } } else { State::Lifted },
                stamp: Stamp::from_micros(stamp),
                expires: ServerTime::from_millis(expires),
            };
            prop_assert_eq!(Record::decode(&record.encode()), Ok(record));
        }

        #[test]
        fn any_text_is_read_or_refused_and_what_is_read_is_written_so(text in "[0-9rltx ]{0,40}") {
            if let Ok(record) = Record::decode(&text) {
                let lifted = !record.is_revoked();
                prop_assert!(lifted || record.encode() == text);
            }
        }

        #[test]
        fn joining_forgets_neither_order_nor_repetition(a in any_record(), b in any_record()) {
            prop_assert_eq!(a.join(b), b.join(a));
            prop_assert_eq!(a.join(a), a);
            let joined = a.join(b);
            prop_assert_eq!(joined.join(b), joined);
        }

        #[test]
        fn only_a_later_lift_takes_a_revocation_back(a in any_record(), b in any_record()) {
            let joined = a.join(b);
            if a.is_revoked() && !joined.is_revoked() {
                prop_assert!(!b.is_revoked() && b.stamp > a.stamp);
            }
            prop_assert!(joined.expires >= a.expires && joined.stamp >= a.stamp);
        }
    }

    #[test]
    fn other_versions_are_told_from_rubbish() {
        assert_eq!(
            Record::decode("2 t r 1 1 1"),
            Err(BadEntry::OtherVersion(2))
        );
        assert_eq!(Record::decode("7"), Err(BadEntry::OtherVersion(7)));
        for text in [
            "",
            "x",
            "1",
            "1 t",
            "1 t r 1 1",
            "1 t r 1 1 1 1",
            "1 z r 1 1 1",
            "1 t x 1 1 1",
            "1 t r -1 1 1",
            "1 t r 01 1 1",
            "1  t r 1 1 1",
            "1 t r 1 1 18446744073709551616",
            "01 t r 1 1 1",
            "1 t r 9007199254740992 1 1",
            "99999999999 t",
        ] {
            assert_eq!(Record::decode(text), Err(BadEntry::Malformed), "{text}");
        }
    }

    #[test]
    fn nothing_is_kept_beyond_the_horizon_of_the_log() {
        let now = ServerTime::from_millis(1_000);
        let latest = now + Horizon::DEFAULT.keep();
        assert_eq!(Record::expiry(None, now, Horizon::DEFAULT), latest);
        let soon = ServerTime::from_millis(2_000);
        assert_eq!(Record::expiry(Some(soon), now, Horizon::DEFAULT), soon);
        let never = ServerTime::from_millis(u64::MAX);
        assert_eq!(Record::expiry(Some(never), now, Horizon::DEFAULT), latest);
    }
}
