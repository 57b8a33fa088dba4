//! One look at a token: from bytes to a verdict, or to the key that is missing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis_core::{
    Clock, Identity, OutageCause, Provenance, Refusal, Timed, TokenHash, UnixTime, Work,
};

use super::issuer::{Source, Trusted};
use super::recall::{Doubt, Glance, Recalled, Recheck, held};
use super::{Shared, identity};
use crate::cache::{Entry, Fingerprint, tail};
use crate::jose::{Claims, Compact, HEADER_BUFFER, Header, KnownHeader, SIGNATURE_MAX};
use crate::jwks::{Missing, Wanted};
use crate::key::{Algorithm, LookupError, MaterialId, VerifyingKey, sha256};
use crate::{Gate, Outage, Presented, Reason, Verdict};

/// What one look came to.
pub(super) enum Judged {
    Verdict(Verdict),
    /// The token is good as far as it can be told without its key, and the key is not there.
    Miss(Miss),
    NotAdmitted(Refusal),
}

/// A key that is missing.
pub(super) struct Miss {
    issuer: usize,
    kid: Option<Box<str>>,
    algorithm: Algorithm,
    /// What the set has in place of the key.
    instead: Option<Result<MaterialId, LookupError>>,
    issued_at: Option<UnixTime>,
    /// Why the token is bad, should there be no such key.
    pub(super) reason: Reason,
    /// The caller, if the token was seen valid before there were no keys.
    held: Option<(Identity, Duration)>,
}

/// A token whose signature is good.
struct Proven {
    issuer: usize,
    identity: Identity,
    /// When it expires, leeway included.
    expires: UnixTime,
    /// When it is too old for this issuer, if it can be.
    too_old_after: Option<UnixTime>,
    key: Proof,
}

/// By which key.
struct Proof {
    material: MaterialId,
    /// Its name: that in the set, for a token need not name it.
    kid: Option<Arc<str>>,
    generation: u64,
    /// How much older than the hard age the keys are.
    overdue: Option<Duration>,
    /// SHA-256 of what was signed.
    hash: [u8; 32],
}

/// What a new verification came to, if the token is not bad.
enum Found {
    Proven(Proven),
    Miss(Miss),
    NotAdmitted(Refusal),
}

impl<C: Clock> Shared<C> {
    /// Looks at a token.
    pub(super) fn judge(&self, token: Presented<'_>, gate: &Gate<'_>) -> Judged {
        if let Err(reason) = self.form(token) {
            return invalid(reason);
        }
        let glance = self.glance(token);
        match self.recall(token, glance) {
            Recalled::Valid(identity) => Judged::Verdict(Verdict::Valid(identity)),
            Recalled::Invalid(reason) => invalid(reason),
            Recalled::Doubtful(doubt) => self.look_on(doubt, token, glance, gate),
        }
    }

    /// Looks into a token.
    #[inline(never)]
    pub(super) fn look_on(
        &self,
        doubt: Doubt,
        token: Presented<'_>,
        glance: Glance,
        gate: &Gate<'_>,
    ) -> Judged {
        let entry = match doubt {
            Doubt::New => None,
            Doubt::Changed => self.cache.get(glance.fingerprint, token.as_bytes()),
        };
        if let Some(entry) = &entry
            && let Recheck::Overdue(overdue) = self.recheck(entry, glance.now)
        {
            let identity = entry.identity.with_provenance(Provenance::Cached);
            let outage = Outage::new(OutageCause::KeysStale).holding(identity, overdue);
            return Judged::Verdict(Verdict::Indeterminate(outage));
        }
        self.look(token, glance, entry.as_ref(), gate)
    }

    fn look(
        &self,
        token: Presented<'_>,
        glance: Glance,
        known: Option<&Entry>,
        gate: &Gate<'_>,
    ) -> Judged {
        let Glance { fingerprint, now } = glance;
        let generation = self.generation();
        if let Some(reason) = self.negative.get(fingerprint, now, generation) {
            return invalid(reason);
        }
        let compact = match token.text().and_then(Compact::split) {
            Ok(compact) => compact,
            // What has not even the form costs less to look at again than to remember.
            Err(reason) => return invalid(reason),
        };
        let found = compact
            .payload()
            .and_then(|payload| self.verify_anew(compact, payload, known, now, gate));
        match found {
            Ok(Found::Proven(proven)) => {
                let tail = tail(token.as_bytes());
                Judged::Verdict(self.conclude(proven, tail, fingerprint, now))
            }
            Ok(Found::Miss(miss)) => Judged::Miss(miss),
            Ok(Found::NotAdmitted(refusal)) => Judged::NotAdmitted(refusal),
            Err(reason) => {
                self.negative.insert(fingerprint, reason, generation, now);
                invalid(reason)
            }
        }
    }

