//! What the gateway answers by itself; the upstream never sees it.

use std::time::Duration;

use axum::body::Body;
use http::Response;

use crate::stand::{PATIENCE, Stand, Upstream, issuer};

#[tokio::test]
async fn what_no_route_has_is_404() {
    let stand = Stand::start().await;
    for target in ["/", "/apix", "/openly", "/API/x"] {
        let answer = stand.get(target, &stand.token()).await;
        assert_eq!(
            (answer.status.as_u16(), &*answer.reason()),
            (404, "no_route"),
            "{target}"
        );
    }
    assert_eq!(stand.upstream.calls(), 0);
}

#[tokio::test]
async fn hostile_requests_are_answered_here() {
    let stand =
        Stand::with("[[route]]\npath = \"/\"\nupstream = [\"UPSTREAM\"]\nauth = \"none\"").await;
    let host = "host: gateway.example.com\r\n";
    let table = [
        // Paths that an upstream could resolve to a guarded one.
        (format!("GET /open/../api/x HTTP/1.1\r\n{host}"), 400),
        (format!("GET /open/%2e%2e/api/x HTTP/1.1\r\n{host}"), 400),
        (format!("GET /open/..;/api/x HTTP/1.1\r\n{host}"), 400),
        (format!("GET /open%2f..%2fapi/x HTTP/1.1\r\n{host}"), 400),
        (format!("GET /open/..%5capi HTTP/1.1\r\n{host}"), 400),
        (format!("GET //api/x HTTP/1.1\r\n{host}"), 400),
        (format!("GET /%61pi/x HTTP/1.1\r\n{host}"), 400),
        (format!("GET /api;x=1/x HTTP/1.1\r\n{host}"), 400),
        (format!("GET /open/%00 HTTP/1.1\r\n{host}"), 400),
        // No path at all.
        (format!("OPTIONS * HTTP/1.1\r\n{host}"), 404),
        (
            format!("CONNECT api.example.com:443 HTTP/1.1\r\n{host}"),
            404,
        ),
        // Hosts.
        ("GET /open/x HTTP/1.1\r\n".to_owned(), 400),
        (format!("GET /open/x HTTP/1.1\r\n{host}{host}"), 400),
        (
            "GET /open/x HTTP/1.1\r\nhost: a\";for=1.2.3.4;b=\"\r\n".to_owned(),
            400,
        ),
        ("GET /open/x HTTP/1.1\r\nhost: me@a\r\n".to_owned(), 400),
        // Where one request ends and the next begins.
        (
            format!("POST /open/x HTTP/1.1\r\n{host}content-length: 1\r\ncontent-length: 2\r\n"),
            400,
        ),
        (
            format!("POST /open/x HTTP/1.1\r\n{host}content-length: +1\r\n"),
            400,
        ),
        (
            format!("POST /open/x HTTP/1.1\r\n{host}transfer-encoding: gzip\r\n"),
            400,
        ),
        (format!("GET /open/x HTTP/1.1\r\n{host}x-a : b\r\n"), 400),
        (
            format!("GET /open/x HTTP/1.1\r\n{host}x-a: b\r\n folded\r\n"),
            400,
        ),
        (
            format!(
                "GET /open/x HTTP/1.1\r\n{host}{}",
                "x-many: 1\r\n".repeat(200)
            ),
            431,
        ),
        ("GARBAGE\r\n".to_owned(), 400),
    ];
    for (head, status) in table {
        let answer = stand.raw(&format!("{head}connection: close\r\n\r\n")).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{head}\n{answer}"
        );
    }
    assert_eq!(stand.upstream.calls(), 0);
}

#[tokio::test]
async fn a_length_beside_chunks_does_not_smuggle_a_request() {
    let stand = Stand::start().await;
    // RFC 9112 section 6.1: chunked overrides, and what follows must not be read as a request.
    let answer = stand
        .raw(
            "POST /open/first HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 60\r\n\r\n\
             0\r\n\r\nGET /open/second HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
        )
        .await;
    assert_eq!(stand.upstream.calls(), 1, "{answer}");
    let received = stand.upstream.last();
    assert_eq!((&*received.target, received.body.len()), ("/open/first", 0));
    assert!(
        !received.headers.contains_key("content-length"),
        "{received:?}"
    );
    assert_eq!(
        answer.matches("HTTP/1.1 ").count(),
        1,
        "and closed: {answer}"
    );
}

#[tokio::test]
async fn unreachable_upstream_is_502_and_a_late_one_504() {
    let upstream = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = upstream.local_addr().unwrap();
    let stand = Stand::with(&format!(
        "[[route]]\npath = \"/gone/\"\nupstream = [\"http://127.0.0.1:1\"]\nauth = \"none\"\n\
         [[route]]\npath = \"/late/\"\nupstream = [\"http://{silent}\"]\nauth = \"none\"\ntimeout = \"200ms\""
    ))
    .await;
    let gone = stand.get_bare("/gone/x").await;
    assert_eq!(
        (gone.status.as_u16(), &*gone.reason()),
        (502, "upstream_unreachable")
    );
    let late = stand.get_bare("/late/x").await;
    assert_eq!(
        (late.status.as_u16(), &*late.reason()),
        (504, "upstream_timeout")
    );
    for answer in [gone, late] {
        let body = String::from_utf8(answer.body.to_vec()).unwrap();
        assert!(
            !body.contains("127.0.0.1"),
            "nothing of the inside is told: {body}"
        );
        assert_eq!(answer.header("www-authenticate"), "");
    }
}

#[tokio::test]
async fn errors_of_the_upstream_are_its_own() {
    for status in [401, 404, 500, 502, 503, 504] {
        let upstream = Upstream::answering(move |_| {
            let mut response = Response::new(Body::from("mine"));
            *response.status_mut() = http::StatusCode::from_u16(status).expect("a status");
            response
        })
        .await;
        let stand = Stand::between(issuer().await, upstream, "").await;
        let answer = stand.get_bare("/open/x").await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body[..]),
            (status, &b"mine"[..])
        );
    }
}

#[tokio::test]
async fn connections_that_say_too_little_are_closed() {
    let stand = Stand::start().await;
    let begun = std::time::Instant::now();
    for beginning in [
        "",
        "P",
        "PRI * HTTP/2.0\r\n",
        "GET /open/x HTTP/1.1\r\nhost: a\r\nx-slow: ",
    ] {
        let answer = stand.raw(beginning).await;
        assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    // Four times the header timeout of one second, and not the patience of this test.
    assert!(
        begun.elapsed() < PATIENCE.min(Duration::from_secs(12)),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(
        stand.get_bare("/open/x").await.status,
        200,
        "others are served"
    );
}
