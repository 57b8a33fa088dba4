//! The numbers of a public key, and which of them are taken.

use super::algorithm::Algorithm;
use super::algorithm_set::AlgorithmSet;
use super::backend;
use super::error::KeyError;
use super::roca;
use super::verifying::MaterialId;

/// RFC 7518 §3.3 sets the lower bound; the upper one bounds the cost of a check.
pub(super) const MIN_RSA_BITS: usize = 2048;
pub(super) const MAX_RSA_BITS: usize = 8192;

/// A public key that passed every check which needs no arithmetic on the curve.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Material {
    /// Big-endian, without leading zeros.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// SEC 1, uncompressed: 0x04, x, y.
    Ec { curve: Curve, point: Vec<u8> },
    /// RFC 8032 §5.1.2.
    Ed25519([u8; 32]),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
}

// === impl Curve ===

impl Curve {
    pub(super) const fn field_bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }
}

// === impl Material ===

impl Material {
    pub(super) fn rsa(n: &[u8], e: &[u8]) -> Result<Self, KeyError> {
        // RFC 7518 §6.3.1.1 forbids leading zeros in `n`, yet some issuers send one.
        let (n, e) = (strip_zeros(n), strip_zeros(e));
        let bits = bit_length(n);
        if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits) {
            return Err(KeyError::RsaModulusSize { bits });
        }
        if n.last().is_none_or(|low| low & 1 == 0) {
            return Err(KeyError::RsaModulusEven);
        }
        let odd = e.last().is_some_and(|low| low & 1 == 1);
        if !odd || e == [1] || bit_length(e) > 33 {
            return Err(KeyError::RsaExponent);
        }
        if roca::is_suspect(n) {
            return Err(KeyError::RsaRoca);
        }
        Ok(Self::Rsa {
            n: n.to_vec(),
            e: e.to_vec(),
        })
    }

    pub(super) fn ec(curve: Curve, x: &[u8], y: &[u8]) -> Result<Self, KeyError> {
        // RFC 7518 §6.2.1.2: the full length of a coordinate, leading zeros included.
        let expected = curve.field_bytes();
        if x.len() != expected || y.len() != expected {
            return Err(KeyError::PointLength { expected });
        }
        let mut point = Vec::with_capacity(1 + 2 * expected);
        point.push(0x04);
        point.extend_from_slice(x);
        point.extend_from_slice(y);
        Ok(Self::Ec { curve, point })
    }

    /// From an uncompressed SEC 1 point, as SubjectPublicKeyInfo carries it.
    pub(super) fn ec_point(curve: Curve, point: &[u8]) -> Result<Self, KeyError> {
        match point {
            [0x04, coordinates @ ..] if coordinates.len() == 2 * curve.field_bytes() => {
                let (x, y) = coordinates.split_at(curve.field_bytes());
                Self::ec(curve, x, y)
            }
            _ => Err(KeyError::PointLength {
                expected: curve.field_bytes(),
            }),
        }
    }

    pub(super) fn ed25519(point: &[u8]) -> Result<Self, KeyError> {
        let point: [u8; 32] = point
            .try_into()
            .map_err(|_| KeyError::PointLength { expected: 32 })?;
        if is_weak(&point) {
            return Err(KeyError::WeakPoint);
        }
        Ok(Self::Ed25519(point))
    }

    /// Every algorithm this type of key can be used with.
    pub(super) fn algorithms(&self) -> AlgorithmSet {
        match self {
            Self::Rsa { .. } => AlgorithmSet::RSA,
            Self::Ec {
                curve: Curve::P256, ..
            } => Algorithm::ES256.into(),
            Self::Ec {
                curve: Curve::P384, ..
            } => Algorithm::ES384.into(),
            Self::Ed25519(_) => Algorithm::EdDSA.into(),
        }
    }

    /// The digest of the type, the numbers and the algorithms.
    pub(super) fn id(&self, algorithms: AlgorithmSet) -> MaterialId {
        let algorithms = algorithms.bits().to_be_bytes();
        // The length keeps the border between the two numbers.
        let (kind, first, second): (&[u8], &[u8], &[u8]) = match self {
            Self::Rsa { n, e } => (b"RSA", n, e),
            Self::Ec {
                curve: Curve::P256,
                point,
            } => (b"P-256", point, &[]),
            Self::Ec {
                curve: Curve::P384,
                point,
            } => (b"P-384", point, &[]),
            Self::Ed25519(point) => (b"Ed25519", point, &[]),
        };
        let border = (first.len() as u64).to_be_bytes();
        MaterialId::new(backend::sha256(&[
            kind,
            b"\0",
            &algorithms,
            &border,
            first,
            second,
        ]))
    }
}

