//! Whom a check trusts, and what an unsuccessful handshake means.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use portcullis_core::ConfigError;
use rustls::{AlertDescription, CertificateError, ClientConfig};

use super::place::printable;
use super::report::Fault;
use crate::config::UpstreamTls;
use crate::proxy;

/// What issuers are spoken to with: the roots of the platform, and HTTP/2 where they can, as by the client
/// that fetches keys.
pub(super) fn for_issuers(needed: bool) -> Result<ClientConfig, ConfigError> {
    let mut config = proxy::tls::config(&UpstreamTls::default(), needed)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// What upstreams are spoken to with, as by the proxy: HTTP/1.1 without a word about it, HTTP/2 by ALPN.
pub(super) fn for_upstreams(
    section: &UpstreamTls,
    needed: bool,
) -> Result<[Arc<ClientConfig>; 2], ConfigError> {
    let http1 =
        proxy::tls::config(section, needed).map_err(|error| error.nested("upstream_tls"))?;
    let mut http2 = http1.clone();
    http2.alpn_protocols = vec![b"h2".to_vec()];
    Ok([Arc::new(http1), Arc::new(http2)])
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
        CertificateError::BadSignature => Fault::new(
            "the certificate is not signed by the authority that it names",
            "trust the authority that signed it, which may have a namesake, or replace it",
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
