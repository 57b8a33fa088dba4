//! One look over JSON text for what a parser would let pass.

use std::borrow::Cow;

use crate::Reason;

/// The deepest nesting.
const DEPTH_MAX: usize = 32;
/// The most members, over all objects of the text.
const MEMBERS_MAX: usize = 256;

/// Refuses text that is not one object, nests deeper than 32, has more than 256 members, names a member
/// twice in one object (RFC 8725 section 2.4; escapes do not hide it), holds a NUL, half a surrogate
/// pair or a number beyond every `f64`, or uses the names that `serde_json` keeps for itself.
///
/// It does not check the syntax: the parser that follows does.
pub(crate) fn scan(text: &str) -> Result<(), Reason> {
    Scanner::new(text.as_bytes()).run().ok_or(Reason::Malformed)
}

struct Scanner<'a> {
    bytes: &'a [u8],
    /// The member names of every open object, innermost last.
    names: Names,
    members: usize,
    /// For every open container, where its names begin; `ARRAY` for an array.
    open: [u16; DEPTH_MAX],
    depth: usize,
}

// === impl Scanner ===

impl<'a> Scanner<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            names: Names::new(),
            members: 0,
            open: [ARRAY; DEPTH_MAX],
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
                    let names = if byte == b'{' {
                        self.names.len()
                    } else {
                        ARRAY
                    };
                    *self.open.get_mut(self.depth)? = names;
                    self.depth += 1;
                    name_next = byte == b'{';
                }
                b'}' | b']' => {
                    self.depth = self.depth.checked_sub(1)?;
                    let names = self.open[self.depth];
                    if names != ARRAY {
                        self.names.truncate(names);
                    }
                    name_next = false;
                }
                b',' => name_next = true,
                b'-' | b'0'..=b'9' => {
                    at = self.number(at)?;
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
        Some(())
    }

    fn in_object(&self) -> bool {
        self.depth > 0 && self.open[self.depth - 1] != ARRAY
    }

    /// Past the number at `at`. One beyond every f64 has no reading: a parser that skips the member it
    /// is in takes the token, and one that reads it does not.
    fn number(&self, at: usize) -> Option<usize> {
        /// So few digits are in range.
        const SHORT: usize = 300;
        let rest = &self.bytes[at..];
        let part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let length = rest.iter().take_while(|byte| part(byte)).count();
        let number = &rest[..length];
        let scaled = number.iter().any(|byte| matches!(byte, b'e' | b'E'));
        if (scaled || length > SHORT) && serde_json::from_slice::<f64>(number).is_err() {
            return None;
        }
        Some(at + length)
    }

    /// The position of the closing quote of the string that opens at `at`.
    fn string(&self, at: usize) -> Option<usize> {
        let mut at = at + 1;
        loop {
            at += quote_or_escape(self.bytes.get(at..)?);
            match *self.bytes.get(at)? {
                b'"' => return Some(at),
                _ if *self.bytes.get(at + 1)? == b'u' => at = self.escaped_unit(at)?,
                _ => at += 2,
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
        let first = self.open[self.depth - 1];
        if self.members > MEMBERS_MAX || !self.names.add(first, digest(&name)) {
            return None;
        }
        Some(())
    }
}

/// Digests of names: as many as most tokens have without an allocation.
struct Names {
    inline: [u64; INLINE],
    spilled: Vec<u64>,
    used: u16,
}

const INLINE: usize = 32;
/// No names: more than there can be.
const ARRAY: u16 = u16::MAX;

// === impl Names ===

impl Names {
    const fn new() -> Self {
        Self {
            inline: [0; INLINE],
            spilled: Vec::new(),
            used: 0,
        }
    }

    const fn len(&self) -> u16 {
        self.used
    }

    fn truncate(&mut self, length: u16) {
        self.used = length;
        self.spilled
            .truncate(usize::from(length).saturating_sub(INLINE));
    }

    /// Adds a name, unless it is there from `first` on.
    fn add(&mut self, first: u16, digest: u64) -> bool {
        let (first, used) = (usize::from(first), usize::from(self.used));
        let inline = &self.inline[first.min(INLINE)..used.min(INLINE)];
        let spilled = self.spilled.get(first.saturating_sub(INLINE)..);
        if inline.contains(&digest) || spilled.is_some_and(|spilled| spilled.contains(&digest)) {
            return false;
        }
        match self.inline.get_mut(used) {
            Some(free) => *free = digest,
            None => self.spilled.push(digest),
        }
        // The scanner ends long before.
        self.used = self.used.saturating_add(1);
        true
    }
}

/// Eight bytes at a time, mixed as FNV-1a mixes one. Two names of one digest refuse the token that has
/// them: nothing to gain by a collision.
fn digest(name: &[u8]) -> u64 {
    const SEED: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| {
        let mixed = (hash ^ word).wrapping_mul(PRIME);
        mixed ^ mixed >> 32
    };
    let (words, rest) = name.as_chunks::<8>();
    let hash = words
        .iter()
        .fold(SEED, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let last = rest
        .iter()
        .fold(0, |word, byte| word << 8 | u64::from(*byte));
    mix(mix(hash, last), name.len() as u64)
}

/// How many bytes come before the first `"` or `\`; all if there is none. Eight at a time.
fn quote_or_escape(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);
    const QUOTES: u64 = u64::from_ne_bytes([b'"'; 8]);
    const ESCAPES: u64 = u64::from_ne_bytes([b'\\'; 8]);
    // The lowest high bit that is set marks the first zero byte; those above it may be false alarms.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let quote = zeros(word ^ QUOTES);
        let escape = zeros(word ^ ESCAPES);
        let found = quote | escape;
        if found != 0 {
            return index * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let tail = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'));
    words.len() * 8 + tail.unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_quote_or_escape_is_found_as_a_plain_search_finds_it(
            bytes in proptest::collection::vec(
                prop_oneof![Just(b'"'), Just(b'\\'), Just(b'!'), Just(b']'), any::<u8>()],
                0..40,
            )
        ) {
            let plain = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\'));
            prop_assert_eq!(quote_or_escape(&bytes), plain.unwrap_or(bytes.len()));
        }

        #[test]
        fn names_behave_like_a_list_of_sets(
            steps in proptest::collection::vec((0_u8..4, 0_u64..60), 0..300)
        ) {
            let mut names = Names::new();
            let mut plain: Vec<u64> = Vec::new();
            let mut open: Vec<usize> = vec![0];
            for (step, name) in steps {
                match step {
                    0 => open.push(plain.len()),
                    1 if open.len() > 1 => {
                        let first = open.pop().unwrap();
                        plain.truncate(first);
                        names.truncate(first.try_into().unwrap());
                    }
                    _ => {
                        let first = *open.last().unwrap();
                        let fresh = !plain[first..].contains(&name);
                        prop_assert_eq!(names.add(first.try_into().unwrap(), name), fresh);
                        if fresh {
                            plain.push(name);
                        }
                    }
                }
                prop_assert_eq!(usize::from(names.len()), plain.len());
            }
        }
    }

    #[test]
    fn names_that_differ_have_different_digests() {
        let names = [
            "",
            "a",
            "b",
            "ab",
            "ba",
            "aaaaaaaa",
            "aaaaaaaab",
            "a\0",
            "\0a",
            "\0",
            "\0\0",
        ];
        for (i, one) in names.iter().enumerate() {
            for other in &names[i + 1..] {
                assert_ne!(
                    digest(one.as_bytes()),
                    digest(other.as_bytes()),
                    "{one:?} {other:?}"
                );
            }
        }
    }
}