    fn verify_anew(
        &self,
        compact: Compact<'_>,
        payload: Vec<u8>,
        known: Option<&Entry>,
        now: UnixTime,
        gate: &Gate<'_>,
    ) -> Result<Found, Reason> {
        let remembered = self.headers.find(compact.header_text());
        let (mut buffer, decoded, read);
        let header = match remembered.as_ref().and_then(KnownHeader::get) {
            Some(header) => header,
            None => {
                buffer = [0; HEADER_BUFFER];
                decoded = compact.header(&mut buffer)?;
                read = Header::read(&decoded)?;
                &read
            }
        };
        let claims = Claims::read(&payload)?;
        let mut buffer = [0; SIGNATURE_MAX];
        let signature = compact.signature(&mut buffer)?;

        let iss = claims.iss.as_deref().ok_or(Reason::MissingClaim)?;
        let (position, issuer) = self.issuer(iss).ok_or(Reason::Issuer)?;
        let algorithm = issuer.policy.check(header, &claims, now)?;
        let kid = header.key_id()?;

        let mut key = match &issuer.source {
            Source::Ring(ring) => {
                let key = ring.verify(compact.signing_input(), signature);
                let material = key.map_err(|_| Reason::Signature)?.material_id();
                Proof {
                    material,
                    kid: kid.map(Arc::from),
                    generation: 0,
                    overdue: None,
                    hash: sha256(&[compact.signing_input()]),
                }
            }
            Source::Fixed(set) => {
                let key = set
                    .find(kid, algorithm)
                    .map_err(|error| reason_of(&error))?;
                if let Err(refusal) = gate.admit(Work::Signature) {
                    return Ok(Found::NotAdmitted(refusal));
                }
                let hash = prove(key, algorithm, compact, signature)?;
                Proof {
                    material: key.material_id(),
                    kid: key.shared_kid(),
                    generation: set.generation(),
                    overdue: None,
                    hash,
                }
            }
            Source::Remote(jwks) => {
                let set = jwks.load();
                let miss = |instead, reason| {
                    // Seen valid, and now there are no keys at all: known, if not for certain. A key
                    // that a set has dropped is another matter.
                    let known = known.filter(|_| set.is_cold());
                    Found::Miss(Miss {
                        issuer: position,
                        kid: kid.map(Box::from),
                        algorithm,
                        instead,
                        issued_at: claims.iat.map(|iat| iat.floor()),
                        reason,
                        held: known.and_then(|entry| held(entry, now)),
                    })
                };
                let key = match set.find(kid, algorithm) {
                    Ok(key) => key,
                    Err(error) if error.may_heal() => return Ok(miss(None, Reason::UnknownKey)),
                    // Without an id, that there are several keys may be a rotation under way.
                    Err(error @ LookupError::Ambiguous) => {
                        return Ok(miss(Some(Err(error)), Reason::AmbiguousKey));
                    }
                    Err(error) => return Err(reason_of(&error)),
                };
                if let Err(refusal) = gate.admit(Work::Signature) {
                    return Ok(Found::NotAdmitted(refusal));
                }
                let hash = match prove(key, algorithm, compact, signature) {
                    Ok(hash) => hash,
                    // Without an id, nothing but a newer set tells a token under a new key from a forged one.
                    Err(reason) if kid.is_none() => {
                        return Ok(miss(Some(Ok(key.material_id())), reason));
                    }
                    Err(reason) => return Err(reason),
                };
                let overdue = set.overdue(now, jwks.hard_age());
                Proof {
                    material: key.material_id(),
                    kid: key.shared_kid(),
                    generation: set.generation(),
                    overdue,
                    hash,
                }
            }
        };
        let mut parts = identity::parts(&issuer.name, &issuer.policy, &claims, &payload)?;
        let expires = issuer.policy.expires(&claims).ok_or(Reason::MissingClaim)?;
        let too_old_after = issuer.policy.too_old_after(&claims);
        if remembered.is_none() {
            self.headers.remember(compact.header_text(), header);
        }
        // They borrow the payload, which the identity keeps.
        drop(claims);
        parts.payload = payload.into_boxed_slice();
        parts.key_id = key.kid.take();
        if let Source::Remote(jwks) = &issuer.source {
            parts.issuer_ahead_millis = jwks.issuer_ahead_millis();
        }
        // With a `jti` too: who revokes may know the token and not what is in it.
        parts.token_hash = Some(TokenHash::SigningInput(key.hash));
        Ok(Found::Proven(Proven {
            issuer: position,
            identity: Identity::new(parts, Provenance::Fresh),
            expires,
            too_old_after,
            key,
        }))
    }

