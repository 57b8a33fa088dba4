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
