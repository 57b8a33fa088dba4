use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http_body::Frame;
use http_body_util::{Full, StreamBody};
use tower::service_fn;

use super::*;

type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

/// A client that answers by path, and what it was asked.
fn client(answer: fn(&str) -> Answer) -> (HttpClient, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    let service = service_fn(move |request: Request<Full<Bytes>>| {
        log.lock().unwrap().push(request.uri().to_string());
        let response = answer(request.uri().path());
        async move { Ok::<_, Infallible>(response) }
    });
    (HttpClient::new(service), asked)
}

fn answer(status: u16, headers: &[(&'static str, &str)], body: &'static str) -> Answer {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    let body = Full::new(Bytes::from_static(body.as_bytes()));
    response
        .body(body.map_err(|never| match never {}).boxed_unsync())
        .unwrap()
}

fn get(path: &str) -> Get {
    Get {
        url: HttpUrl::parse(&format!("https://id.example/{path}")).unwrap(),
        headers: HeaderMap::new(),
        max_bytes: 10,
    }
}

#[tokio::test]
async fn every_status_but_200_and_304_is_an_error() {
    let (client, _) = client(|path| answer(path[1..].parse().unwrap(), &[], "{}"));
    for status in [200, 304] {
        let got = client.get(&get(&status.to_string())).await.unwrap();
        assert_eq!(got.status.as_u16(), status);
    }
    for status in [201, 204, 206, 300, 400, 401, 404, 429, 500, 503] {
        let error = client.get(&get(&status.to_string())).await.unwrap_err();
        assert_eq!(error, FetchError::Status(status));
    }
}

#[tokio::test]
async fn a_redirect_stays_on_scheme_host_and_port() {
    let (client, asked) = client(|path| match path {
        "/end" => answer(200, &[], "{}"),
        "/relative" => answer(302, &[("location", "end")], ""),
        "/absolute" => answer(308, &[("location", "https://ID.example:443/end")], ""),
        "/host" => answer(302, &[("location", "https://evil.example/end")], ""),
        "/port" => answer(302, &[("location", "https://id.example:8443/end")], ""),
        "/scheme" => answer(302, &[("location", "http://id.example/end")], ""),
        "/user" => answer(302, &[("location", "https://me:secret@id.example/end")], ""),
        "/protocol-relative" => answer(302, &[("location", "//evil.example/end")], ""),
        "/fragment" => answer(302, &[("location", "/end#1")], ""),
        "/broken" => answer(302, &[("location", "/a b")], ""),
        "/none" => answer(302, &[], ""),
        "/circle" => answer(302, &[("location", "/circle")], ""),
        "/three" => answer(301, &[("location", "/two")], ""),
        "/two" => answer(303, &[("location", "/one")], ""),
        "/one" => answer(307, &[("location", "/end")], ""),
        _ => answer(404, &[], ""),
    });
    for path in ["relative", "absolute", "three"] {
        assert!(client.get(&get(path)).await.is_ok(), "{path}");
    }
    asked.lock().unwrap().clear();
    for path in [
        "host",
        "port",
        "scheme",
        "user",
        "protocol-relative",
        "fragment",
        "broken",
        "none",
        "circle",
    ] {
        assert_eq!(
            client.get(&get(path)).await.unwrap_err(),
            FetchError::Redirect,
            "{path}"
        );
    }
    let asked = asked.lock().unwrap();
    assert!(
        asked
            .iter()
            .all(|url| url.starts_with("https://id.example/")),
        "{asked:?}"
    );
    assert_eq!(
        asked.iter().filter(|url| url.ends_with("/circle")).count(),
        4
    );
}

#[tokio::test]
async fn a_body_is_read_up_to_the_limit_and_no_further() {
    let (client, _) = client(|path| match path {
        "/fits" => answer(200, &[], "0123456789"),
        "/long" => answer(200, &[], "0123456789a"),
        "/announced" => answer(200, &[("content-length", "11")], ""),
        "/endless" => {
            let chunks = futures_util::stream::repeat_with(|| {
                Ok::<_, BoxError>(Frame::data(Bytes::from_static(b"xxx")))
            });
            Response::new(BodyExt::boxed_unsync(StreamBody::new(chunks)))
        }
        _ => {
            let broken = futures_util::stream::iter([
                Ok(Frame::data(Bytes::from_static(b"{"))),
                Err::<_, BoxError>("reset".into()),
            ]);
            Response::new(BodyExt::boxed_unsync(StreamBody::new(broken)))
        }
    });
    assert_eq!(
        &client.get(&get("fits")).await.unwrap().body[..],
        b"0123456789"
    );
    for path in ["long", "announced", "endless"] {
        assert_eq!(
            client.get(&get(path)).await.unwrap_err(),
            FetchError::TooLarge,
            "{path}"
        );
    }
    assert_eq!(
        client.get(&get("broken")).await.unwrap_err(),
        FetchError::Interrupted
    );
}

#[tokio::test]
async fn a_content_coding_is_refused() {
    let (client, _) = client(|path| answer(200, &[("content-encoding", &path[1..])], "{}"));
    assert!(client.get(&get("identity")).await.is_ok());
    for coding in ["gzip", "br"] {
        let error = client.get(&get(coding)).await.unwrap_err();
        assert_eq!(error, FetchError::ContentCoding);
    }
}

#[tokio::test]
async fn an_error_of_the_service_does_not_show() {
    let service = service_fn(|_: Request<Full<Bytes>>| async {
        Err::<Response<Full<Bytes>>, BoxError>("token=secret".into())
    });
    let client = HttpClient::new(service);
    assert_eq!(
        client.get(&get("any")).await.unwrap_err(),
        FetchError::Connect
    );
    assert!(!format!("{client:?}").contains("secret"));
}

#[tokio::test]
async fn a_layer_goes_round_a_client_and_what_its_errors_mean_stays() {
    let (client, asked) = client(|_| answer(200, &[], "{}"));
    let client = HttpClient {
        classify: |_| FetchError::Tls,
        ..client
    };
    let shut = tower_layer::layer_fn(|inner: HttpClient| {
        service_fn(move |request: Request<Bytes>| {
            let inner = inner.clone();
            async move {
                match request.uri().path() {
                    "/open" => inner.oneshot(request).await,
                    _ => Err(BoxError::from("shut")),
                }
            }
        })
    });
    let layered = client.layer(&shut);
    assert!(layered.get(&get("open")).await.is_ok());
    assert_eq!(
        layered.get(&get("shut")).await.unwrap_err(),
        FetchError::Tls
    );
    assert_eq!(asked.lock().unwrap().len(), 1);
}
