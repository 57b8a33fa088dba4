//! Headers that were read before.

use std::ops::Deref;
use std::sync::Arc;

use arc_swap::{ArcSwapOption, Guard};

use super::Header;

/// The last few headers of tokens that proved good. The tokens of an issuer have the same header as
/// long as it signs with the same key, so it needs not be read each time.
///
/// It remembers what is a function of the text, compared as a whole; so it changes no verdict. Only a
/// good signature gets a header in, so nobody else can drive out what is there.
pub(crate) struct KnownHeaders {
    slots: [ArcSwapOption<Known>; SLOTS],
}

struct Known {
    text: Box<str>,
    header: Header<'static>,
}

/// A remembered header.
pub(crate) struct KnownHeader(Guard<Option<Arc<Known>>>);

const SLOTS: usize = 8;
const TEXT_MAX: usize = 1024;
/// Of so many headers that compete for a slot, one gets it: a change costs more than a look.
const RELUCTANCE: u8 = 16;

// === impl KnownHeaders ===

impl KnownHeaders {
    pub(crate) fn new() -> Self {
        Self {
            slots: std::array::from_fn(|_| ArcSwapOption::empty()),
        }
    }

    /// The header with this encoded text, if it is known.
    pub(crate) fn find(&self, text: &str) -> Option<KnownHeader> {
        let known = self.slot(text).load();
        let hit = known.as_ref().is_some_and(|known| *known.text == *text);
        hit.then_some(KnownHeader(known))
    }

    /// Remembers the header of a token that proved good.
    pub(crate) fn remember(&self, text: &str, header: &Header<'_>) {
        let slot = self.slot(text);
        let taken = slot.load().is_some();
        if text.len() > TEXT_MAX || taken && fastrand::u8(..RELUCTANCE) != 0 {
            return;
        }
        slot.store(Some(Arc::new(Known {
            text: text.into(),
            header: header.to_owned(),
        })));
    }

    fn slot(&self, text: &str) -> &ArcSwapOption<Known> {
        // Headers of one issuer differ in the key id, which is anywhere: a few bytes from all over.
        let bytes = text.as_bytes();
        let step = (bytes.len() / 8).max(1);
        let sum = bytes.iter().step_by(step).fold(bytes.len(), |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(usize::from(*byte))
        });
        &self.slots[sum % SLOTS]
    }
}

// === impl KnownHeader ===

impl KnownHeader {
    pub(crate) fn get(&self) -> Option<&Header<'static>> {
        self.0.deref().as_ref().map(|known| &known.header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_found_by_its_whole_text_only() {
        let known = KnownHeaders::new();
        let header = Header::read(br#"{"alg":"RS256","kid":"k1"}"#).unwrap();
        known.remember("eyJh", &header);
        let found = known.find("eyJh").unwrap();
        assert_eq!(found.get().unwrap().algorithm(), Some("RS256"));
        assert_eq!(found.get().unwrap().key_id(), Ok(Some("k1")));
        for other in ["eyJi", "eyJ", "eyJhh", ""] {
            assert!(known.find(other).is_none(), "{other}");
        }
    }

    #[test]
    fn a_long_header_is_not_kept() {
        let known = KnownHeaders::new();
        let long = "a".repeat(TEXT_MAX + 1);
        known.remember(&long, &Header::read(b"{}").unwrap());
        assert!(known.find(&long).is_none());
    }

    #[test]
    fn any_number_of_headers_takes_a_fixed_number_of_slots() {
        let known = KnownHeaders::new();
        let header = Header::read(b"{}").unwrap();
        let texts: Vec<String> = (0..1_000).map(|n| format!("header-{n}")).collect();
        for text in &texts {
            known.remember(text, &header);
        }
        let kept = texts
            .iter()
            .filter(|text| known.find(text).is_some())
            .count();
        assert!((1..=SLOTS).contains(&kept), "{kept}");
    }
}
