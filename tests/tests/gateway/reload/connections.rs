//! What is open while the configuration is replaced.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use portcullis_gateway::Config;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};

use super::{Followed, all_to};
use crate::stand::{PATIENCE, Upstream};
use crate::wire::{ByHand, Wire};

fn config(text: &str) -> Config {
    Config::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

#[tokio::test]
async fn a_slow_request_ends_with_the_configuration_it_began_with() {
    let (arrived, go) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    let (reached, gate) = (Arc::clone(&arrived), Arc::clone(&go));
    let slow = Router::new().fallback(get(move || {
        let (reached, gate) = (Arc::clone(&reached), Arc::clone(&gate));
        async move {
            reached.notify_one();
            let _go = gate.acquire().await.expect("open");
            "slow"
        }
    }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let old = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, slow).await });
    let new = Upstream::start().await;

    let gateway = Arc::new(Followed::start(&all_to(&old)).await);
    let asking = Arc::clone(&gateway);
    let waiting = tokio::spawn(async move { asking.get("/x").await });
    tokio::time::timeout(PATIENCE, arrived.notified())
        .await
        .expect("the request reached the old upstream");
    let replaced = gateway.gateway.reload(config(&all_to(&new.url()))).await;
    replaced.expect("taken");
    assert_eq!(gateway.get("/x").await.body, "hello");
    assert!(!waiting.is_finished());
    go.add_permits(1);
    let answer = waiting.await.unwrap();
    assert_eq!(
        (answer.status.as_u16(), &answer.body[..]),
        (200, &b"slow"[..])
    );
    server.abort();
}

async fn ask(stream: &mut TcpStream) -> String {
    let exchange = async {
        stream
            .write_all(b"GET /x HTTP/1.1\r\nhost: a\r\n\r\n")
            .await
            .expect("written");
        let mut answer = Vec::new();
        while !answer.ends_with(b"one") && !answer.ends_with(b"two") {
            answer.push(stream.read_u8().await.expect("a byte"));
        }
        String::from_utf8(answer).expect("text")
    };
    tokio::time::timeout(PATIENCE, exchange)
        .await
        .expect("an answer in time")
}

#[tokio::test]
async fn a_connection_stays_open_and_its_next_request_goes_the_new_way() {
    let saying =
        |text: &'static str| Upstream::answering(move |_| http::Response::new(text.into()));
    let (one, two) = (saying("one").await, saying("two").await);
    let gateway = Followed::start(&all_to(&one.url())).await;
    let mut stream = TcpStream::connect(gateway.gateway.address()).await.unwrap();
    assert!(ask(&mut stream).await.ends_with("one"));
    let replaced = gateway.gateway.reload(config(&all_to(&two.url()))).await;
    replaced.expect("taken");
    assert!(ask(&mut stream).await.ends_with("two"));
}

#[tokio::test]
async fn connections_to_an_upstream_are_used_on() {
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", upstream.local_addr().unwrap());
    let gateway = Followed::start(&all_to(&url)).await;
    let behind = tokio::spawn(async move {
        // One connection is all that is accepted.
        let (mut stream, _) = upstream.accept().await.expect("a connection");
        for _ in 0..2 {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.expect("a byte"));
            }
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\none";
            stream.write_all(answer).await.expect("written");
        }
    });
    assert_eq!(gateway.get("/x").await.body, "one");
    let changed = all_to(&url).replace("auth =", "timeout = \"7s\"\nauth =");
    let replaced = gateway.gateway.reload(config(&changed)).await;
    replaced.expect("taken");
    assert_eq!(gateway.get("/x").await.body, "one");
    behind.await.unwrap();
}

#[tokio::test]
async fn the_first_upstream_of_https_costs_the_others_no_connection() {
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", upstream.local_addr().unwrap());
    let gateway = Followed::start(&all_to(&url)).await;
    let behind = tokio::spawn(async move {
        // One connection is all that is accepted.
        let (mut stream, _) = upstream.accept().await.expect("a connection");
        let mut stream = BufReader::new(&mut stream);
        for _ in 0..3 {
            let mut line = String::new();
            while line != "\r\n" {
                line.clear();
                stream.read_line(&mut line).await.expect("a line");
            }
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\none";
            stream.write_all(answer).await.expect("written");
        }
    });
    assert_eq!(gateway.get("/x").await.body, "one");
    let more = "[[route]]\npath = \"/s/\"\nauth = \"none\"\nupstream = [\"https://127.0.0.1:1\"]\n";
    for text in [all_to(&url) + more, all_to(&url)] {
        let replaced = gateway.gateway.reload(config(&text)).await;
        replaced.expect("taken");
        assert_eq!(gateway.get("/x").await.body, "one");
    }
    behind.await.unwrap();
}

#[tokio::test]
async fn bounds_of_every_listener_follow() {
    let text = |bounds: &str| {
        format!(
            "[server]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n{bounds}\n\
             [forward_auth]\nlisten = \"127.0.0.1:0\"\npeers = [\"127.0.0.1\"]\n\
             [[route]]\npath = \"/\"\nauth = \"none\"\nupstream = [\"http://127.0.0.1:1\"]\n"
        )
    };
    let gateway = Followed::start(&text("")).await.gateway;
    let listeners = [
        gateway.address(),
        gateway.admin_address().unwrap(),
        gateway.forward_auth_address().unwrap(),
    ];
    let lines = "x-one: 1\r\n".repeat(20);
    let request = format!("GET /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{lines}\r\n");
    let too_many = async || {
        let mut answers = Vec::new();
        for address in listeners {
            let mut client = Wire::to(address).await;
            client.send(&request).await;
            answers.push(client.head().await.starts_with("HTTP/1.1 431 "));
        }
        answers
    };
    assert_eq!(too_many().await, [false; 3]);
    let replaced = gateway.reload(config(&text("max_headers = 10"))).await;
    replaced.expect("taken");
    assert_eq!(too_many().await, [true; 3]);
}

#[tokio::test]
async fn an_upgraded_connection_goes_on() {
    let hand = ByHand::start().await;
    let (mut client, mut behind, _) = hand
        .asked(
            "GET /chat HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        .await;
    behind
        .send(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        )
        .await;
    assert!(client.head().await.contains(" 101 "));
    let other = Upstream::start().await;
    let replaced = hand.gateway.reload(config(&format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n\
         [[route]]\npath = \"/\"\nauth = \"none\"\nupstream = [\"{}\"]\n",
        other.url()
    )));
    replaced.await.expect("taken");
    for _ in 0..3 {
        client.send("ping").await;
        assert_eq!(behind.until("ping").await, "ping");
        behind.send("pong").await;
        assert_eq!(client.until("pong").await, "pong");
    }
}
