//! HTTP/1.1 and HTTP/2 on both sides, and gRPC across.

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, Version};
use http_body_util::{BodyExt, Full};

use crate::stand::{Stand, Upstream, issuer, send, send_http2};

const HTTP2_ROUTE: &str = r#"
    [[route]]
    path = "/two/"
    upstream = ["UPSTREAM"]
    auth = "none"
    protocol = "http2"
"#;

#[tokio::test]
async fn either_protocol_in_front_meets_either_behind() {
    let stand = Stand::with(HTTP2_ROUTE).await;
    for (target, version) in [("/open/x", Version::HTTP_11), ("/two/x", Version::HTTP_2)] {
        let request = || {
            Request::post(stand.url(target))
                .body(Full::new(Bytes::from("hi")))
                .unwrap()
        };
        for answer in [send(request()).await, send_http2(request()).await] {
            assert_eq!(answer.status, 200);
            let received = stand.upstream.last();
            assert_eq!(
                (received.version, received.body),
                (version, Bytes::from("hi"))
            );
        }
    }
}

#[tokio::test]
async fn grpc_goes_through_with_its_trailers() {
    let upstream = Upstream::answering(|received| {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", "5".parse().expect("a value"));
        trailers.insert("grpc-message", "no such order".parse().expect("a value"));
        let body =
            Full::new(received.body.clone()).with_trailers(async move { Some(Ok(trailers)) });
        Response::builder()
            .header("content-type", "application/grpc")
            .body(Body::new(body))
            .expect("a response")
    })
    .await;
    let guarded = HTTP2_ROUTE.replace("auth = \"none\"", "scopes = [\"api:read\"]");
    let stand = Stand::between(issuer().await, upstream, &guarded).await;
    let request = Request::post(stand.url("/two/Orders/Get"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("authorization", format!("Bearer {}", stand.token()))
        .body(Full::new(Bytes::from_static(b"\0\0\0\0\x01x")))
        .unwrap();
    let answer = send_http2(request).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, &b"\0\0\0\0\x01x"[..]);
    let trailers = answer.trailers.expect("trailers");
    assert_eq!(
        (&trailers["grpc-status"], &trailers["grpc-message"]),
        (&"5".parse().unwrap(), &"no such order".parse().unwrap())
    );
    let received = stand.upstream.last();
    assert_eq!(received.version, Version::HTTP_2);
    assert_eq!(received.headers["te"], "trailers");
    assert_eq!(received.headers["x-auth-subject"], "alice");
}

#[tokio::test]
async fn no_client_chooses_what_is_spoken_to_an_upstream() {
    let stand = Stand::start().await;
    let request = || {
        Request::post(stand.url("/open/Orders/Get"))
            .header("content-type", "application/grpc")
            .body(Full::new(Bytes::from_static(b"x")))
            .unwrap()
    };
    for answer in [send(request()).await, send_http2(request()).await] {
        assert_eq!(answer.status, 200);
        assert_eq!(stand.upstream.last().version, Version::HTTP_11);
    }
}

#[tokio::test]
async fn unreachable_upstream_is_unavailable_for_grpc() {
    let stand = Stand::with(
        "[[route]]\npath = \"/gone/\"\nupstream = [\"http://127.0.0.1:1\"]\nauth = \"none\"",
    )
    .await;
    let request = Request::post(stand.url("/gone/Greeter/Hello"))
        .header("content-type", "application/grpc")
        .body(Full::<Bytes>::default())
        .unwrap();
    let answer = send_http2(request).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("grpc-status")),
        (200, "14")
    );
}
