//! What both feeds ask of a request, whatever it says.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request};
use http_body_util::Full;
use portcullis_auth::RevocableTokens;
use portcullis_core::Secret;
use portcullis_revocation::feeds::{Client, Clients, TokenRevocation};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::backchannel::receiver;
use crate::stand::{CLIENT, DEADLINE, PASSWORD, Stand, authenticated, is, send, serve};

/// Both feeds, each with a request that it would take.
async fn feeds(stand: &Stand, deadline: Duration) -> [(SocketAddr, &'static str, String); 2] {
    let clients = [Client::new(
        stand.issuer.issuer(),
        CLIENT,
        Secret::from(PASSWORD),
    )];
    let revocation = TokenRevocation::new(
        stand.revoker(),
        RevocableTokens::new(stand.verifier.clone()),
        Clients::new(clients).unwrap(),
    );
    let logout = receiver(stand).with_deadline(deadline);
    [
        (
            serve(revocation.with_deadline(deadline)).await,
            "token",
            stand.token().issue(),
        ),
        (
            serve(logout).await,
            "logout_token",
            stand.logout().session("s").issue(),
        ),
    ]
}

type Change = fn(&mut Request<Full<Bytes>>, &str, &str);

#[tokio::test]
async fn a_request_that_is_not_a_plain_form_is_refused_before_its_token_is_looked_at() {
    let stand = Stand::new().await;
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    let cases: Vec<(&str, u16, Change)> = vec![
        ("GET", 405, |request, _, _| {
            *request.method_mut() = Method::GET
        }),
        ("PUT", 405, |request, _, _| {
            *request.method_mut() = Method::PUT
        }),
        ("OPTIONS", 405, |request, _, _| {
            *request.method_mut() = Method::OPTIONS
        }),
        ("the token in the query", 400, |request, name, token| {
            let uri = format!("{}?{name}={token}", request.uri());
            *request.uri_mut() = uri.parse().unwrap();
            *request.body_mut() = Full::default();
        }),
        ("anything in the query", 400, |request, _, _| {
            let uri = format!("{}?x", request.uri());
            *request.uri_mut() = uri.parse().unwrap();
        }),
        ("no content type", 400, |request, _, _| {
            request.headers_mut().remove("content-type");
        }),
        ("JSON", 400, |request, name, token| {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert("content-type", json);
            *request.body_mut() = format!(r#"{{"{name}":"{token}"}}"#).into();
        }),
        ("multipart", 400, |request, _, _| {
            let multipart = HeaderValue::from_static("multipart/form-data; boundary=x");
            request.headers_mut().insert("content-type", multipart);
        }),
        ("two content types", 400, |request, _, _| {
            let text = HeaderValue::from_static("text/plain");
            request.headers_mut().append("content-type", text);
        }),
        ("a content coding", 400, |request, _, _| {
            let gzip = HeaderValue::from_static("gzip");
            request.headers_mut().insert("content-encoding", gzip);
        }),
        ("the token twice", 400, |request, name, token| {
            *request.body_mut() = format!("{name}={token}&{name}={token}").into();
        }),
        (
            "the token twice, once escaped",
            400,
            |request, name, token| {
                let escaped = name.replace('t', "%74");
                *request.body_mut() = format!("{name}={token}&{escaped}={token}").into();
            },
        ),
        ("another parameter twice", 400, |request, name, token| {
            *request.body_mut() = format!("x=1&{name}={token}&x=2").into();
        }),
        ("a stray percent sign", 400, |request, name, token| {
            *request.body_mut() = format!("{name}={token}&x=%").into();
        }),
        ("no token", 400, |request, _, _| {
            *request.body_mut() = Full::default()
        }),
        ("an empty token", 400, |request, name, _| {
            *request.body_mut() = format!("{name}=").into();
        }),
        (
            "a body of 16 KiB and one byte",
            413,
            |request, name, token| {
                let mut body = format!("{name}={token}&x=");
                body.push_str(&"y".repeat(16 * 1024 + 1 - body.len()));
                *request.body_mut() = body.into();
            },
        ),
        ("a megabyte", 413, |request, _, _| {
            *request.body_mut() = "y".repeat(1 << 20).into();
        }),
        ("33 parameters", 400, |request, name, token| {
            let more: String = (0..32).map(|n| format!("&p{n}=1")).collect();
            *request.body_mut() = format!("{name}={token}{more}").into();
        }),
    ];
    for (address, name, token) in feeds(&stand, Duration::from_secs(5)).await {
        for (what, status, change) in &cases {
            let mut request = authenticated(address, &[(name, &token)]);
            assert_eq!(request.headers()["content-type"], form);
            change(&mut request, name, &token);
            let answer = send(request).await;
            let told = answer.told();
            assert_eq!(told, is(*status, "invalid_request"), "{name}: {what}");
            let allowed = answer.headers.get("allow").map(HeaderValue::as_bytes);
            assert_eq!(allowed, (*status == 405).then_some(&b"POST"[..]), "{what}");
        }
        assert_eq!(stand.log.appends(), 0, "{name}");
    }
}

#[tokio::test]
async fn a_plain_form_is_taken_however_it_is_said_to_be_one() {
    let stand = Stand::new().await;
    for (address, name, _) in feeds(&stand, Duration::from_secs(5)).await {
        for content_type in [
            "application/x-www-form-urlencoded",
            "Application/X-WWW-Form-URLencoded",
            "application/x-www-form-urlencoded; charset=UTF-8",
            "application/x-www-form-urlencoded ;charset=utf-8",
        ] {
            let token = if name == "token" {
                stand.token().issue()
            } else {
                stand.logout().session("s").issue()
            };
            // Parameters that are not known are ignored, and 16 KiB are not too many.
            let mut body = format!("{name}={token}&unknown=");
            body.push_str(&"y".repeat(16 * 1024 - body.len()));
            let mut request = authenticated(address, &[]);
            *request.body_mut() = body.into();
            request
                .headers_mut()
                .insert("content-type", HeaderValue::from_static(content_type));
            assert_eq!(
                send(request).await.told(),
                is(200, ""),
                "{name} {content_type}"
            );
        }
    }
}

/// Bytes sent, and what comes back until the server says no more.
async fn raw(address: SocketAddr, bytes: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let mut buffer = [0; 1024];
    let read = async {
        // An error is an end, too: of a connection whose body nobody read.
        while let Ok(length @ 1..) = stream.read(&mut buffer).await {
            answer.extend_from_slice(&buffer[..length]);
            if answer.windows(4).any(|end| end == b"\r\n\r\n") {
                break;
            }
        }
    };
    tokio::time::timeout(DEADLINE, read).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

const HEAD: &str =
    "POST / HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-www-form-urlencoded\r\n";

#[tokio::test]
async fn a_body_that_never_ends_or_is_too_long_in_chunks_is_not_waited_for() {
    let stand = Stand::new().await;
    for (address, name, _) in feeds(&stand, Duration::from_millis(100)).await {
        let slow = format!("{HEAD}content-length: 100\r\n\r\n{name}=a");
        let answer = raw(address, &slow).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{name}: {answer}");
        let chunk = format!("1000\r\n{}\r\n", "y".repeat(0x1000));
        let endless = format!(
            "{HEAD}transfer-encoding: chunked\r\n\r\n{}",
            chunk.repeat(5)
        );
        let answer = raw(address, &endless).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{name}: {answer}");
        let announced = format!("{HEAD}content-length: 16385\r\n\r\n");
        let answer = raw(address, &announced).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{name}: {answer}");
    }
    assert_eq!(stand.log.appends(), 0);
}
