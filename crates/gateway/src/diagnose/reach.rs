//! From a place to a connection: DNS, TCP, TLS, each by itself.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;

use super::place::Place;
use super::report::{Fault, Outcome, Stage};
use super::tls;
use super::trail::{Broken, Trail};

/// A connection, with or without TLS.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection to a place.
pub(super) struct Reached {
    pub(super) stream: Box<dyn Stream>,
    /// Whether both sides agreed on HTTP/2.
    pub(super) http2: bool,
}

/// How long each step may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadlines {
    pub(super) dns: Duration,
    pub(super) tcp: Duration,
    pub(super) others: Duration,
}

/// The most addresses of a name that are tried.
const MOST_ADDRESSES: usize = 8;

/// Connects, step by step.
pub(super) async fn reach(
    place: &Place,
    tls: &Arc<ClientConfig>,
    deadlines: Deadlines,
    trail: &Trail,
) -> Result<Reached, Broken> {
    let addresses = match place.address() {
        Some(address) => vec![SocketAddr::new(address, place.port)],
        None => {
            let resolving = resolve(&place.host, place.port);
            trail.step(Stage::Dns, deadlines.dns, resolving).await?
        }
    };
    let connecting = connect(addresses);
    let tcp = trail.step(Stage::Tcp, deadlines.tcp, connecting).await?;
    if !place.tls {
        return Ok(Reached {
            stream: Box::new(tcp),
            http2: false,
        });
    }
    let shaking = handshake(&place.host, Arc::clone(tls), tcp);
    trail.step(Stage::Tls, deadlines.others, shaking).await
}

async fn resolve(host: &str, port: u16) -> Result<(Vec<SocketAddr>, Outcome), Fault> {
    let remedy = "correct the name, or the resolver of this machine";
    let found = lookup_host((host, port)).await;
    let found = found.map_err(|error| Fault::new(error.to_string(), remedy))?;
    let mut addresses: Vec<SocketAddr> = found.collect();
    // The same address comes once for each kind of socket on some systems.
    addresses.dedup();
    if addresses.is_empty() {
        return Err(Fault::new("the name has no address", remedy));
    }
    let all: Vec<_> = addresses.iter().map(|one| one.ip().to_string()).collect();
    let text = all.join(", ");
    addresses.truncate(MOST_ADDRESSES);
    Ok((addresses, Outcome::Fine(text)))
}

/// Tries all addresses at once: the first to answer is taken, and who refused before it is told.
async fn connect(addresses: Vec<SocketAddr>) -> Result<(TcpStream, Outcome), Fault> {
    let mut running: FuturesUnordered<_> = addresses
        .into_iter()
        .map(|address| async move { (address, TcpStream::connect(address).await) })
        .collect();
    let mut failures = Vec::new();
    let mut refused = false;
    while let Some((address, result)) = running.next().await {
        match result {
            Ok(stream) if failures.is_empty() => {
                return Ok((stream, Outcome::Fine(address.to_string())));
            }
            Ok(stream) => {
                let text = format!("{address}; but not {}", failures.join(", "));
                return Ok((stream, Outcome::Note(text)));
            }
            Err(error) => {
                refused |= error.kind() == io::ErrorKind::ConnectionRefused;
                failures.push(format!("{address}: {}", error.kind()));
            }
        }
    }
    let remedy = if refused {
        "start the server, or correct the port: nothing listens there"
    } else {
        "look at the network between, and whether the address is right"
    };
    Err(Fault::new(failures.join(", "), remedy))
}

async fn handshake(
    host: &str,
    config: Arc<ClientConfig>,
    tcp: TcpStream,
) -> Result<(Reached, Outcome), Fault> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| {
        Fault::new(
            "the host is no name that a certificate could have",
            "use a DNS name or an IP address",
        )
    })?;
    let stream = TlsConnector::from(config)
        .connect(name, tcp)
        .await
        .map_err(|error| tls::fault(&error, host))?;
    let (_, session) = stream.get_ref();
    let http2 = session.alpn_protocol() == Some(b"h2");
    let version = match session.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
        _ => "TLS 1.2",
    };
    let text = format!("{version}, the certificate is trusted and good for {host} now");
    let reached = Reached {
        stream: Box::new(stream),
        http2,
    };
    Ok((reached, Outcome::Fine(text)))
}
