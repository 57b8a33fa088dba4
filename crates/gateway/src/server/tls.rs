//! TLS on the public side.

use std::sync::Arc;

use portcullis_core::ConfigError;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::sign::{CertifiedKey, SingleCertAndKey};

/// TLS 1.2 and 1.3 by rustls on aws-lc, with HTTP/2 and HTTP/1.1 by ALPN (RFC 7301). Every client is shown
/// the one certificate, whatever name it asks for: which hosts are served is said elsewhere.
pub(crate) fn tls(identity: CertifiedKey) -> Result<Arc<ServerConfig>, ConfigError> {
    // A provider of its own: nothing global, which somebody else could set.
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| ConfigError::new("", "has no protocol version", ""))?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity)));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
