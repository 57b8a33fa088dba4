//! One look over JSON text for what a parser would let pass.

use std::borrow::Cow;

use crate::Reason;

/// The deepest nesting.
const DEPTH_MAX: usize = 32;
/// The most members, over all objects of the text.
const MEMBERS_MAX: usize = 256;

/// Refuses text that is not one object, nests deeper than 32, has more than 256 members, names a member
/// twice in one object (RFC 8725 section 2.4; escapes do not hide it), holds a NUL or half a surrogate
/// pair, or uses the names that `serde_json` keeps for itself.
///
/// It does not check the syntax: the parser that follows does.
pub(crate) fn scan(text: &str) -> Result<(), Reason> {
    Scanner::new(text.as_bytes()).run().ok_or(Reason::Malformed)
}

struct Scanner<'a> {
    bytes: &'a [u8],
    /// Digests of the member names of every open object, innermost last.
    names: [u64; MEMBERS_MAX],
    open_names: usize,
    members: usize,
    /// For every open container, where its names begin; `None` for an array.
    open: [Option<usize>; DEPTH_MAX],
    depth: usize,
}

// === impl Scanner ===

impl<'a> Scanner<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            names: [0; MEMBERS_MAX],
            open_names: 0,
            members: 0,
            open: [None; DEPTH_MAX],
            depth: 0,
        }
    }

    fn run(&mut self) -> Option<()> {
        let start = self
            .bytes
            .iter()
            .position(|byte| !byte.is_ascii_whitespace())?;
        if self.bytes[start] != b'{' {
            return None;
        }
        let mut at = start;
        // In an object, a string after `{` or `,` is a name.
        let mut name_next = false;
        while let Some(&byte) = self.bytes.get(at) {
            match byte {
                b'"' => {
                    let end = self.string(at)?;
                    if name_next && self.in_object() {
                        self.name(at, end)?;
                    }
                    name_next = false;
                    at = end;
                }
                b'{' | b'[' => {
                    *self.open.get_mut(self.depth)? = (byte == b'{').then_some(self.open_names);
                    self.depth += 1;
                    name_next = byte == b'{';
                }
                b'}' | b']' => {
                    self.depth = self.depth.checked_sub(1)?;
                    if let Some(names) = self.open[self.depth] {
                        self.open_names = names;
                    }
                    name_next = false;
                }
                b',' => name_next = true,
                _ => {}
            }
            at += 1;
        }
        Some(())
    }

    fn in_object(&self) -> bool {
        self.depth > 0 && self.open[self.depth - 1].is_some()
    }

    /// The position of the closing quote of the string that opens at `at`.
    fn string(&self, at: usize) -> Option<usize> {
        let mut at = at + 1;
        loop {
            match *self.bytes.get(at)? {
                b'"' => return Some(at),
                b'\\' if *self.bytes.get(at + 1)? == b'u' => at = self.escaped_unit(at)?,
                b'\\' => at += 2,
                _ => at += 1,
            }
        }
    }

    /// Past the `\uXXXX` at `at`, and past its second half where it is a surrogate.
    fn escaped_unit(&self, at: usize) -> Option<usize> {
        match self.unit(at)? {
            0 | 0xDC00..=0xDFFF => None,
            0xD800..=0xDBFF => {
                let second = at + 6;
                let paired = self.bytes.get(second..second + 2)? == b"\\u"
                    && matches!(self.unit(second)?, 0xDC00..=0xDFFF);
                paired.then_some(second + 6)
            }
            _ => Some(at + 6),
        }
    }

    fn unit(&self, at: usize) -> Option<u16> {
        let digits = self.bytes.get(at + 2..at + 6)?;
        digits.iter().try_fold(0_u16, |unit, digit| {
            let value = char::from(*digit).to_digit(16)?;
            Some(unit << 4 | u16::try_from(value).ok()?)
        })
    }

    /// Notes the name between the quotes at `from` and `to`.
    fn name(&mut self, from: usize, to: usize) -> Option<()> {
        let quoted = &self.bytes[from..=to];
        let raw = &self.bytes[from + 1..to];
        let name: Cow<'_, [u8]> = if raw.contains(&b'\\') {
            let text: String = serde_json::from_slice(quoted).ok()?;
            Cow::Owned(text.into_bytes())
        } else {
            Cow::Borrowed(raw)
        };
        // serde_json gives these names a meaning of their own when another crate of the build turns on
        // `raw_value` or `arbitrary_precision`.
        if name.starts_with(b"$serde_json::private") {
            return None;
        }
        self.members += 1;
        let first = self.open[self.depth - 1]?;
        let digest = digest(&name);
        if self.members > MEMBERS_MAX || self.names[first..self.open_names].contains(&digest) {
            return None;
        }
        self.names[self.open_names] = digest;
        self.open_names += 1;
        Some(())
    }
}

/// FNV-1a. Two names of one digest refuse the token that has them: nothing to gain by a collision.
fn digest(name: &[u8]) -> u64 {
    name.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
