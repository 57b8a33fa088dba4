//! The members of a `tracestate`, by the grammar of level 2.

use super::list;
use super::state::BadTraceState;

/// The most members of a list.
pub(super) const MOST: usize = 32;

/// The longest key, and the longest value.
const LONGEST: usize = 256;

/// A member longer than this is the first to go when a list is too long.
const LONG: usize = 128;

/// What stands between two commas: `key=value`.
#[derive(Clone, Copy)]
struct Member<'a> {
    text: &'a [u8],
    key: usize,
}

/// A list that keeps to the grammar, without the second and later members of a key.
pub(super) struct Members<'a> {
    all: [Member<'a>; MOST],
    kept: usize,
    /// Those that were dropped for their key count too.
    read: usize,
}

// === impl Members ===

impl<'a> Members<'a> {
    pub(super) const fn new() -> Self {
        let nothing = Member { text: &[], key: 0 };
        Self {
            all: [nothing; MOST],
            kept: 0,
            read: 0,
        }
    }

    /// Puts the members of the next line behind those that are there.
    pub(super) fn read(&mut self, line: &'a [u8]) -> Result<(), BadTraceState> {
        for text in list::members(line) {
            let member = Member::read(text)?;
            if self.read == MOST {
                return Err(BadTraceState::Members);
            }
            self.read += 1;
            if self.kept().iter().all(|kept| kept.key() != member.key()) {
                self.all[self.kept] = member;
                self.kept += 1;
            }
        }
        Ok(())
    }

    /// How long the list is. One line of just this length is the list itself.
    pub(super) fn length(&self) -> usize {
        list::length(self.texts())
    }

    /// Drops whole members until the list has no more than `most` bytes: long ones first, then any, both from the
    /// right.
    pub(super) fn fit(&mut self, most: usize) {
        for at in (0..self.kept).rev() {
            if self.length() <= most {
                return;
            }
            if self.all[at].text.len() > LONG {
                self.all.copy_within(at + 1..self.kept, at);
                self.kept -= 1;
            }
        }
        while self.length() > most {
            self.kept -= 1;
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.kept == 0
    }

    pub(super) fn join(&self) -> Vec<u8> {
        list::join(self.texts(), self.length())
    }

    fn kept(&self) -> &[Member<'a>] {
        &self.all[..self.kept]
    }

    fn texts(&self) -> impl Iterator<Item = &'a [u8]> {
        self.kept().iter().map(|member| member.text)
    }
}

// === impl Member ===

impl<'a> Member<'a> {
    fn read(text: &'a [u8]) -> Result<Self, BadTraceState> {
        let end = text.iter().position(|&byte| byte == b'=');
        let (key, value) = match end {
            Some(end) => (&text[..end], &text[end + 1..]),
            None => (text, &text[text.len()..]),
        };
        if !is_key(key) {
            return Err(BadTraceState::Key);
        }
        if !is_value(value) {
            return Err(BadTraceState::Value);
        }
        Ok(Self {
            text,
            key: key.len(),
        })
    }

    fn key(&self) -> &'a [u8] {
        &self.text[..self.key]
    }
}

/// A lower-case letter or a digit, then any of those and of `_-*/@`.
pub(super) fn is_key(key: &[u8]) -> bool {
    let inner = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'_' | b'-' | b'*' | b'/' | b'@');
    key.len() <= LONGEST
        && matches!(key.first(), Some(b'0'..=b'9' | b'a'..=b'z'))
        && key.iter().copied().all(inner)
}

/// Visible characters and blanks but `,` and `=`; the last is no blank.
pub(super) fn is_value(value: &[u8]) -> bool {
    let inner = |byte| matches!(byte, b' '..=b'~') && byte != b',' && byte != b'=';
    value.len() <= LONGEST
        && value.last().is_some_and(|&last| last != b' ')
        && value.iter().copied().all(inner)
}
