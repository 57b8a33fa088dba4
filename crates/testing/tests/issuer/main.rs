//! The fake issuer over real sockets, by a client that knows nothing of it.
#![allow(clippy::unwrap_used, reason = "in a test it is an assertion")]

mod documents;
mod keys;
mod life;
mod outage;
mod token;

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, DATE, ETAG, IF_NONE_MATCH,
    LOCATION, WWW_AUTHENTICATE,
};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use portcullis_testing::{
    Algorithm, Endpoint, FakeIssuer, Mode, SigningKey, TestClock, forge, jwks,
};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tower_service::Service as _;

const DEADLINE: Duration = Duration::from_secs(10);

/// ES256: as real as RS256, and quicker to generate.
async fn issuer() -> FakeIssuer {
    FakeIssuer::builder()
        .algorithm(Algorithm::Es256)
        .start()
        .await
}

fn get(url: &str) -> Request<Full<Bytes>> {
    Request::get(url).body(Full::default()).unwrap()
}

fn post(url: &str, form: &'static str) -> Request<Full<Bytes>> {
    Request::post(url)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Full::from(form))
        .unwrap()
}

async fn connect(address: SocketAddr) -> io::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    tokio::spawn(connection);
    Ok(sender)
}

/// One request on a connection of its own.
async fn send(request: Request<Full<Bytes>>) -> Result<Response<Incoming>, hyper::Error> {
    let address = request.uri().authority().unwrap().as_str().parse().unwrap();
    let mut sender = connect(address).await.unwrap();
    sender.send_request(request).await
}

async fn json_of(request: Request<Full<Bytes>>) -> Value {
    let response = send(request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&bytes).unwrap()
}

async fn key_set(issuer: &FakeIssuer) -> Value {
    json_of(get(&issuer.jwks_url())).await
}

/// The kind of the I/O error at the bottom of `error`.
fn kind_of(error: &(dyn std::error::Error + 'static)) -> Option<io::ErrorKind> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        next = error.source();
    }
    None
}
