//! TLS on the side of the upstreams.

use std::sync::Arc;

use portcullis_core::{ConfigError, Problems};
use rustls::crypto::aws_lc_rs;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, RootCertStore};

use crate::config::UpstreamTls;
use crate::pem;

/// How `https` upstreams are spoken to: TLS 1.2 and 1.3, their name verified. Where there are none, nobody
/// is trusted, and the machine need not have any roots.
pub(crate) fn config(configured: &UpstreamTls, needed: bool) -> Result<ClientConfig, ConfigError> {
    let mut problems = Problems::new();
    let roots = match &configured.ca {
        Some(ca) => problems.absorb("ca", pem::roots(ca)),
        None if needed => problems.absorb("", of_platform()),
        None => None,
    };
    // A provider of its own: nothing global, which somebody else could set.
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| ConfigError::new("", "has no protocol version", ""))?
        .with_root_certificates(roots.unwrap_or_else(RootCertStore::empty));
    let identity = match (&configured.certificate, &configured.key) {
        (Some(certificate), Some(key)) => problems.absorb("", pem::identity(certificate, key)),
        _ => None,
    };
    problems.into_result(match identity {
        Some(identity) => {
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity)))
        }
        None => builder.with_no_client_auth(),
    })
}

fn of_platform() -> Result<RootCertStore, ConfigError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(ConfigError::new(
            "ca",
            "is not set, and this system has no roots",
            "name the authorities of the https upstreams, or install CA certificates",
        ));
    }
    Ok(roots)
}
