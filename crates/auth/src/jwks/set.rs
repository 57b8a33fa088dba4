//! One snapshot of an issuer's keys.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use portcullis_core::UnixTime;

use crate::key::{Algorithm, DuplicateKid, KeyTable, LookupError, MaterialId, VerifyingKey};

/// The keys of an issuer at one moment; never changes.
///
/// A verification takes one snapshot and reads everything from it, so it sees the keys of one
/// generation and never a mixture.
///
/// | generation | meaning |
/// |---|---|
/// | 0 | there were never any keys |
/// | any other | unlike that of every other content in this process, whatever the issuer |
///
/// The generation stays while the content (key ids and key material) stays, however often it is
/// fetched. So what was derived from a set is good while the generation is the same, and else while
/// the one key it was derived from is [live](KeySet::is_live).
#[derive(Clone, Debug)]
pub struct KeySet {
    content: Arc<Content>,
    /// None for keys that do not age, and where there are none.
    obtained: Option<UnixTime>,
}

#[derive(Debug, Default)]
struct Content {
    generation: u64,
    table: KeyTable,
    /// Sorted, for a binary search.
    materials: Box<[MaterialId]>,
    /// Sorted: what tells one content from another.
    identity: Box<[(MaterialId, Option<Box<str>>)]>,
}

/// The generation given last. Process-wide, so that it may stand for a set in a shared cache.
static GENERATION: AtomicU64 = AtomicU64::new(0);

// === impl KeySet ===

impl KeySet {
    /// No keys: the state before the first were obtained.
    #[must_use]
    pub fn cold() -> Self {
        Self {
            content: Arc::default(),
            obtained: None,
        }
    }

    /// Keys that were configured, and so do not age.
    ///
    /// # Errors
    /// [`DuplicateKid`] if a token could have two keys.
    pub fn fixed(keys: Vec<VerifyingKey>) -> Result<Self, DuplicateKid> {
        let content = Content::new(keys)?;
        Ok(Self {
            content: Arc::new(content),
            obtained: None,
        })
    }

    /// Keys that were fetched by a request sent after `obtained`.
    ///
    /// # Errors
    /// [`DuplicateKid`] if a token could have two keys.
    pub fn fetched(keys: Vec<VerifyingKey>, obtained: UnixTime) -> Result<Self, DuplicateKid> {
        Ok(Self {
            obtained: Some(obtained),
            ..Self::fixed(keys)?
        })
    }

    /// This set, or the content and generation of `earlier` if the content is the same.
    pub(super) fn keeping_generation_of(self, earlier: &Self) -> Self {
        if self.content.identity == earlier.content.identity && !earlier.is_cold() {
            return earlier.obtained_at(self.obtained);
        }
        self
    }

    /// The same content, obtained at another time.
    pub(super) fn obtained_at(&self, obtained: Option<UnixTime>) -> Self {
        Self {
            content: Arc::clone(&self.content),
            obtained,
        }
    }

    /// Returns the one key that may check a token with this `kid` and algorithm. Allocates nothing.
    ///
    /// # Errors
    /// [`LookupError`] if there is none, or more than one.
    pub fn find(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<&Arc<VerifyingKey>, LookupError> {
        self.content.table.find(kid, algorithm)
    }

    /// Whether this key is still in the set, under whatever id.
    #[must_use]
    pub fn is_live(&self, material: &MaterialId) -> bool {
        self.content
            .materials
            .binary_search_by(|held| held.as_bytes().cmp(material.as_bytes()))
            .is_ok()
    }

    /// A number that stands for the content.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.content.generation
    }

    /// Whether there were never any keys.
    #[must_use]
    pub fn is_cold(&self) -> bool {
        self.content.generation == 0
    }

    /// The wall time read before the request for this set was sent; none for keys that do not age.
    #[must_use]
    pub fn obtained(&self) -> Option<UnixTime> {
        self.obtained
    }

    /// How much older than `hard_age` the set is, if it is older.
    ///
    /// | `now` | age |
    /// |---|---|
    /// | after the set was obtained | the difference |
    /// | before it, by up to `hard_age` | none: the clock was corrected, and the set is no older than before |
    /// | before it, by more | the difference: one of the two readings was far off, so the age is unknown and counts as too much |
    ///
    /// The second row would let a clock that jumped back hide an age. The refresh task measures ages
    /// by the monotonic clock as well and moves [`obtained`](KeySet::obtained) back where that says
    /// the set is older; so a jump in either direction is put right within a minute.
    #[must_use]
    pub fn overdue(&self, now: UnixTime, hard_age: Duration) -> Option<Duration> {
        let obtained = self.obtained?;
        // One of the two is zero.
        let apart = now.since(obtained).max(obtained.since(now));
        apart.checked_sub(hard_age).filter(|over| !over.is_zero())
    }

