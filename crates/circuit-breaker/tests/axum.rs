//! In an axum router, over real sockets: the state survives new connections, and the error type stays.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used)] // unwrap in a test is an assertion
#![cfg(feature = "http")]

use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use http::StatusCode;
use portcullis_circuit_breaker::Circuit;
use portcullis_circuit_breaker::http::HttpCircuitBreakerLayer;
use portcullis_core::CircuitState;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// One request over a connection of its own; the status.
async fn ask(address: SocketAddr, path: &str) -> u16 {
    let mut connection = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_state_survives_new_connections_and_is_shared_by_routes() {
    let circuit = Circuit::builder("app").minimum_calls(4).build().unwrap();
    let app = Router::new()
        .route("/good", get(|| async { "good" }))
        .route("/bad", get(|| async { StatusCode::INTERNAL_SERVER_ERROR }))
        .layer(HttpCircuitBreakerLayer::new(circuit.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move { axum::serve(listener, app).await });
    for _ in 0..2 {
        assert_eq!(ask(address, "/good").await, 200);
    }
    // The body of the last good one is settled when it was written, which may be after it was read.
    while circuit.snapshot().calls < 2 {
        tokio::task::yield_now().await;
    }
    for _ in 0..2 {
        assert_eq!(ask(address, "/bad").await, 500);
    }
    assert_eq!(circuit.state(), CircuitState::Open);
    assert_eq!(ask(address, "/good").await, 503);
    circuit.reset();
    assert_eq!(ask(address, "/good").await, 200);
    serving.abort();
}
