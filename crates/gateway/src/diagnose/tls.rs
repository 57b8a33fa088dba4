//! Whom a check trusts, and what an unsuccessful handshake means.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use portcullis_core::ConfigError;
use rustls::crypto::aws_lc_rs;
use rustls::sign::SingleCertAndKey;
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};

use super::place::printable;
use super::report::Fault;
use crate::config::UpstreamTls;
use crate::pem;

/// The roots of the platform, as the client that fetches keys has them.
pub(super) fn platform() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// What issuers are spoken to with: HTTP/2 where they can.
pub(super) fn for_issuers(roots: RootCertStore) -> Result<ClientConfig, ConfigError> {
    let mut config = trusting(roots, None)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// What upstreams are spoken to with: the authorities and the identity of `[upstream_tls]`.
pub(super) fn for_upstreams(
    section: &UpstreamTls,
    platform: RootCertStore,
) -> Result<ClientConfig, ConfigError> {
    let roots = match &section.ca {
        Some(file) => pem::roots(file).map_err(|error| error.nested("upstream_tls.ca"))?,
        None => platform,
    };
    let identity = match (&section.certificate, &section.key) {
        (Some(certificate), Some(key)) => {
            let identity = pem::identity(certificate, key);
            Some(SingleCertAndKey::from(
                identity.map_err(|error| error.nested("upstream_tls"))?,
            ))
        }
        _ => None,
    };
    trusting(roots, identity)
}

/// The same, for HTTP/2 alone or HTTP/1.1 alone.
pub(super) fn speaking(config: &ClientConfig, http2: bool) -> Arc<ClientConfig> {
    let mut config = config.clone();
    let protocol: &[u8] = if http2 { b"h2" } else { b"http/1.1" };
    config.alpn_protocols = vec![protocol.to_vec()];
    Arc::new(config)
}

fn trusting(
    roots: RootCertStore,
    identity: Option<SingleCertAndKey>,
) -> Result<ClientConfig, ConfigError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| ConfigError::new("tls", "has no protocol version", ""))?
        .with_root_certificates(roots);
    Ok(match identity {
        Some(identity) => builder.with_client_cert_resolver(Arc::new(identity)),
        None => builder.with_no_client_auth(),
    })
}

/// Why there is no secure connection.
pub(super) fn fault(error: &io::Error, host: &str) -> Fault {
    let inner = error.get_ref().map(|inner| inner as &(dyn Error + 'static));
    match inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(error)) => certificate(error, host),
        Some(rustls::Error::AlertReceived(alert)) => alerted(*alert),
        Some(rustls::Error::PeerIncompatible(_)) => Fault::new(
            "the server speaks no version or cipher of TLS that is safe",
            "have it speak TLS 1.2 or 1.3",
        ),
        Some(rustls::Error::InvalidMessage(_)) => Fault::new(
            "the server answers, and not in TLS",
            "correct the port, or say http if it has no TLS",
        ),
        Some(other) => Fault::new(
            printable(&other.to_string()),
            "look at the TLS configuration of the server",
        ),
        None => Fault::new(
            format!("the server broke off the handshake: {}", error.kind()),
            "look whether the port is one of TLS, and at the log of the server",
        ),
    }
}

fn certificate(error: &CertificateError, host: &str) -> Fault {
    match error {
        CertificateError::UnknownIssuer => Fault::new(
            "the certificate is of an authority that is not trusted",
            "have the server send its whole chain; add the authority to the roots of this system, \
             for upstreams to upstream_tls.ca",
        ),
        CertificateError::Expired => expired(None),
        CertificateError::ExpiredContext { not_after, .. } => {
            expired(ago(Duration::from_secs(not_after.as_secs())))
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Fault::new(
            "the certificate is not valid yet",
            "set the clock of this machine, or wait",
        ),
        CertificateError::NotValidForName => wrong_name(host, &[]),
        CertificateError::NotValidForNameContext { presented, .. } => wrong_name(host, presented),
        CertificateError::Revoked => Fault::new("the certificate was revoked", "replace it"),
        other => Fault::new(
            format!(
                "the certificate cannot be used: {}",
                printable(&other.to_string())
            ),
            "replace it with one for servers, of version 3, not itself an authority",
        ),
    }
}

fn expired(ago: Option<Duration>) -> Fault {
    const DAY: u64 = 24 * 60 * 60;
    let what = match ago {
        Some(ago) if ago.as_secs() >= DAY => {
            format!("the certificate expired {} d ago", ago.as_secs() / DAY)
        }
        Some(ago) => format!("the certificate expired {} s ago", ago.as_secs()),
        None => "the certificate has expired".to_owned(),
    };
    Fault::new(what, "renew it, or set the clock of this machine")
}

/// How long ago a time since the epoch was, by the clock of this machine.
fn ago(since_epoch: Duration) -> Option<Duration> {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()?;
    now.checked_sub(since_epoch)
}

fn wrong_name(host: &str, presented: &[String]) -> Fault {
    let names = presented.join(", ");
    let what = if names.is_empty() {
        format!("the certificate is not for {host}")
    } else {
        format!(
            "the certificate is for {}, not for {host}",
            printable(&names)
        )
    };
    Fault::new(
        what,
        "use a name that it is for, or have it made out to this one",
    )
}

fn alerted(alert: AlertDescription) -> Fault {
    let remedy = match alert {
        AlertDescription::CertificateRequired
        | AlertDescription::BadCertificate
        | AlertDescription::UnknownCA
        | AlertDescription::HandshakeFailure => {
            "if it wants a certificate of its clients, set upstream_tls.certificate and key"
        }
        AlertDescription::NoApplicationProtocol => {
            "it does not speak the `protocol` of the route: choose the other one"
        }
        AlertDescription::UnrecognisedName => "it does not know this name: correct the host",
        _ => "look at the log of the server",
    };
    Fault::new(
        format!("the server refused the handshake: {alert:?}"),
        remedy,
    )
}
