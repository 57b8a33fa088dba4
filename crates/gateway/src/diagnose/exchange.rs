//! One exchange over a connection that is there: a request of HTTP, or the preface of HTTP/2.

use std::error::Error;

use bytes::Bytes;
use http::header::HOST;
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::AbortHandle;

use super::reach::{Reached, Stream};
use super::report::{Fault, Outcome};

/// The body of an answer; its connection ends with it.
pub(super) type Body = UnsyncBoxBody<Bytes, hyper::Error>;

/// Ends the task of a connection.
struct Connection(AbortHandle);

/// RFC 9113 section 3.4, and an empty SETTINGS frame (section 6.5).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Sends a request with an absolute URI, by what the two sides agreed on.
pub(super) async fn send(
    reached: Reached,
    request: Request<Full<Bytes>>,
) -> Result<(Response<Body>, Outcome), Fault> {
    let sent = if reached.http2 {
        http2(reached.stream, request).await
    } else {
        http1(reached.stream, request).await
    };
    let response = sent.map_err(|error| fault(&error))?;
    let version = if reached.http2 { "HTTP/2" } else { "HTTP/1.1" };
    let status = response.status();
    let text = format!("status {} over {version}", status.as_u16());
    let outcome = if status.as_u16() == 200 {
        Outcome::Fine(text)
    } else {
        Outcome::Note(text)
    };
    Ok((response, outcome))
}

async fn http1(
    stream: Box<dyn Stream>,
    mut request: Request<Full<Bytes>>,
) -> Result<Response<Body>, hyper::Error> {
    if let Some(authority) = request.uri().authority()
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        request.headers_mut().insert(HOST, host);
    }
    // The origin form (RFC 9112 section 3.2.1).
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = Connection(tokio::spawn(connection).abort_handle());
    let response = sender.send_request(request).await?;
    Ok(owning(response, connection))
}

async fn http2(
    stream: Box<dyn Stream>,
    request: Request<Full<Bytes>>,
) -> Result<Response<Body>, hyper::Error> {
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    let connection = Connection(tokio::spawn(connection).abort_handle());
    let response = sender.send_request(request).await?;
    Ok(owning(response, connection))
}

fn owning(response: Response<hyper::body::Incoming>, connection: Connection) -> Response<Body> {
    response.map(|body| {
        body.map_frame(move |frame| {
            let _held = &connection;
            frame
        })
        .boxed_unsync()
    })
}

/// Whether the other side answers the preface of HTTP/2 with its own. No request is made, so no service
/// has to know what to do with one.
pub(super) async fn preface(mut stream: Box<dyn Stream>) -> Result<((), Outcome), Fault> {
    const OTHER: &str = "it does not speak HTTP/2: say protocol = \"http1\", or correct the port";
    let broke = |error: std::io::Error| {
        let what = format!("the server broke off: {}", error.kind());
        Fault::new(what, OTHER)
    };
    stream.write_all(PREFACE).await.map_err(broke)?;
    stream.flush().await.map_err(broke)?;
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.map_err(broke)?;
    // RFC 9113 section 4.1: length, type, flags, stream. SETTINGS come first, on stream 0.
    match head {
        [_, _, _, 0x04, _, 0, 0, 0, 0] => {
            let text = "answers the preface of HTTP/2".to_owned();
            Ok(((), Outcome::Fine(text)))
        }
        [b'H', b'T', b'T', b'P', b'/', ..] => {
            Err(Fault::new("the server answers in HTTP/1", OTHER))
        }
        _ => Err(Fault::new("the answer is not HTTP/2", OTHER)),
    }
}

fn fault(error: &hyper::Error) -> Fault {
    if error.is_parse() {
        Fault::new(
            "the answer is not HTTP/1.1",
            "correct the port; say https if it speaks TLS, and protocol = \"http2\" if it speaks \
             HTTP/2 without TLS",
        )
    } else if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        Fault::new(
            "the server closed the connection without an answer",
            "correct the port; say https if it speaks TLS",
        )
    } else {
        let cause = error.source().map(|cause| format!(": {cause}"));
        Fault::new(
            format!("{error}{}", cause.unwrap_or_default()),
            "look at the log of the server",
        )
    }
}

// === impl Connection ===

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}
