//! The fingerprint of the ROCA flaw (CVE-2017-15361).

/// The odd primes whose product divides the primorial M of every affected key size.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// Returns whether a modulus looks like one of the affected generator.
///
/// Its primes were all `k·M + (65537^a mod M)`, so their product is a power of 65537 modulo every
/// prime that divides M. A sound modulus passes for that with a probability of about 2^-28.
pub(super) fn is_suspect(modulus: &[u8]) -> bool {
    PRIMES
        .iter()
        .all(|prime| is_power_of_65537(remainder(modulus, *prime), *prime))
}

fn remainder(number: &[u8], prime: u32) -> u32 {
    number
        .iter()
        .fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime)
}

fn is_power_of_65537(value: u32, prime: u32) -> bool {
    let generator = 65537 % prime;
    let mut power = 1;
    loop {
        if power == value {
            return true;
        }
        // The group is finite and starts at 1, so the walk comes back to 1.
        power = power * generator % prime;
        if power == 1 {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rsa::BigUint;

    use super::*;
    use crate::key::error::KeyError;
    use crate::key::material::Material;

    fn primes(count: usize) -> impl Iterator<Item = u32> {
        (2_u32..)
            .filter(|n| (2..*n).all(|factor| n % factor != 0))
            .take(count)
    }

    /// A number of the shape of the flawed generator's primes for 2048-bit keys: M is the product
    /// of the first 126 primes.
    fn flawed(multiple: u64, exponent: u64) -> BigUint {
        let m = primes(126).fold(BigUint::from(1_u32), |m, prime| m * BigUint::from(prime));
        let power = BigUint::from(65_537_u32).modpow(&BigUint::from(exponent), &m);
        BigUint::from(multiple) * m + power
    }

    #[test]
    fn the_primes_are_the_odd_ones_up_to_167() {
        assert!(primes(39).skip(1).eq(PRIMES));
    }

    #[test]
    fn a_modulus_of_the_flawed_generator_is_refused_at_load() {
        let n = flawed(u64::MAX, 5_000) * flawed(u64::MAX - 2, 77);
        assert!(is_suspect(&n.to_bytes_be()));
        let n = (n * flawed(1, 1)).to_bytes_be();
        assert!(n.len() >= 256);
        assert_eq!(Material::rsa(&n, &[1, 0, 1]).err(), Some(KeyError::RsaRoca));
    }

    proptest! {
        #[test]
        fn products_of_the_flawed_generator_have_the_fingerprint(
            multiples in any::<(u64, u64)>(),
            exponents in any::<(u64, u64)>(),
        ) {
            let n = flawed(multiples.0, exponents.0) * flawed(multiples.1, exponents.1);
            prop_assert!(is_suspect(&n.to_bytes_be()));
        }

        #[test]
        fn a_remainder_agrees_with_long_division(
            number in proptest::collection::vec(any::<u8>(), 0..300),
            prime in proptest::sample::select(&PRIMES[..]),
        ) {
            let expected = BigUint::from_bytes_be(&number) % BigUint::from(prime);
            prop_assert_eq!(BigUint::from(remainder(&number, prime)), expected);
        }

        #[test]
        fn random_numbers_have_no_fingerprint(
            number in proptest::collection::vec(any::<u8>(), 256),
        ) {
            prop_assert!(!is_suspect(&number));
        }
    }
}
