//! Tokens that were found bad a moment ago.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use portcullis_core::UnixTime;

use super::fingerprint::{BuildAsIs, Fingerprint};
use crate::Reason;

/// A small cache of tokens that were found bad for a reason that cannot heal by itself: a wrong
/// signature, issuer or audience, or a malformed token. A client that is stuck with one costs no
/// signature check each time.
///
/// It is apart from the good ones, so junk drives out junk only. Those that came again stand in front as
/// well: a look there costs a fifth of one at the policies behind.
#[derive(Debug)]
pub(crate) struct Negative {
    repeated: Repeated,
    entries: Cache<Fingerprint, Bad, BuildAsIs>,
    /// Unix seconds: until when there may be an entry worth looking for. In calm times there is none,
    /// and a good token that is new pays nothing.
    busy_until: AtomicU64,
}

/// Copies of a few entries, each in the one place where its digest puts it. Nobody waits: a place that
/// another thread looks at is passed over.
#[derive(Debug)]
struct Repeated {
    places: [Mutex<Option<(Fingerprint, Bad)>>; PLACES],
}

#[derive(Clone, Copy, Debug)]
struct Bad {
    reason: Reason,
    generation: u64,
    /// Not the library's business: its clock is not ours.
    from: UnixTime,
}

const ENTRIES: u64 = 4096;
const LIFETIME: Duration = Duration::from_secs(10);
const PLACES: usize = 64;

// === impl Negative ===

impl Negative {
    pub(crate) fn new() -> Self {
        let entries = Cache::builder()
            .max_capacity(ENTRIES)
            .build_with_hasher(BuildAsIs::default());
        Self {
            repeated: Repeated::new(),
            entries,
            busy_until: AtomicU64::new(0),
        }
    }

    /// The reason, if the token was found bad with these very keys within the last 10 s.
    pub(crate) fn get(
        &self,
        fingerprint: Fingerprint,
        now: UnixTime,
        generation: u64,
    ) -> Option<Reason> {
        if now.as_secs() > self.busy_until.load(Ordering::Relaxed) {
            return None;
        }
        let bad = self.repeated.get(fingerprint).or_else(|| {
            let bad = self.entries.get(&fingerprint)?;
            self.repeated.put(fingerprint, bad);
            Some(bad)
        })?;
        let young = bad.from <= now && now.since(bad.from) < LIFETIME;
        (young && generation == bad.generation).then_some(bad.reason)
    }

    pub(crate) fn insert(
        &self,
        fingerprint: Fingerprint,
        reason: Reason,
        generation: u64,
        now: UnixTime,
    ) {
        if matches!(
            reason,
            Reason::Signature | Reason::Issuer | Reason::Audience | Reason::Malformed
        ) {
            let bad = Bad {
                reason,
                generation,
                from: now,
            };
            self.entries.insert(fingerprint, bad);
            // What stands in front would hide it.
            self.repeated.refresh(fingerprint, bad);
            let until = (now + LIFETIME).as_secs();
            self.busy_until.fetch_max(until, Ordering::Relaxed);
        }
    }
}

// === impl Repeated ===

impl Repeated {
    fn new() -> Self {
        Self {
            places: std::array::from_fn(|_| Mutex::new(None)),
        }
    }

    fn get(&self, fingerprint: Fingerprint) -> Option<Bad> {
        let place = self.place(fingerprint).try_lock().ok()?;
        place
            .filter(|(known, _)| *known == fingerprint)
            .map(|(_, bad)| bad)
    }

    fn put(&self, fingerprint: Fingerprint, bad: Bad) {
        if let Ok(mut place) = self.place(fingerprint).try_lock() {
            *place = Some((fingerprint, bad));
        }
    }

    fn refresh(&self, fingerprint: Fingerprint, bad: Bad) {
        let mut place = match self.place(fingerprint).lock() {
            Ok(place) => place,
            Err(poisoned) => poisoned.into_inner(),
        };
        if place.is_some_and(|(known, _)| known == fingerprint) {
            *place = Some((fingerprint, bad));
        }
    }

    fn place(&self, fingerprint: Fingerprint) -> &Mutex<Option<(Fingerprint, Bad)>> {
        &self.places[fingerprint.one_of(PLACES)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Fingerprinter;

    #[test]
    fn any_number_of_bad_tokens_takes_a_fixed_number_of_entries() {
        let negative = Negative::new();
        let digest = Fingerprinter::new([7; 4], &());
        for token in 0..20_000_u32 {
            let fingerprint = digest.of(&token.to_le_bytes());
            negative.insert(fingerprint, Reason::Signature, 0, UnixTime::from_secs(1));
        }
        negative.entries.run_pending_tasks();
        assert!(negative.entries.entry_count() <= ENTRIES);
    }

    #[test]
    fn a_token_that_came_again_is_what_was_found_out_last() {
        let negative = Negative::new();
        let fingerprint = Fingerprinter::new([7; 4], &()).of(b"x");
        let second = UnixTime::from_secs;
        negative.insert(fingerprint, Reason::Signature, 1, second(100));
        for _ in 0..3 {
            let known = negative.get(fingerprint, second(101), 1);
            assert_eq!(known, Some(Reason::Signature));
        }
        assert!(negative.repeated.get(fingerprint).is_some());
        // Its keys changed, and it is bad for another reason now.
        negative.insert(fingerprint, Reason::Audience, 2, second(105));
        assert_eq!(negative.get(fingerprint, second(106), 1), None);
        let known = negative.get(fingerprint, second(114), 2);
        assert_eq!(known, Some(Reason::Audience));
    }

    #[test]
    fn of_two_tokens_in_one_place_each_is_itself() {
        let negative = Negative::new();
        let digest = Fingerprinter::new([7; 4], &());
        let now = UnixTime::from_secs(1);
        let tokens: Vec<Fingerprint> = (0..4 * PLACES as u32)
            .map(|token| digest.of(&token.to_le_bytes()))
            .collect();
        let reason = |token: usize| [Reason::Signature, Reason::Issuer][token % 2];
        for (token, fingerprint) in tokens.iter().enumerate() {
            negative.insert(*fingerprint, reason(token), 0, now);
        }
        for round in 0..3 {
            for (token, fingerprint) in tokens.iter().enumerate() {
                let known = negative.get(*fingerprint, now, 0);
                assert_eq!(known, Some(reason(token)), "{token} in round {round}");
            }
        }
    }

    #[test]
    fn what_can_heal_is_not_remembered() {
        let negative = Negative::new();
        let now = UnixTime::from_secs(1);
        for reason in Reason::ALL {
            let fingerprint = Fingerprinter::new([7; 4], &()).of(reason.as_str().as_bytes());
            negative.insert(fingerprint, *reason, 0, now);
            let kept = negative.get(fingerprint, now, 0).is_some();
            let lasting = matches!(
                reason,
                Reason::Signature | Reason::Issuer | Reason::Audience | Reason::Malformed
            );
            assert_eq!(kept, lasting, "{reason}");
        }
    }

    #[test]
    fn other_keys_and_later_times_forget() {
        let negative = Negative::new();
        let fingerprint = Fingerprinter::new([7; 4], &()).of(b"x");
        negative.insert(fingerprint, Reason::Signature, 5, UnixTime::from_secs(100));
        let get = |now, generation| negative.get(fingerprint, UnixTime::from_secs(now), generation);
        assert_eq!(get(109, 5), Some(Reason::Signature));
        assert_eq!(get(109, 6), None);
        assert_eq!(get(110, 5), None);
        assert_eq!(get(99, 5), None, "a clock that was set back");
    }
}
