//! Ids of traces and spans.

use std::fmt;
use std::str::FromStr;

use super::BadTraceparent;
use super::hex;

/// The id of a trace: sixteen bytes, not all zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId([u8; 16]);

/// The id of a span: eight bytes, not all zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId([u8; 8]);

macro_rules! id {
    ($Id:ident, $bytes:literal, $draw:expr) => {
        impl $Id {
            /// The id of these bytes; none if all are zero.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $bytes]) -> Option<Self> {
                let mut at = 0;
                while at < $bytes {
                    if bytes[at] != 0 {
                        return Some(Self(bytes));
                    }
                    at += 1;
                }
                None
            }

            /// Its bytes.
            #[must_use]
            pub const fn to_bytes(self) -> [u8; $bytes] {
                self.0
            }

            /// A random id. It tells spans apart and is no secret: whoever sees some may guess others.
            #[must_use]
            pub fn random() -> Self {
                Self(($draw)().to_be_bytes())
            }

            /// Its lower-case hexadecimal digits.
            #[inline]
            #[must_use]
            pub fn to_hex(self) -> [u8; $bytes * 2] {
                let mut digits = [0; $bytes * 2];
                for (four, eight) in self.0.chunks_exact(4).zip(digits.chunks_exact_mut(8)) {
                    let four = u32::from_be_bytes([four[0], four[1], four[2], four[3]]);
                    eight.copy_from_slice(&hex::encode(four));
                }
                digits
            }

            /// The id of exactly so many lower-case hexadecimal digits; none of any others, or if all are zero.
            #[inline]
            #[must_use]
            pub fn from_hex(digits: &[u8]) -> Option<Self> {
                let digits: &[u8; $bytes * 2] = digits.try_into().ok()?;
                let mut bytes = [0; $bytes];
                let (mut faults, mut any) = (0, 0);
                for (eight, four) in digits.chunks_exact(8).zip(bytes.chunks_exact_mut(4)) {
                    let mut word = [0; 8];
                    word.copy_from_slice(eight);
                    let (value, fault) = hex::decode(word);
                    four.copy_from_slice(&value.to_be_bytes());
                    faults |= fault;
                    any |= value;
                }
                (faults == 0 && any != 0).then_some(Self(bytes))
            }
        }

        impl fmt::Display for $Id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(std::str::from_utf8(&self.to_hex()).unwrap_or_default())
            }
        }

        impl fmt::Debug for $Id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($Id))
            }
        }

        impl FromStr for $Id {
            type Err = BadTraceparent;

            fn from_str(text: &str) -> Result<Self, BadTraceparent> {
                Self::from_hex(text.as_bytes()).ok_or(BadTraceparent::Id)
            }
        }
    };
}

id!(TraceId, 16, || fastrand::u128(1..));
id!(SpanId, 8, || fastrand::u64(1..));
