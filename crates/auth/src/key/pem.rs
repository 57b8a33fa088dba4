//! Public keys in PEM (RFC 7468).

use super::der;
use super::error::KeyError;
use super::material::Material;

/// Reads exactly one PEM block with a public key.
///
/// The label decides the form and the object identifiers inside decide the type, so a certificate
/// or a private key is told apart instead of searched for something that looks like a key.
pub(super) fn read(text: &[u8]) -> Result<Material, KeyError> {
    let blocks = ::pem::parse_many(text).map_err(|_| KeyError::PemFormat)?;
    let [block] = blocks.as_slice() else {
        return Err(KeyError::PemFormat);
    };
    match block.tag() {
        "PUBLIC KEY" => der::subject_public_key_info(block.contents()),
        "RSA PUBLIC KEY" => der::pkcs1(block.contents()),
        "CERTIFICATE" | "TRUSTED CERTIFICATE" | "X509 CERTIFICATE" => Err(KeyError::PemCertificate),
        label if label.ends_with("PRIVATE KEY") => Err(KeyError::Private),
        _ => Err(KeyError::PemLabel),
    }
}
