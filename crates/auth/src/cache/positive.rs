//! Tokens that were found valid.

use std::fmt;
use std::sync::Arc;

use portcullis_core::{Identity, UnixTime};
use quick_cache::sync::Cache;
use quick_cache::{OptionsBuilder, Weighter};

use super::fingerprint::{BuildAsIs, Fingerprint, secret};
use crate::key::MaterialId;

/// A bounded cache of tokens that were found valid. A clone is a handle.
///
/// A verifier makes its own unless it is given one. Give the same cache to the verifier that replaces
/// another (after a reload of the configuration): as long as an issuer is configured alike, tokens that
/// were seen valid stay known.
///
/// | on every hit | otherwise |
/// |---|---|
/// | the token has not expired | 401 |
/// | its key is still one of the issuer's | verified anew |
/// | the keys are not older than their hard age | indeterminate, and a matter of degrading |
/// | the entry is not older than its lifetime: at most 300 s, less up to a tenth | verified anew |
///
/// Only a token with a valid signature gets in, so a flood of forged ones cannot drive out good ones.
///
/// Whether the caller still stands is asked at every hit, by the layer. So the verdict of a token that was
/// revoked may stay: nothing passes by it, and whoever presents the token again is refused for the price of a
/// lookup.
///
/// # Limitations
/// What others keep beside an identity is not counted: its claims as a type of yours, and some 400 bytes for each
/// view of revocations that is asked.
#[derive(Clone)]
pub struct VerdictCache {
    shared: Arc<Shared>,
}

struct Shared {
    entries: Cache<Fingerprint, Entry, Bytes, BuildAsIs>,
    secret: [u64; 4],
}

/// What is known of a token that was valid.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) token_tail: [u8; TAIL],
    /// The position of the issuer in the configuration.
    pub(crate) issuer: usize,
    /// When the token expires, leeway included.
    pub(crate) expires: UnixTime,
    /// Until when the verdict may be used without a new check.
    pub(crate) fresh_until: UnixTime,
    pub(crate) verified_at: UnixTime,
    pub(crate) generation: u64,
    pub(crate) material: MaterialId,
    pub(crate) identity: Identity,
}

#[derive(Clone)]
struct Bytes;

/// The end of the signature is compared on every hit.
const TAIL: usize = 16;
const DEFAULT_BYTES: u64 = 16 * 1024 * 1024;
/// What the tables need for each entry, roughly.
const OVERHEAD: usize = 32;

// === impl VerdictCache ===

impl VerdictCache {
    /// A cache of 16 MiB.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(DEFAULT_BYTES)
    }

    /// A cache of about `bytes`; zero keeps nothing.
    #[must_use]
    pub fn with_capacity(bytes: u64) -> Self {
        // About one KiB for each; only the sizing of the tables depends on it.
        let items = usize::try_from(bytes / 1024).unwrap_or(usize::MAX).max(1);
        // The builder fails only where a number is missing, and none is.
        let entries = OptionsBuilder::new()
            .estimated_items_capacity(items)
            .weight_capacity(bytes)
            .build()
            .map_or_else(
                |_| {
                    Cache::with(
                        items,
                        bytes,
                        Bytes,
                        BuildAsIs::default(),
                        Default::default(),
                    )
                },
                |options| {
                    Cache::with_options(options, Bytes, BuildAsIs::default(), Default::default())
                },
            );
        Self {
            shared: Arc::new(Shared {
                entries,
                secret: secret(),
            }),
        }
    }

    /// Bytes in use, roughly.
    #[must_use]
    pub fn weight(&self) -> u64 {
        self.shared.entries.weight()
    }

    /// Tokens in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shared.entries.is_empty()
    }

    pub(crate) fn secret(&self) -> [u64; 4] {
        self.shared.secret
    }

    #[inline]
    pub(crate) fn get(&self, fingerprint: Fingerprint, token: &[u8]) -> Option<Entry> {
        let entry = self.shared.entries.get(&fingerprint)?;
        (entry.token_tail == tail(token)).then_some(entry)
    }

    pub(crate) fn insert(&self, fingerprint: Fingerprint, entry: Entry) {
        self.shared.entries.insert(fingerprint, entry);
    }
}

impl Default for VerdictCache {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for VerdictCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerdictCache")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl Weighter<Fingerprint, Entry> for Bytes {
    fn weight(&self, _: &Fingerprint, entry: &Entry) -> u64 {
        let bytes =
            size_of::<(Fingerprint, Entry)>() + OVERHEAD + entry.identity.parts().heap_bytes();
        bytes as u64
    }
}

/// The last bytes of a token.
#[inline]
pub(crate) fn tail(token: &[u8]) -> [u8; TAIL] {
    token.last_chunk().copied().unwrap_or_default()
}
