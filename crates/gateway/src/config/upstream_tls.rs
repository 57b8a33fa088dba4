//! `[upstream_tls]`

use std::path::{Path, PathBuf};

use portcullis_core::ConfigError;
use toml::Table;

use super::SecretSource;
use super::section::Section;
use crate::pem;

/// How `https` upstreams are spoken to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpstreamTls {
    /// `ca`: a PEM file with the authorities that are trusted; those of the platform unless set.
    pub ca: Option<PathBuf>,
    /// `certificate`: a PEM file with the certificate chain that is shown to upstreams.
    pub certificate: Option<PathBuf>,
    /// `key`: its private key, in PEM; both or none.
    pub key: Option<SecretSource>,
}

// === impl UpstreamTls ===

impl UpstreamTls {
    pub(super) fn read(table: Table, folder: Option<&Path>) -> Result<Self, ConfigError> {
        let mut section = Section::new(table);
        let (certificate, key) = (section.has("certificate"), section.has("key"));
        let tls = Self {
            ca: section.text("ca").map(|file| super::path(folder, &file)),
            certificate: section
                .text("certificate")
                .map(|file| super::path(folder, &file)),
            key: SecretSource::take(&mut section, "key", folder),
        };
        if certificate != key {
            let (there, lacking) = if key {
                ("key", "certificate")
            } else {
                ("certificate", "key")
            };
            let remedy = format!("add {lacking}, or remove {there}");
            section.wrong(lacking, format!("is missing beside {there}"), remedy);
        }
        if let Some(ca) = &tls.ca {
            section.absorb("ca", pem::roots(ca));
        }
        if let (Some(certificate), Some(key)) = (&tls.certificate, &tls.key) {
            section.absorb("", pem::identity(certificate, key));
        }
        section.finish().into_result(tls)
    }
}
