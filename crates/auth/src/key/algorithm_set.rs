//! A set of algorithms in two bytes.

use std::fmt;

use super::algorithm::{Algorithm, fmt_list};

/// A set of [`Algorithm`]s: one bit each, `Copy`, empty by default.
///
/// ```
/// use portcullis_auth::key::{Algorithm, AlgorithmSet};
///
/// const ALLOWED: AlgorithmSet = AlgorithmSet::of(&[Algorithm::RS256, Algorithm::ES256]);
/// assert!(ALLOWED.contains(Algorithm::ES256));
/// assert_eq!(ALLOWED.intersection(AlgorithmSet::RSA).to_string(), "RS256");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct AlgorithmSet(u16);

// === impl AlgorithmSet ===

impl AlgorithmSet {
    /// The set of no algorithm.
    pub const EMPTY: Self = Self(0);

    /// RS256, RS384, RS512, PS256, PS384, PS512.
    pub const RSA: Self = Self::of(&[
        Algorithm::RS256,
        Algorithm::RS384,
        Algorithm::RS512,
        Algorithm::PS256,
        Algorithm::PS384,
        Algorithm::PS512,
    ]);

    /// HS256, HS384, HS512.
    pub const HMAC: Self = Self::of(&[Algorithm::HS256, Algorithm::HS384, Algorithm::HS512]);

    /// Every algorithm with a public key.
    pub const ASYMMETRIC: Self = Self::RSA.union(Self::of(&[
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::EdDSA,
    ]));

    /// Creates the set of the listed algorithms.
    #[must_use]
    pub const fn of(algorithms: &[Algorithm]) -> Self {
        let mut set = Self::EMPTY;
        let mut position = 0;
        while position < algorithms.len() {
            set = set.with(algorithms[position]);
            position += 1;
        }
        set
    }

    /// Returns the set with `algorithm` added.
    #[must_use]
    pub const fn with(self, algorithm: Algorithm) -> Self {
        Self(self.0 | bit(algorithm))
    }

    /// Returns whether `algorithm` is a member.
    #[must_use]
    pub const fn contains(self, algorithm: Algorithm) -> bool {
        self.0 & bit(algorithm) != 0
    }

    /// Returns what is in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns what is in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns whether every member is in `other` too.
    #[must_use]
    pub const fn is_subset(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Returns whether the sets share no member.
    #[must_use]
    pub const fn is_disjoint(self, other: Self) -> bool {
        self.0 & other.0 == 0
    }

    /// Returns whether there is no member.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the number of members.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Returns the members in the order of [`Algorithm::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL
            .into_iter()
            .filter(move |algorithm| self.contains(*algorithm))
    }

    /// Returns the bits, stable within one version of this crate.
    pub(crate) const fn bits(self) -> u16 {
        self.0
    }
}

const fn bit(algorithm: Algorithm) -> u16 {
    1 << algorithm.index()
}

impl From<Algorithm> for AlgorithmSet {
    fn from(algorithm: Algorithm) -> Self {
        Self::EMPTY.with(algorithm)
    }
}

impl FromIterator<Algorithm> for AlgorithmSet {
    fn from_iter<I: IntoIterator<Item = Algorithm>>(algorithms: I) -> Self {
        algorithms.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl fmt::Display for AlgorithmSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_list(f, self.iter())
    }
}

impl fmt::Debug for AlgorithmSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn listed() -> impl Strategy<Value = Vec<Algorithm>> {
        proptest::collection::vec(proptest::sample::select(&Algorithm::ALL[..]), 0..16)
    }

    #[test]
    fn asymmetric_and_hmac_share_nothing_and_are_everything() {
        assert!(AlgorithmSet::ASYMMETRIC.is_disjoint(AlgorithmSet::HMAC));
        assert_eq!(
            AlgorithmSet::ASYMMETRIC.union(AlgorithmSet::HMAC),
            Algorithm::ALL.into_iter().collect()
        );
    }

    #[test]
    fn a_set_reads_as_its_names() {
        let set = AlgorithmSet::of(&[Algorithm::ES256, Algorithm::RS256]);
        assert_eq!(set.to_string(), "RS256, ES256");
        assert_eq!(format!("{set:?}"), "{RS256, ES256}");
    }

    proptest! {
        #[test]
        fn a_set_agrees_with_a_hash_set(left in listed(), right in listed()) {
            let (a, b) = (AlgorithmSet::of(&left), AlgorithmSet::of(&right));
            let left: HashSet<_> = left.into_iter().collect();
            let right: HashSet<_> = right.into_iter().collect();
            prop_assert_eq!(a.len(), left.len());
            prop_assert_eq!(a.is_empty(), left.is_empty());
            prop_assert_eq!(a.iter().collect::<HashSet<_>>(), left.clone());
            prop_assert_eq!(a.is_subset(b), left.is_subset(&right));
            prop_assert_eq!(a.is_disjoint(b), left.is_disjoint(&right));
            prop_assert_eq!(a.union(b), left.union(&right).copied().collect());
            prop_assert_eq!(a.intersection(b), left.intersection(&right).copied().collect());
        }
    }
}
