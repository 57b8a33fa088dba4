//! Names of what can be revoked, as they stand in the log and in the view.

use std::fmt;
use std::num::NonZeroU64;

/// A name of something that can be revoked: 128 bits of a keyed hash.
///
/// It says nothing about what it names to anybody who has not the secret, so it may stand in a shared
/// store, in a log line, in a dump. Whoever has the secret makes it with [`Secrets`](crate::Secrets).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id {
    // Never zero, so that an empty slot of a table can be told from a full one.
    high: NonZeroU64,
    low: u64,
}

// === impl Id ===

impl Id {
    /// The id of 16 bytes of a hash.
    ///
    /// Two of the 2^128 values fall together for each value of the second half; nobody can aim at them.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        let whole = u128::from_be_bytes(bytes);
        let high = match NonZeroU64::new((whole >> 64) as u64) {
            Some(high) => high,
            None => NonZeroU64::MIN,
        };
        Self {
            high,
            low: whole as u64,
        }
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        (((self.high.get() as u128) << 64) | self.low as u128).to_be_bytes()
    }

    /// Reads 32 hexadecimal digits, as `Display` writes them.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        unhex(text).map(Self::from_bytes)
    }

    /// The halves, for a table of atomic words. The first is never zero.
    pub(crate) const fn halves(self) -> (u64, u64) {
        (self.high.get(), self.low)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.high, self.low)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// 16 bytes from 32 lower-case hexadecimal digits.
pub(crate) fn unhex(text: &str) -> Option<[u8; 16]> {
    let digits = text
        .bytes()
        .all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit));
    if text.len() != 32 || !digits {
        return None;
    }
    u128::from_str_radix(text, 16).ok().map(u128::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_text_and_bytes() {
        let id = Id::from_bytes([7; 16]);
        assert_eq!(Id::from_hex(&id.to_string()), Some(id));
        assert_eq!(Id::from_bytes(id.to_bytes()), id);
        let odd = Id::from_bytes([0; 16]);
        assert_eq!(Id::from_bytes(odd.to_bytes()), odd);
        assert_ne!(odd.halves().0, 0);
    }

    #[test]
    fn what_is_not_32_lower_case_digits_is_no_id() {
        for text in ["", "07", &"0".repeat(31), &"0".repeat(33), &"G".repeat(32)] {
            assert_eq!(Id::from_hex(text), None, "{text}");
        }
        assert_eq!(Id::from_hex(&format!("+{}", "0".repeat(31))), None);
        assert_eq!(Id::from_hex(&"AB".repeat(16)), None);
    }
}
