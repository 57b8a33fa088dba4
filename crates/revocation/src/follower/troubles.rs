//! What a page tells of trouble.

use std::time::Duration;

use super::Follower;
use crate::health::Trouble;
use crate::log::{Page, Quorum};
use crate::time::ServerTime;

/// Clocks may be so far apart before it is mentioned.
const APART: Duration = Duration::from_secs(30);
/// A secret that was told within this time is in use.
const IN_USE: Duration = Duration::from_secs(60);

// === impl Follower ===

impl Follower {
    /// All that is wrong, worst first.
    pub(super) fn troubles(&self) -> Vec<Trouble> {
        let mut troubles: Vec<_> = self.error.clone().map(Trouble::Log).into_iter().collect();
        troubles.extend(self.bad.map(Trouble::BadEntry));
        if self.writer.is_full() {
            let capacity = self.writer.set().capacity();
            troubles.push(Trouble::Full { capacity });
        }
        troubles.extend(self.told.iter().cloned());
        if self.panics > 0 {
            troubles.push(Trouble::Panicked { times: self.panics });
        }
        troubles.sort_by_key(|trouble| !trouble.blocks());
        troubles
    }

    pub(super) fn told_by(&self, page: &Page, wall: ServerTime) -> Vec<Trouble> {
        let mut troubles = Vec::new();
        if !page.quorum.holds()
            && let Quorum::Configured { good, .. } = page.quorum
        {
            let required = page.quorum.required();
            troubles.push(Trouble::NoQuorum { good, required });
        }
        troubles.extend(self.secret(page));
        if page.horizon.keep() < self.settings.horizon.keep() {
            let log = page.horizon.max_token_lifetime();
            troubles.push(Trouble::Horizon { log });
        }
        let ours = &self.settings.fingerprints;
        if page.fingerprints.iter().any(|covered| {
            !ours.contains(&covered.fingerprint) && covered.told + IN_USE > page.server_time
        }) {
            troubles.push(Trouble::OtherSecrets);
        }
        if let Quorum::Unchecked { replicas } = page.quorum {
            troubles.push(Trouble::QuorumUnchecked { replicas });
        }
        let by = page
            .server_time
            .since(wall)
            .max(wall.since(page.server_time));
        if by > APART {
            troubles.push(Trouble::ClocksApart { by });
        }
        troubles
    }

    /// Whether everything that may matter was written under our current secret.
    fn secret(&self, page: &Page) -> Option<Trouble> {
        let current = self.settings.fingerprints.first()?;
        let mut known = page.fingerprints.iter();
        let Some(covered) = known.find(|covered| covered.fingerprint == *current) else {
            return Some(Trouble::SecretUnknown);
        };
        let written = page.server_time.since(covered.since);
        let left = page.horizon.keep().saturating_sub(written);
        let from_the_beginning = covered.since == ServerTime::ZERO;
        (!from_the_beginning && !left.is_zero()).then_some(Trouble::SecretYoung { left })
    }
}
