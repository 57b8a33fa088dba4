//! Which protocol a connection speaks.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use rustls::ServerConfig;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::io::Transport;

/// What a client of HTTP/2 says first (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection whose protocol is known.
#[derive(Debug)]
pub(super) struct Spoken {
    pub(super) transport: Transport,
    pub(super) http2: bool,
    /// What was read to find out.
    pub(super) ahead: Bytes,
}

/// Finds out what a client speaks: by ALPN with TLS, by its first bytes without. The caller bounds how
/// long it may take.
pub(super) async fn find_out(
    stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
) -> io::Result<Spoken> {
    let Some(tls) = tls else {
        return by_preface(stream).await;
    };
    let stream = TlsAcceptor::from(tls).accept(stream).await?;
    let (_, session) = stream.get_ref();
    let http2 = session.alpn_protocol() == Some(b"h2");
    Ok(Spoken {
        transport: Transport::Tls(Box::new(stream)),
        http2,
        ahead: Bytes::new(),
    })
}

async fn by_preface(mut stream: TcpStream) -> io::Result<Spoken> {
    let mut ahead = BytesMut::with_capacity(PREFACE.len());
    while ahead.len() < PREFACE.len() && PREFACE.starts_with(&ahead) {
        let rest = PREFACE.len() - ahead.len();
        let read = (&mut stream).take(rest as u64).read_buf(&mut ahead).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(Spoken {
        http2: ahead == PREFACE,
        transport: Transport::Clear(stream),
        ahead: ahead.freeze(),
    })
}
