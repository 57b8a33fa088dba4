//! Why a key is refused.

use std::fmt;

use super::algorithm_set::AlgorithmSet;
use super::backend::Backend;

/// The reason why a key was refused at load.
///
/// In a JWK Set it drops that key only; for a key from configuration it is the error. It never
/// holds a byte of the key or of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// The JWK is not a JSON object, or a member of it has the wrong JSON type.
    Malformed,
    /// The JWK has more than 256 members.
    TooManyMembers,
    /// The JWK names a member twice.
    DuplicateMember,
    /// A member that its key type needs is absent.
    Missing(&'static str),
    /// A member is not strict base64url.
    Base64(&'static str),
    /// The key id is longer than 256 bytes.
    KidTooLong,
    /// The key type is not RSA, EC or OKP.
    UnsupportedKeyType,
    /// The curve is not one of the key type's that are supported.
    UnsupportedCurve,
    /// The key is a shared secret where a public key was expected.
    Symmetric,
    /// The private part is there as well.
    Private,
    /// The `use` is not `sig`.
    NotForSignatures,
    /// The `key_ops` do not hold `verify`.
    NotForVerifying,
    /// The stated algorithm is unknown, or not one for this type of key.
    AlgorithmMismatch {
        /// What this type of key can be used with.
        fits: AlgorithmSet,
    },
    /// The RSA modulus is shorter than 2048 or longer than 8192 bits.
    RsaModulusSize {
        /// Its length, leading zeros not counted.
        bits: usize,
    },
    /// The RSA modulus is even.
    RsaModulusEven,
    /// The RSA exponent is even, below 3, or not below 2^33.
    RsaExponent,
    /// The RSA modulus has the fingerprint of the ROCA flaw (CVE-2017-15361).
    RsaRoca,
    /// A coordinate or point is not exactly of the curve's length.
    PointLength {
        /// The length the curve demands, in bytes.
        expected: usize,
    },
    /// The point is not on the curve.
    PointNotOnCurve,
    /// The Ed25519 point has a small order, or is not written canonically.
    WeakPoint,
    /// The text is not one PEM block.
    PemFormat,
    /// The PEM block is a certificate.
    PemCertificate,
    /// The PEM block is of a kind that holds no public key.
    PemLabel,
    /// The bytes are neither a DER SubjectPublicKeyInfo nor a PKCS#1 RSA public key.
    DerFormat,
    /// The backend could not load the key, although every check of ours let it pass.
    BackendRefused,
    /// The chosen backend is not compiled in.
    BackendAbsent(Backend),
}

// === impl KeyError ===

impl KeyError {
    /// Returns a stable label for metrics and logs.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooManyMembers => "too_many_members",
            Self::DuplicateMember => "duplicate_member",
            Self::Missing(_) => "missing_member",
            Self::Base64(_) => "base64",
            Self::KidTooLong => "kid_too_long",
            Self::UnsupportedKeyType => "unsupported_kty",
            Self::UnsupportedCurve => "unsupported_crv",
            Self::Symmetric => "symmetric",
            Self::Private => "private",
            Self::NotForSignatures => "use",
            Self::NotForVerifying => "key_ops",
            Self::AlgorithmMismatch { .. } => "alg_mismatch",
            Self::RsaModulusSize { .. } => "rsa_modulus_size",
            Self::RsaModulusEven => "rsa_modulus_even",
            Self::RsaExponent => "rsa_exponent",
            Self::RsaRoca => "rsa_roca",
            Self::PointLength { .. } => "point_length",
            Self::PointNotOnCurve => "point_not_on_curve",
            Self::WeakPoint => "weak_point",
            Self::PemFormat => "pem_format",
            Self::PemCertificate => "pem_certificate",
            Self::PemLabel => "pem_label",
            Self::DerFormat => "der_format",
            Self::BackendRefused => "backend_refused",
            Self::BackendAbsent(_) => "backend_absent",
        }
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str(
                "the JWK is not a JSON object with string members: give one as RFC 7517 defines it",
            ),
            Self::TooManyMembers => {
                f.write_str("the JWK has more than 256 members: leave out what is not of the key")
            }
            Self::DuplicateMember => {
                f.write_str("the JWK names a member twice: keep one of each (RFC 7517 §4)")
            }
            Self::Missing(member) => write!(f, "`{member}` is missing: add it to the JWK"),
            Self::Base64(member) => write!(
                f,
                "`{member}` is not strict base64url: use the URL-safe alphabet, no padding, no \
                 whitespace, trailing bits zero"
            ),
            Self::KidTooLong => f.write_str("`kid` is longer than 256 bytes: use a shorter one"),
            Self::UnsupportedKeyType => f.write_str("`kty` is not supported: use RSA, EC or OKP"),
            Self::UnsupportedCurve => f.write_str(
                "`crv` is not supported for this `kty`: use P-256 or P-384 with EC, Ed25519 with \
                 OKP",
            ),
            Self::Symmetric => {
                f.write_str("`kty` is oct, a shared secret: configure it as an HMAC ring instead")
            }
            Self::Private => f.write_str(
                "the private part of the key is included: publish only the public members, and \
                 replace the key if others could read it",
            ),
            Self::NotForSignatures => {
                f.write_str("`use` is not `sig`: the key is not meant for signatures")
            }
            Self::NotForVerifying => f.write_str(
                "`key_ops` does not hold `verify`: the key is not meant to check signatures",
            ),
            Self::AlgorithmMismatch { fits } => {
                write!(
                    f,
                    "`alg` does not fit the key: this type of key allows {fits}"
                )
            }
            Self::RsaModulusSize { bits } => write!(
                f,
                "`n` has {bits} bits: use an RSA key of 2048 to 8192 bits (RFC 7518 §3.3)"
            ),
            Self::RsaModulusEven => f.write_str("`n` is even: it is not an RSA modulus"),
            Self::RsaExponent => {
                f.write_str("`e` is not odd and within 3 to 2^33: use 65537 (AQAB)")
            }
            Self::RsaRoca => f.write_str(
                "`n` has the ROCA fingerprint (CVE-2017-15361), its private key can be computed: \
                 replace the key",
            ),
            Self::PointLength { expected } => write!(
                f,
                "a coordinate is not {expected} bytes long: keep its leading zeros (RFC 7518 \
                 §6.2.1.2, RFC 8037 §2)"
            ),
            Self::PointNotOnCurve => f.write_str("the point is not on its curve: it is no key"),
            Self::WeakPoint => f.write_str(
                "the Ed25519 point is of small order or not canonical: anybody could sign for it",
            ),
            Self::PemFormat => f.write_str("the text is not exactly one PEM block"),
            Self::PemCertificate => f.write_str(
                "the PEM block is a certificate: give its public key, as printed by `openssl x509 \
                 -pubkey -noout`",
            ),
            Self::PemLabel => f.write_str(
                "the PEM block holds no public key: give one labelled PUBLIC KEY or RSA PUBLIC KEY",
            ),
            Self::DerFormat => f.write_str(
                "the key is neither a SubjectPublicKeyInfo for RSA, P-256, P-384 or Ed25519 nor a \
                 PKCS#1 RSA public key",
            ),
            Self::BackendRefused => f.write_str("the numbers form no key: replace it"),
            Self::BackendAbsent(backend) => {
                write!(
                    f,
                    "the backend {backend} is not compiled in: enable the feature {backend}"
                )
            }
        }
    }
}

impl std::error::Error for KeyError {}
