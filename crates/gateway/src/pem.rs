//! Certificates and private keys, from PEM files.

use std::path::Path;

use portcullis_core::ConfigError;
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::config::SecretSource;
use crate::files;

/// The largest PEM file read: bundles of all public roots have a quarter of it.
const MOST_BYTES: u64 = 1 << 20;

/// A certificate chain with its private key, from the keys `certificate` and `key` of a section.
///
/// # Errors
/// Every problem, by the names of the two.
pub(crate) fn identity(
    certificate: &Path,
    key: &SecretSource,
) -> Result<CertifiedKey, ConfigError> {
    let mut problems = portcullis_core::Problems::new();
    let chain = problems.absorb("certificate", certificates(certificate));
    let key = problems.absorb("key", private_key(key));
    let (Some(chain), Some(key)) = (chain, key) else {
        // At least one of them was noted.
        return problems
            .check()
            .and(Err(ConfigError::new("", "cannot be used", "")));
    };
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(
        |error| match error {
            rustls::Error::InconsistentKeys(_) => ConfigError::new(
                "key",
                "does not belong to the certificate",
                "name the key that the first certificate of the file was made for",
            ),
            rustls::Error::InvalidCertificate(_) => ConfigError::new(
                "certificate",
                "cannot be used: its first certificate is no X.509 certificate",
                "name a PEM file with the certificate chain, the own certificate first",
            ),
            // Never the text of the error: it is about a secret.
            _ => ConfigError::new(
                "key",
                "is of no kind that is known",
                "name an RSA, ECDSA (P-256, P-384, P-521) or Ed25519 key",
            ),
        },
    )
}

/// The certificates of authorities that are trusted.
///
/// # Errors
/// What is wrong with the file.
pub(crate) fn roots(path: &Path) -> Result<RootCertStore, ConfigError> {
    let mut roots = RootCertStore::empty();
    for (index, certificate) in certificates(path)?.into_iter().enumerate() {
        if roots.add(certificate).is_err() {
            let message = format!("cannot be used: certificate {} is none of X.509", index + 1);
            return Err(ConfigError::new("", message, "remove it from the file"));
        }
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let wrong =
        |message: String| ConfigError::new("", message, "name a PEM file with certificates");
    let bytes =
        files::read(path, MOST_BYTES).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let certificates = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<Vec<_>, Error>>()
        .map_err(|_| wrong("is not PEM".to_owned()))?;
    if certificates.is_empty() {
        return Err(wrong("has no certificate in it".to_owned()));
    }
    Ok(certificates)
}

fn private_key(source: &SecretSource) -> Result<PrivateKeyDer<'static>, ConfigError> {
    let secret = source.read(MOST_BYTES)?;
    PrivateKeyDer::from_pem_slice(secret.expose()).map_err(|_| {
        ConfigError::new(
            "",
            "has no private key in it",
            "name a PEM file with an unencrypted key (PKCS #8, PKCS #1 or SEC1)",
        )
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use rcgen::{CertifiedKey as Made, generate_simple_self_signed};
    use tempfile::TempDir;

    use super::*;

    struct Folder(TempDir);

    impl Folder {
        fn file(&self, name: &str, text: &str) -> PathBuf {
            let path = self.0.path().join(name);
            fs::write(&path, text).unwrap();
            path
        }
    }

    fn folder() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn made() -> (String, String) {
        let Made { cert, signing_key } = generate_simple_self_signed(["a.example".into()]).unwrap();
        (cert.pem(), signing_key.serialize_pem())
    }

    fn problem(certificate: &Path, key: &Path) -> String {
        identity(certificate, &SecretSource::File(key.into()))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_chain_and_its_key_are_an_identity_and_roots() {
        let folder = folder();
        let (certificate, key) = made();
        let (other, _) = made();
        let chain = folder.file("tls.crt", &format!("{certificate}{other}"));
        let key = SecretSource::File(folder.file("tls.key", &key));
        assert_eq!(identity(&chain, &key).unwrap().cert.len(), 2);
        assert_eq!(roots(&chain).unwrap().len(), 2);
    }

    #[test]
    fn what_is_wrong_is_said_of_the_file_that_is_wrong() {
        let folder = folder();
        let (certificate, key) = made();
        let (_, strange) = made();
        let crt = folder.file("tls.crt", &certificate);
        let key = folder.file("tls.key", &key);
        let strange = folder.file("other.key", &strange);
        let empty = folder.file("empty", "");
        let no_pem = folder.file(
            "no",
            "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----",
        );
        let no_der = folder.file(
            "der",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        );
        let missing = folder.0.path().join("missing");
        for (certificate, key, said) in [
            (&crt, &strange, "key: does not belong to the certificate"),
            (&crt, &empty, "key: has no private key in it"),
            (&crt, &crt, "key: has no private key in it"),
            (&crt, &missing, "key: cannot be read"),
            (&empty, &key, "certificate: has no certificate in it"),
            (&key, &key, "certificate: has no certificate in it"),
            (&no_pem, &key, "certificate: is not PEM"),
            (&no_der, &key, "certificate: cannot be used"),
            (&missing, &key, "certificate: cannot be read"),
        ] {
            let problem = problem(certificate, key);
            assert!(problem.starts_with(said), "{problem}");
            assert_eq!(problem.lines().count(), 1, "{problem}");
        }
        assert_eq!(problem(&empty, &missing).lines().count(), 2);
        assert!(roots(&no_der).is_err());
        assert!(roots(&empty).is_err());
    }
}
