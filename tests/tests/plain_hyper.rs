//! The services round plain hyper, over real sockets, in HTTP/1.1 and HTTP/2.
#![allow(clippy::unwrap_used, reason = "in a test it is an assertion")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use portcullis_auth::{AuthLayer, Outage, Reason, RequireLayer, ResourceMetadata};
use portcullis_core::{OutageCause, RequestExt as _};
use portcullis_testing::{StubVerifier, identity};
use tokio::net::TcpListener;
use tower_layer::Layer as _;
use tower_service::Service;

const DEADLINE: Duration = Duration::from_secs(10);

/// Serves until the test ends.
async fn serve<S, B>(service: S) -> SocketAddr
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(async move {
                let builder = auto::Builder::new(TokioExecutor::new());
                let served = builder
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
                served.unwrap_or_else(|error| panic!("{error}"));
            });
        }
    });
    address
}

async fn ask(
    address: SocketAddr,
    http2: bool,
    method: Method,
    token: Option<&str>,
    body: &'static str,
) -> (StatusCode, HeaderMap, Bytes) {
    let client = Client::builder(TokioExecutor::new())
        .http2_only(http2)
        .build_http();
    let mut request = Request::new(Full::<Bytes>::from(body));
    *request.method_mut() = method;
    *request.uri_mut() = format!("http://{address}/").parse().unwrap();
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    let answer = async {
        let (parts, body) = client.request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, body)
    };
    tokio::time::timeout(DEADLINE, answer).await.unwrap()
}

#[tokio::test]
async fn metadata_is_answered_whatever_the_body() {
    let metadata = ResourceMetadata::new("https://api.example.com")
        .and_then(|it| it.with_authorization_server("https://idp.example.com"))
        .unwrap();
    let address = serve(metadata).await;
    for http2 in [false, true] {
        let (status, headers, document) = ask(address, http2, Method::GET, None, "").await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(headers[CACHE_CONTROL], "public, max-age=3600");
        assert_eq!(headers[CONTENT_LENGTH], document.len().to_string());
        let read: serde_json::Value = serde_json::from_slice(&document).unwrap();
        assert_eq!(
            read,
            serde_json::json!({
                "resource": "https://api.example.com",
                "authorization_servers": ["https://idp.example.com"],
                "bearer_methods_supported": ["header"],
            })
        );

        let (status, headers, empty) = ask(address, http2, Method::HEAD, None, "").await;
        assert_eq!((status, empty.len()), (StatusCode::OK, 0));
        assert_eq!(headers[CONTENT_LENGTH], document.len().to_string());

        let (status, headers, empty) = ask(address, http2, Method::POST, None, "body").await;
        assert_eq!((status, empty.len()), (StatusCode::METHOD_NOT_ALLOWED, 0));
        assert_eq!(headers[ALLOW], "GET, HEAD");
    }
}

#[tokio::test]
async fn both_middlewares_go_round_a_plain_service() {
    let verifier = StubVerifier::new()
        .valid("good", identity("alice").scopes("echo").build())
        .valid("narrow", identity("bob").build())
        .invalid("old", Reason::Expired)
        .indeterminate("lost", Outage::new(OutageCause::KeyUnavailable));
    let echo = tower::service_fn(|request: Request<Incoming>| async move {
        let subject = request
            .identity()
            .and_then(|it| it.subject())
            .map(str::to_owned);
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let text = format!("{}: {}", subject.unwrap(), String::from_utf8_lossy(&body));
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(text)))
    });
    let require = RequireLayer::new().with_scopes(["echo"]).unwrap();
    let address = serve(AuthLayer::new(verifier).layer(require.layer(echo))).await;
    for http2 in [false, true] {
        for (token, status) in [
            (None, 401),
            (Some("old"), 401),
            (Some("narrow"), 403),
            (Some("lost"), 503),
        ] {
            let (answered, headers, body) = ask(address, http2, Method::POST, token, "hello").await;
            assert_eq!(answered.as_u16(), status, "{token:?}");
            assert_eq!(
                headers.contains_key(WWW_AUTHENTICATE),
                status < 500,
                "{token:?}"
            );
            assert_eq!(
                headers.contains_key("retry-after"),
                status == 503,
                "{token:?}"
            );
            assert_eq!(headers[CONTENT_LENGTH], body.len().to_string(), "{token:?}");
        }
        let (status, _, body) = ask(address, http2, Method::POST, Some("good"), "hello").await;
        assert_eq!((status.as_u16(), &body[..]), (200, &b"alice: hello"[..]));
    }
}
