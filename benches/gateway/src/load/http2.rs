//! HTTP/2 by prior knowledge, several callers on a connection.

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::{HOST, TARGET, Times};

/// Callers on a connection.
const STREAMS: usize = 8;

pub(super) async fn load(
    address: SocketAddr,
    tokens: &[String],
    from: Instant,
    until: Instant,
) -> Vec<Times> {
    let mut callers = JoinSet::new();
    for tokens in tokens.chunks(STREAMS) {
        let sender = connect(address).await;
        for token in tokens {
            let (mut sender, token) = (sender.clone(), token.clone());
            callers.spawn(async move {
                let mut times = Times::new(from, until);
                loop {
                    let asked = Instant::now();
                    exchange(&mut sender, &token).await;
                    if !times.add(asked) {
                        return times;
                    }
                }
            });
        }
    }
    callers.join_all().await
}

async fn connect(address: SocketAddr) -> http2::SendRequest<Empty<Bytes>> {
    let stream = TcpStream::connect(address)
        .await
        .expect("the server accepts");
    stream.set_nodelay(true).expect("set");
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (sender, connection) = handshake.await.expect("the server speaks HTTP/2");
    tokio::spawn(async move {
        // It ends with its last sender; what goes wrong before is told to those.
        let _ = connection.await;
    });
    sender
}

async fn exchange(sender: &mut http2::SendRequest<Empty<Bytes>>, token: &str) {
    let request = Request::get(format!("http://{HOST}{TARGET}"))
        .header("user-agent", "bench")
        .header("accept", "application/json")
        .header("accept-encoding", "gzip")
        .header("authorization", format!("Bearer {token}"))
        .body(Empty::new())
        .expect("a request");
    let response = sender.send_request(request).await.expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
    let body = response.into_body().collect().await;
    assert_eq!(body.expect("a whole body").to_bytes().len(), 256);
}