fn strip_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

/// The number must have no leading zero byte.
fn bit_length(number: &[u8]) -> usize {
    number
        .first()
        .map_or(0, |top| number.len() * 8 - top.leading_zeros() as usize)
}

/// Whether a signature under this point could be made without a private key, or the point has a
/// second spelling (RFC 8032 §5.1.3 refuses y not below p).
fn is_weak(point: &[u8; 32]) -> bool {
    // The y coordinates of the points of order 1, 2, 4 and 8, little-endian, sign bit cleared.
    const SMALL_ORDER: [[u8; 32]; 5] = [
        y_of(1, 0, 0),
        // p - 1
        y_of(0xec, 0xff, 0x7f),
        y_of(0, 0, 0),
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef,
            0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88,
            0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10,
            0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77,
            0x92, 0xac, 0x03, 0x7a,
        ],
    ];
    let mut y = *point;
    y[31] &= 0x7f;
    // p = 2^255 - 19
    let not_below_p = y[0] >= 0xed && y[1..31].iter().all(|byte| *byte == 0xff) && y[31] == 0x7f;
    not_below_p || SMALL_ORDER.contains(&y)
}

const fn y_of(low: u8, middle: u8, high: u8) -> [u8; 32] {
    let mut y = [middle; 32];
    y[0] = low;
    y[31] = high;
    y
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// The curve has exactly eight points of small order.
    #[test]
    fn row11_every_point_of_small_order_is_refused() {
        let mut points = HashSet::new();
        for low in [0, 1, 0xec, 0x26, 0xc7] {
            for sign in [0, 0x80] {
                let mut y = match low {
                    0x26 | 0xc7 => order_eight(low),
                    0xec => y_of(low, 0xff, 0x7f),
                    _ => y_of(low, 0, 0),
                };
                y[31] |= sign;
                assert_eq!(Material::ed25519(&y).err(), Some(KeyError::WeakPoint));
                // With the wrong sign of x = 0 there is no point.
                if let Ok(key) = ed25519_dalek::VerifyingKey::from_bytes(&y) {
                    assert!(key.is_weak());
                    points.insert(key.to_edwards().compress().to_bytes());
                }
            }
        }
        assert_eq!(points.len(), 8);
    }

    fn order_eight(low: u8) -> [u8; 32] {
        let text = match low {
            0x26 => "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            _ => "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        };
        std::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
    }

    #[test]
    fn row11_a_y_not_below_p_is_refused() {
        for low in 0xed..=0xff {
            for high in [0x7f, 0xff] {
                let point = y_of(low, 0xff, high);
                assert_eq!(Material::ed25519(&point).err(), Some(KeyError::WeakPoint));
            }
        }
        // p - 2 is below p.
        assert!(Material::ed25519(&y_of(0xeb, 0xff, 0x7f)).is_ok());
    }

    #[test]
    fn a_bit_length_counts_from_the_highest_bit_set() {
        for (number, bits) in [
            (&[][..], 0),
            (&[1], 1),
            (&[0x80], 8),
            (&[1, 0], 9),
            (&[0xff, 0xff], 16),
        ] {
            assert_eq!(bit_length(number), bits);
        }
        assert_eq!(strip_zeros(&[0, 0, 1, 0]), [1, 0]);
        assert!(strip_zeros(&[0, 0]).is_empty());
    }

    #[test]
    fn an_id_keeps_the_border_between_the_numbers() {
        let one = Material::Rsa {
            n: vec![1, 2],
            e: vec![3],
        };
        let other = Material::Rsa {
            n: vec![1],
            e: vec![2, 3],
        };
        assert_ne!(one.id(AlgorithmSet::RSA), other.id(AlgorithmSet::RSA));
    }
}
