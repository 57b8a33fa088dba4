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
