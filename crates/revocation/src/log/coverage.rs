//! Under which secrets every change was written, and since when.

use super::{Claim, Covered};
use crate::Fingerprint;
use crate::time::ServerTime;

/// Under which secrets every change of a log was written, and since when.
#[derive(Clone, Debug, Default)]
pub(crate) struct Coverage {
    known: Vec<Covered>,
}

/// So many secrets are known at a time; the one that was told longest ago makes room.
const MOST: usize = 16;

// === impl Coverage ===

impl Coverage {
    /// A node tells which secrets it writes under.
    pub(crate) fn told(&mut self, claims: &[Claim], now: ServerTime) {
        let first = self.known.is_empty();
        for claim in claims {
            if let Some(known) = self.find(claim.fingerprint) {
                known.told = known.told.max(now);
                continue;
            }
            if self.known.len() >= MOST
                && let Some(oldest) = (0..self.known.len()).min_by_key(|n| self.known[*n].told)
            {
                self.known.swap_remove(oldest);
            }
            let unclaimed = if first { ServerTime::ZERO } else { now };
            self.known.push(Covered {
                fingerprint: claim.fingerprint,
                since: claim.since.unwrap_or(unclaimed),
                told: now,
            });
        }
    }

    /// A change is written under these secrets, and no other.
    pub(crate) fn wrote(&mut self, under: &[Fingerprint], now: ServerTime) {
        // Whoever writes before it polls tells what it uses, too: else another secret could pass for one
        // from the beginning.
        let claims = under.iter().map(|fingerprint| Claim {
            fingerprint: *fingerprint,
            since: None,
        });
        self.told(&claims.collect::<Vec<_>>(), now);
        for known in &mut self.known {
            if !under.contains(&known.fingerprint) {
                known.since = known.since.max(now);
            }
        }
    }

    pub(crate) fn known(&self) -> &[Covered] {
        &self.known
    }

    fn find(&mut self, fingerprint: Fingerprint) -> Option<&mut Covered> {
        self.known
            .iter_mut()
            .find(|known| known.fingerprint == fingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Fingerprint = Fingerprint::from_bytes([1; 16]);
    const NEW: Fingerprint = Fingerprint::from_bytes([2; 16]);

    fn at(seconds: u64) -> ServerTime {
        ServerTime::from_millis(seconds * 1000)
    }

    fn unclaimed(fingerprint: Fingerprint) -> Claim {
        Claim {
            fingerprint,
            since: None,
        }
    }

    fn since(coverage: &Coverage, fingerprint: Fingerprint) -> Option<ServerTime> {
        let mut known = coverage.known().iter();
        known
            .find(|one| one.fingerprint == fingerprint)
            .map(|one| one.since)
    }

    #[test]
    fn the_first_secrets_are_from_the_beginning_and_later_ones_from_now() {
        let mut coverage = Coverage::default();
        coverage.told(&[unclaimed(OLD)], at(100));
        coverage.told(&[unclaimed(OLD), unclaimed(NEW)], at(200));
        assert_eq!(since(&coverage, OLD), Some(ServerTime::ZERO));
        assert_eq!(since(&coverage, NEW), Some(at(200)));
        assert_eq!(coverage.known()[0].told, at(200));
    }

    #[test]
    fn a_write_that_leaves_a_secret_out_starts_it_anew() {
        let mut coverage = Coverage::default();
        coverage.told(&[unclaimed(OLD), unclaimed(NEW)], at(100));
        coverage.wrote(&[OLD, NEW], at(200));
        assert_eq!(since(&coverage, NEW), Some(ServerTime::ZERO));
        coverage.wrote(&[OLD], at(300));
        assert_eq!(since(&coverage, NEW), Some(at(300)));
        assert_eq!(since(&coverage, OLD), Some(ServerTime::ZERO));
        // A clock that goes back makes nothing older.
        coverage.wrote(&[OLD], at(250));
        assert_eq!(since(&coverage, NEW), Some(at(300)));
    }

    #[test]
    fn a_write_before_any_poll_is_known_to_be_under_its_secret() {
        let mut coverage = Coverage::default();
        coverage.wrote(&[OLD], at(100));
        coverage.told(&[unclaimed(NEW)], at(200));
        assert_eq!(since(&coverage, OLD), Some(ServerTime::ZERO));
        assert_eq!(since(&coverage, NEW), Some(at(200)));
    }

    #[test]
    fn what_was_known_before_a_loss_is_believed() {
        let mut coverage = Coverage::default();
        let claim = |fingerprint, since| Claim {
            fingerprint,
            since: Some(since),
        };
        coverage.told(&[unclaimed(NEW)], at(100));
        coverage.told(&[claim(OLD, at(50))], at(100));
        assert_eq!(since(&coverage, OLD), Some(at(50)));
        // Known already: no claim makes it older.
        coverage.told(&[claim(NEW, at(1))], at(200));
        assert_eq!(since(&coverage, NEW), Some(ServerTime::ZERO));
    }

    #[test]
    fn a_flood_of_secrets_is_bounded_and_keeps_those_in_use() {
        let mut coverage = Coverage::default();
        for n in 0..200_u8 {
            let now = at(u64::from(n) + 1);
            coverage.told(&[unclaimed(Fingerprint::from_bytes([n; 16]))], now);
            coverage.told(&[unclaimed(OLD)], now);
        }
        assert_eq!(coverage.known().len(), MOST);
        assert!(since(&coverage, OLD).is_some());
    }
}