    /// The verdict about a token whose signature is good.
    fn conclude(
        &self,
        proven: Proven,
        token_tail: [u8; 16],
        fingerprint: Fingerprint,
        now: UnixTime,
    ) -> Verdict {
        let Proven {
            issuer,
            identity,
            expires,
            too_old_after,
            key,
        } = proven;
        if let Some(overdue) = key.overdue {
            return Verdict::Indeterminate(
                Outage::new(OutageCause::KeysStale).holding(identity, overdue),
            );
        }
        let lifetime = self.lifetime.mul_f64(1.0 - fastrand::f64() / 10.0);
        let fresh_until = too_old_after.map_or(now + lifetime, |end| end.min(now + lifetime));
        let entry = Entry {
            token_tail,
            issuer,
            expires,
            fresh_until,
            verified_at: now,
            generation: key.generation,
            material: key.material,
            identity: identity.clone(),
        };
        self.cache.insert(fingerprint, entry);
        Verdict::Valid(identity)
    }

    fn issuer(&self, iss: &str) -> Option<(usize, &Trusted<C>)> {
        self.issuers
            .iter()
            .enumerate()
            .find(|(_, issuer)| issuer.policy.is_named(iss))
    }

    /// A number that changes whenever the keys of any issuer do.
    fn generation(&self) -> u64 {
        self.issuers
            .iter()
            .map(|issuer| match &issuer.source {
                Source::Remote(jwks) => jwks.load().generation(),
                Source::Fixed(_) | Source::Ring(_) => 0,
            })
            .fold(0, |sum, generation| {
                sum.wrapping_mul(31).wrapping_add(generation)
            })
    }

    // === a key that is missing ===

    /// The verdict about a missing key, where nobody has to be waited for.
    pub(super) fn miss_now(&self, miss: &Miss) -> Option<Verdict> {
        let Source::Remote(jwks) = &self.issuers.get(miss.issuer)?.source else {
            return None;
        };
        let leeway = self.issuers.get(miss.issuer)?.policy.leeway;
        let missing = jwks.miss_now(&miss.wanted(leeway))?;
        self.missing(miss, missing)
    }

    /// Waits for what the issuer says about a missing key.
    pub(super) async fn find_missing(&self, miss: &Miss, deadline: Instant) -> Missing {
        let issuer = self.issuers.get(miss.issuer);
        let Some((Source::Remote(jwks), policy)) = issuer.map(|one| (&one.source, &one.policy))
        else {
            return Missing::Absent;
        };
        let wanted = miss.wanted(policy.leeway);
        Timed::new("issuer", jwks.find_missing(&wanted, deadline)).await
    }

    /// The outage, with the caller who was seen valid before.
    pub(super) fn holding(&self, miss: &Miss, outage: Outage) -> Outage {
        match &miss.held {
            Some((identity, age)) => outage.holding(identity.clone(), *age),
            None => outage,
        }
    }

    pub(super) fn outage_of(&self, miss: Option<&Miss>) -> Outage {
        let outage = Outage::new(OutageCause::KeyUnavailable);
        miss.map_or(outage.clone(), |miss| self.holding(miss, outage))
    }
}

impl Miss {
    fn wanted(&self, leeway: Duration) -> Wanted<'_> {
        let wanted = Wanted::new(self.kid.as_deref(), self.algorithm);
        let wanted = wanted.issued_at(self.issued_at, leeway);
        match self.instead {
            None => wanted,
            Some(Ok(material)) => wanted.replacing(material),
            Some(Err(error)) => wanted.despite(error),
        }
    }
}

fn prove(
    key: &VerifyingKey,
    algorithm: Algorithm,
    compact: Compact<'_>,
    signature: &[u8],
) -> Result<[u8; 32], Reason> {
    key.verify_hashing(algorithm, compact.signing_input(), signature)
        .map_err(|_| Reason::Signature)
}

fn reason_of(error: &LookupError) -> Reason {
    match error {
        LookupError::AlgorithmMismatch => Reason::Algorithm,
        LookupError::Ambiguous => Reason::AmbiguousKey,
        _ => Reason::UnknownKey,
    }
}

fn invalid(reason: Reason) -> Judged {
    Judged::Verdict(Verdict::Invalid(reason))
}
