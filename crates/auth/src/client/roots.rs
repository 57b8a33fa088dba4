//! Whom TLS trusts.

use std::fmt;
use std::sync::Arc;

use portcullis_core::{ConfigError, Problems};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// The roots of the system, and those that were given.
#[derive(Clone)]
pub(super) struct Roots {
    system: bool,
    given: Vec<Vec<u8>>,
}

// === impl Roots ===

impl Roots {
    pub(super) fn add(&mut self, pem: &[u8]) {
        self.given.push(pem.to_vec());
    }

    pub(super) fn leave_out_system(&mut self) {
        self.system = false;
    }

    /// A configuration with a provider of its own: nothing global, which somebody else could set.
    pub(super) fn config(&self) -> Result<ClientConfig, ConfigError> {
        let mut problems = Problems::new();
        let mut roots = RootCertStore::empty();
        for (index, pem) in self.given.iter().enumerate() {
            let path = format!("ca_pem[{index}]");
            if let Err(message) = add_pem(&mut roots, pem) {
                problems.push(
                    path,
                    message,
                    "give the certificates of the authority as PEM",
                );
            }
        }
        if self.system {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() && problems.is_empty() {
                problems.push(
                    "roots",
                    "are missing on this system",
                    "install its CA certificates, or give some",
                );
            }
        }
        if !self.system && self.given.is_empty() {
            problems.push(
                "roots",
                "are none: no server would be trusted",
                "give a CA certificate, or use those of the system",
            );
        }
        Self::trusting(roots).and_then(|config| problems.into_result(config))
    }

    /// A configuration that trusts nobody: for http, where there is nobody to trust.
    pub(super) fn nobody() -> Result<ClientConfig, ConfigError> {
        Self::trusting(RootCertStore::empty())
    }

    fn trusting(roots: RootCertStore) -> Result<ClientConfig, ConfigError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        Ok(ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| ConfigError::new("tls", "has no protocol version", ""))?
            .with_root_certificates(roots)
            .with_no_client_auth())
    }
}

fn add_pem(roots: &mut RootCertStore, pem: &[u8]) -> Result<(), &'static str> {
    let mut any = false;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| "is not PEM")?;
        roots
            .add(certificate)
            .map_err(|_| "has a broken certificate")?;
        any = true;
    }
    if any {
        Ok(())
    } else {
        Err("has no certificate")
    }
}

impl Default for Roots {
    fn default() -> Self {
        Self {
            system: true,
            given: Vec::new(),
        }
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roots")
            .field("system", &self.system)
            .field("given", &self.given.len())
            .finish()
    }
}
