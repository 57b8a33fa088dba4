//! The key for a token, found by its `kid` and algorithm.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::algorithm::Algorithm;
use super::label::KidLabel;
use super::verifying::{MAX_KID_BYTES, VerifyingKey};

/// A set of public keys in which a token has at most one.
///
/// No signature is ever tried on several keys:
///
/// | the token names | keys | answer |
/// |---|---|---|
/// | a `kid` | one of that id for its algorithm | that key |
/// | a `kid` | some of that id, none for its algorithm | [`LookupError::AlgorithmMismatch`] |
/// | a `kid` | none of that id | [`LookupError::UnknownKid`] |
/// | no `kid` | exactly one for its algorithm | that key, whatever its id |
/// | no `kid` | none for its algorithm | [`LookupError::NoKey`] |
/// | no `kid` | several for its algorithm | [`LookupError::Ambiguous`] |
#[derive(Default)]
pub struct KeyTable {
    keys: Box<[Arc<VerifyingKey>]>,
    /// Positions in `keys`; more than one only where the algorithms are disjoint.
    by_kid: HashMap<Box<str>, Vec<usize>>,
    by_algorithm: [Usable; Algorithm::ALL.len()],
}

/// The keys usable for one algorithm.
#[derive(Clone, Copy, Default)]
enum Usable {
    #[default]
    None,
    One(usize),
    Several,
}

/// The reason why there is no key for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LookupError {
    /// No key has this id: a newer set may have one.
    UnknownKid,
    /// The key of this id must not be used with this algorithm.
    AlgorithmMismatch,
    /// The id is longer than any that is loaded, so no set can have it.
    KidTooLong,
    /// The token has no id, and no key is usable with this algorithm: a newer set may have one.
    NoKey,
    /// The token has no id, and several keys are usable with this algorithm.
    Ambiguous,
}

/// The error for two keys with one id and an algorithm in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuplicateKid {
    kid: KidLabel,
}

// === impl KeyTable ===

impl KeyTable {
    /// Creates a table. Keys may share an id as long as their algorithms are disjoint; any number
    /// may have none.
    ///
    /// # Errors
    ///
    /// [`DuplicateKid`] if a token could have two keys. What [`parse_jwks`](super::parse_jwks)
    /// returns never has them.
    pub fn new(keys: Vec<VerifyingKey>) -> Result<Self, DuplicateKid> {
        Self::check(&keys)?;
        let keys: Box<[_]> = keys.into_iter().map(Arc::new).collect();
        let mut by_kid: HashMap<Box<str>, Vec<usize>> = HashMap::with_capacity(keys.len());
        let mut by_algorithm = [Usable::None; Algorithm::ALL.len()];
        for (position, key) in keys.iter().enumerate() {
            if let Some(kid) = key.kid() {
                by_kid.entry(kid.into()).or_default().push(position);
            }
            for algorithm in key.algorithms().iter() {
                let usable = &mut by_algorithm[algorithm.index()];
                *usable = match usable {
                    Usable::None => Usable::One(position),
                    Usable::One(_) | Usable::Several => Usable::Several,
                };
            }
        }
        Ok(Self {
            keys,
            by_kid,
            by_algorithm,
        })
    }

    pub(super) fn check(keys: &[VerifyingKey]) -> Result<(), DuplicateKid> {
        let mut taken = HashMap::with_capacity(keys.len());
        for key in keys {
            let Some(kid) = key.kid() else { continue };
            let algorithms = taken.entry(kid).or_insert(super::AlgorithmSet::EMPTY);
            if !algorithms.is_disjoint(key.algorithms()) {
                return Err(DuplicateKid {
                    kid: KidLabel::new(kid),
                });
            }
            *algorithms = algorithms.union(key.algorithms());
        }
        Ok(())
    }

    /// Returns the one key that may check a token with this `kid` and algorithm. Allocates nothing.
    ///
    /// # Errors
    ///
    /// [`LookupError`] if there is none, or more than one.
    pub fn find(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<&Arc<VerifyingKey>, LookupError> {
        let Some(kid) = kid else {
            return match self.by_algorithm[algorithm.index()] {
                Usable::None => Err(LookupError::NoKey),
                Usable::One(position) => Ok(&self.keys[position]),
                Usable::Several => Err(LookupError::Ambiguous),
            };
        };
        if kid.len() > MAX_KID_BYTES {
            return Err(LookupError::KidTooLong);
        }
        let positions = self.by_kid.get(kid).ok_or(LookupError::UnknownKid)?;
        positions
            .iter()
            .map(|position| &self.keys[*position])
            .find(|key| key.algorithms().contains(algorithm))
            .ok_or(LookupError::AlgorithmMismatch)
    }

    /// Returns the keys in the order they were given.
    #[must_use]
    pub fn keys(&self) -> &[Arc<VerifyingKey>] {
        &self.keys
    }

    /// Returns the number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Returns whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl fmt::Debug for KeyTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyTable").field(&self.keys).finish()
    }
}

// === impl LookupError ===

impl LookupError {
    /// Returns a stable label for metrics and logs.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::UnknownKid => "unknown_kid",
            Self::AlgorithmMismatch => "algorithm_mismatch",
            Self::KidTooLong => "kid_too_long",
            Self::NoKey => "no_key",
            Self::Ambiguous => "ambiguous_key",
        }
    }

    /// Returns whether a newer set could hold the key.
    #[must_use]
    pub const fn may_heal(&self) -> bool {
        matches!(self, Self::UnknownKid | Self::NoKey)
    }
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownKid => "no key has the token's `kid`",
            Self::AlgorithmMismatch => "the key of the token's `kid` is not for its algorithm",
            Self::KidTooLong => "the token's `kid` is longer than 256 bytes",
            Self::NoKey => "the token has no `kid`, and no key is for its algorithm",
            Self::Ambiguous => "the token has no `kid`, and several keys are for its algorithm",
        })
    }
}

impl std::error::Error for LookupError {}

// === impl DuplicateKid ===

impl DuplicateKid {
    /// Returns the id, made safe to show.
    #[must_use]
    pub fn kid(&self) -> &KidLabel {
        &self.kid
    }
}

impl fmt::Display for DuplicateKid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`kid` {:?} names two keys with an algorithm in common: rename one",
            self.kid
        )
    }
}

impl std::error::Error for DuplicateKid {}
