use axum::body::Body;
use http::{Request, Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::*;
use crate::proxy::exchange::Exchange;

/// How long anything may take before a test gives up on it.
const PATIENCE: Duration = Duration::from_secs(20);

fn clients() -> Clients {
    let silence = Silence {
        keep: Duration::from_millis(200),
        ping: Duration::from_millis(100),
        pong: Duration::from_millis(100),
    };
    let none = UpstreamTls::default();
    Clients::noticing(silence, PATIENCE, &none, false, &CancellationToken::new()).unwrap()
}

fn request(address: std::net::SocketAddr) -> Request<Upload> {
    let exchange = Arc::new(Exchange::new(
        tokio::time::Instant::now(),
        PATIENCE,
        PATIENCE,
        None,
    ));
    let body = Upload::new(Body::empty(), None, exchange);
    Request::get(format!("http://{address}/"))
        .body(body)
        .unwrap()
}

/// Answers every request of a connection, until it is told to freeze: then it keeps the connection, reads
/// nothing, and says nothing.
async fn http2_until(listener: &TcpListener, freeze: CancellationToken) {
    let (tcp, _) = listener.accept().await.unwrap();
    let mut connection = h2::server::handshake(tcp).await.unwrap();
    loop {
        let request = tokio::select! {
            biased;
            () = freeze.cancelled() => return std::mem::forget(connection),
            request = connection.accept() => request,
        };
        let Some(Ok((_, mut respond))) = request else {
            return;
        };
        let _ = respond.send_response(Response::new(()), true);
    }
}

#[tokio::test]
async fn an_http2_connection_that_went_silent_is_given_up_by_ping() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let freeze = CancellationToken::new();
    let served = tokio::spawn({
        let freeze = freeze.clone();
        async move {
            http2_until(&listener, freeze).await;
            // The next connection is a good one.
            http2_until(&listener, CancellationToken::new()).await;
        }
    });
    let clients = clients();
    let answered = async |clients: &Clients| {
        let answer = timeout(PATIENCE, clients.http2(0).request(request(address)));
        answer.await.unwrap().map(|answer| answer.status())
    };
    assert_eq!(answered(&clients).await.unwrap(), StatusCode::OK);
    freeze.cancel();
    tokio::task::yield_now().await;
    let lost = answered(&clients).await;
    assert!(
        lost.is_err(),
        "nobody answered, and that was noticed: {lost:?}"
    );
    assert_eq!(answered(&clients).await.unwrap(), StatusCode::OK);
    served.abort();
}

#[tokio::test]
async fn an_http1_connection_is_kept_for_a_while_and_then_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let clients = clients();
    let asking = clients.http1().request(request(address));
    let serving = async {
        let (mut tcp, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(tcp.read_u8().await.unwrap());
        }
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        tcp.write_all(answer).await.unwrap();
        tcp
    };
    let (answer, mut tcp) = timeout(PATIENCE, async { tokio::join!(asking, serving) })
        .await
        .unwrap();
    drop(answer.unwrap());
    let kept = std::time::Instant::now();
    let mut rest = Vec::new();
    let closed = timeout(PATIENCE, tcp.read_to_end(&mut rest)).await;
    assert_eq!(closed.unwrap().unwrap(), 0);
    assert!(
        kept.elapsed() >= Duration::from_millis(150),
        "{:?}",
        kept.elapsed()
    );
}

#[tokio::test]
async fn a_request_goes_elsewhere_if_its_connection_was_closed_before_it_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = tokio::spawn(async move {
        // Each connection answers once, and says nothing about it.
        while let Ok((mut tcp, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(tcp.read_u8().await.unwrap());
            }
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            tcp.write_all(answer).await.unwrap();
        }
    });
    let clients = clients();
    for _ in 0..20 {
        let answer = timeout(PATIENCE, clients.http1().request(request(address)));
        assert_eq!(answer.await.unwrap().unwrap().status(), StatusCode::OK);
        // The end of the connection is there before the next request.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    served.abort();
}
