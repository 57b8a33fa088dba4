//! A digest that stands for a token within this process.

use std::hash::{Hash, Hasher};

use highway::{HighwayHash as _, HighwayHasher, Key};

/// The digest of one token under one configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Fingerprint(u128);

/// Digests the tokens of one verifier.
///
/// HighwayHash is a keyed pseudo-random function: without the key nobody can find two tokens of one
/// digest, and the key never leaves the process.
#[derive(Clone)]
pub(crate) struct Fingerprinter {
    /// Keyed and fresh: cloning it costs less than keying a new one.
    keyed: HighwayHasher,
}

// === impl Fingerprinter ===

impl Fingerprinter {
    /// Derives the key for `configuration` from the `secret` of a cache: verifiers of different
    /// configurations may share a cache, and never a verdict.
    pub(crate) fn new(secret: [u64; 4], configuration: &impl Hash) -> Self {
        let mut feed = Feed(HighwayHasher::new(Key(secret)));
        configuration.hash(&mut feed);
        let key = Key(feed.0.finalize256());
        Self {
            keyed: HighwayHasher::new(key),
        }
    }

    #[inline]
    pub(crate) fn of(&self, token: &[u8]) -> Fingerprint {
        let [low, high] = self.keyed.clone().hash128(token);
        Fingerprint(u128::from(high) << 64 | u128::from(low))
    }
}

// === impl Fingerprint ===

impl Fingerprint {
    /// One of so many places, by the half that is not its hash.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "some of its bits are meant"
    )]
    pub(super) const fn one_of(self, places: usize) -> usize {
        (self.0 >> 64) as usize % places
    }
}

impl std::fmt::Debug for Fingerprinter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fingerprinter(..)")
    }
}

impl Hash for Fingerprint {
    // It is a digest already: half of it is a good hash.
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0 as u64);
    }
}

/// Hands a digest on as its own hash.
#[derive(Clone, Copy, Default)]
pub(super) struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Not reached for a `Fingerprint`; right for anything else.
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, digest: u64) {
        self.0 = digest;
    }
}

pub(super) type BuildAsIs = std::hash::BuildHasherDefault<AsIs>;

struct Feed(HighwayHasher);

impl Hasher for Feed {
    fn finish(&self) -> u64 {
        self.0.clone().finalize64()
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.append(bytes);
    }
}

/// Four random words.
pub(super) fn secret() -> [u64; 4] {
    let mut bytes = [0_u8; 32];
    // Without entropy a process-local secret can still come from the hasher of the standard library,
    // which is seeded from the same source at worst.
    if getrandom::fill(&mut bytes).is_err() {
        use std::hash::BuildHasher as _;
        let state = std::hash::RandomState::new();
        for (index, chunk) in bytes.chunks_exact_mut(8).enumerate() {
            chunk.copy_from_slice(&state.hash_one(index).to_le_bytes());
        }
    }
    let mut words = [0; 4];
    for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        *word = chunk
            .iter()
            .fold(0, |word, byte| word << 8 | u64::from(*byte));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_configurations_and_secrets_are_told_apart() {
        let one = Fingerprinter::new([1; 4], &"a");
        assert_eq!(one.of(b"token"), one.of(b"token"));
        assert_ne!(one.of(b"token"), one.of(b"tokem"));
        assert_ne!(
            one.of(b"token"),
            Fingerprinter::new([1; 4], &"b").of(b"token")
        );
        assert_ne!(
            one.of(b"token"),
            Fingerprinter::new([2; 4], &"a").of(b"token")
        );
        assert_ne!(secret(), secret());
    }
}