    /// The age by the wall clock; none for keys that do not age. A time before it was obtained is age 0.
    #[must_use]
    pub fn age(&self, now: UnixTime) -> Option<Duration> {
        self.obtained.map(|obtained| now.since(obtained))
    }

    /// The keys, in the order of their document.
    #[must_use]
    pub fn keys(&self) -> &[Arc<VerifyingKey>] {
        self.content.table.keys()
    }
}

// === impl Content ===

impl Content {
    fn new(keys: Vec<VerifyingKey>) -> Result<Self, DuplicateKid> {
        let table = KeyTable::new(keys)?;
        let mut identity: Vec<_> = table
            .keys()
            .iter()
            .map(|key| (key.material_id(), key.kid().map(Box::from)))
            .collect();
        identity
            .sort_by(|(a, a_kid), (b, b_kid)| (a.as_bytes(), a_kid).cmp(&(b.as_bytes(), b_kid)));
        let mut materials: Vec<_> = identity.iter().map(|(material, _)| *material).collect();
        materials.dedup();
        Ok(Self {
            // Relaxed: the number only has to be unlike the others; the swap publishes the content.
            generation: GENERATION.fetch_add(1, Ordering::Relaxed) + 1,
            table,
            materials: materials.into(),
            identity: identity.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use portcullis_testing::SigningKey;

    use crate::key::{JwksOptions, parse_jwks};

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const NOON: UnixTime = UnixTime::from_secs(1_900_000_000);

    fn keys(of: &[&SigningKey]) -> Vec<VerifyingKey> {
        let document = portcullis_testing::jwks(of.iter().copied()).to_string();
        parse_jwks(document.as_bytes(), &JwksOptions::new())
            .unwrap()
            .keys
    }

    fn set(of: &[&SigningKey]) -> KeySet {
        KeySet::fetched(keys(of), NOON).unwrap()
    }

    #[test]
    fn the_generation_stays_while_the_content_stays() {
        let (a, b) = (SigningKey::es256(), SigningKey::ed25519());
        let first = set(&[&a, &b]);
        assert_ne!(first.generation(), set(&[&a, &b]).generation());
        let later = NOON + HOUR;
        let same = KeySet::fetched(keys(&[&b, &a]), later)
            .unwrap()
            .keeping_generation_of(&first);
        assert_eq!(
            same.generation(),
            first.generation(),
            "the order does not matter"
        );
        assert_eq!(same.obtained(), Some(later));
        for other in [set(&[&a]), set(&[&a, &b.clone().with_kid("other")])] {
            let other = other.keeping_generation_of(&first);
            assert_ne!(other.generation(), first.generation());
        }
    }

    #[test]
    fn a_key_is_live_while_its_set_has_it() {
        let (a, b) = (SigningKey::es256(), SigningKey::ed25519());
        let (both, one) = (set(&[&a, &b]), set(&[&b.clone().with_kid("renamed")]));
        let id = |key: &SigningKey| keys(&[key])[0].material_id();
        assert!(both.is_live(&id(&a)) && both.is_live(&id(&b)));
        assert!(!one.is_live(&id(&a)) && one.is_live(&id(&b)));
        assert!(!KeySet::cold().is_live(&id(&a)));
    }

    #[test]
    fn a_cold_set_has_nothing() {
        let cold = KeySet::cold();
        assert!(cold.is_cold() && cold.keys().is_empty() && cold.generation() == 0);
        assert_eq!(cold.overdue(UnixTime::MAX, HOUR), None);
        assert_eq!(cold.age(NOON), None);
        assert!(!set(&[&SigningKey::es256()]).is_cold());
    }

    #[test]
    fn overdue_is_what_the_table_says() {
        let set = set(&[&SigningKey::es256()]);
        let second = Duration::from_secs(1);
        for (now, overdue) in [
            (NOON, None),
            (NOON + HOUR, None),
            (NOON + HOUR + second, Some(second)),
            (NOON - HOUR, None),
            (NOON - HOUR - second, Some(second)),
            (UnixTime::EPOCH, Some(NOON.since_epoch() - HOUR)),
        ] {
            assert_eq!(set.overdue(now, HOUR), overdue, "{now:?}");
        }
        let fixed = KeySet::fixed(keys(&[&SigningKey::es256()])).unwrap();
        assert_eq!(fixed.overdue(UnixTime::MAX, HOUR), None);
    }
}
