//! Texts of answers that all threads share without a count of references.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::HeaderValue;

/// Texts, each kept once for as long as the process runs.
static TEXTS: Mutex<Option<HashSet<&'static [u8]>>> = Mutex::new(None);

/// So many different texts are kept; beyond, texts are counted as usual. A service has a few dozen:
/// one for each reason, and again for each style and realm.
const TEXTS_MAX: usize = 1024;
/// A longer text is not kept.
const TEXT_MAX: usize = 4096;

/// The text of a body.
pub(super) enum Text {
    /// Kept for as long as the process runs.
    Kept(&'static [u8]),
    /// Counted as usual.
    Counted(Bytes),
}

impl Text {
    #[inline]
    pub(super) fn bytes(&self) -> Bytes {
        match self {
            // Made where it goes, which a clone is not.
            Self::Kept(text) => Bytes::from_static(text),
            Self::Counted(text) => text.clone(),
        }
    }
}

/// The same bytes, without a count of references if possible.
///
/// Refusals are answered most in a flood, by all cores at once: a count that every answer raises and
/// lowers would be the one place where they all meet.
pub(super) fn body(bytes: Bytes) -> Text {
    keep(&bytes).map_or(Text::Counted(bytes), Text::Kept)
}

/// The same value, without a count of references if possible.
pub(super) fn value(value: HeaderValue) -> HeaderValue {
    let visible = value.to_str().ok().filter(|_| !value.is_sensitive());
    let kept = visible.and_then(|text| keep(text.as_bytes()));
    let kept = kept.and_then(|bytes| std::str::from_utf8(bytes).ok());
    // What one header value held, another one holds.
    kept.map_or(value, HeaderValue::from_static)
}

fn keep(bytes: &[u8]) -> Option<&'static [u8]> {
    if bytes.len() > TEXT_MAX {
        return None;
    }
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    let texts = texts.get_or_insert_default();
    if let Some(kept) = texts.get(bytes) {
        return Some(kept);
    }
    if texts.len() >= TEXTS_MAX {
        return None;
    }
    let kept: &'static [u8] = Box::leak(bytes.into());
    texts.insert(kept);
    Some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_kept_once() {
        let first = body(Bytes::from(b"one and the same".to_vec())).bytes();
        let second = body(Bytes::from(b"one and the same".to_vec())).bytes();
        assert_eq!(first, second);
        assert_eq!(first.as_ptr(), second.as_ptr());
    }

    #[test]
    fn long_texts_and_too_many_are_counted_as_usual() {
        let long = Bytes::from(vec![b'x'; TEXT_MAX + 1]);
        assert_eq!(body(long.clone()).bytes().as_ptr(), long.as_ptr());
        for n in 0..2 * TEXTS_MAX {
            let text = Bytes::from(format!("text {n}"));
            assert_eq!(body(text.clone()).bytes(), text);
        }
        let texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(texts.as_ref().is_some_and(|texts| texts.len() <= TEXTS_MAX));
    }

    #[test]
    fn a_value_stays_what_it_was() {
        let plain = HeaderValue::from_static("Bearer realm=\"a\"");
        assert_eq!(value(plain.clone()), plain);
        let opaque = HeaderValue::from_bytes(b"\xff").unwrap();
        assert_eq!(value(opaque.clone()), opaque);
        let mut sensitive = HeaderValue::from_static("secret");
        sensitive.set_sensitive(true);
        assert!(value(sensitive).is_sensitive());
    }
}
