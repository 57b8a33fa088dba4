//! Which hosts are served, and which one upstreams see.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use portcullis_gateway::Running;

use crate::stand::{Upstream, gateway, send, send_http2};

async fn serving(hosts: &str, upstream: &Upstream, more: &str) -> Running {
    gateway(&format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n{hosts}\n[[route]]\npath = \"/\"\nauth = \"none\"\n\
         upstream = [\"{}\"]\n{more}",
        upstream.url()
    ))
    .await
}

fn request(gateway: &Running, host: &str) -> Request<Full<Bytes>> {
    Request::get(format!("http://{}/x", gateway.address()))
        .header("host", host)
        .body(Full::default())
        .expect("a request")
}

#[tokio::test]
async fn only_hosts_of_the_list_are_served() {
    let upstream = Upstream::start().await;
    let hosts = r#"hosts = ["api.example.com", "*.example.org"]"#;
    let gateway = serving(hosts, &upstream, "").await;
    for host in [
        "api.example.com",
        "API.Example.com",
        "api.example.com:8443",
        "api.example.com.",
        "a.example.org",
        "a.b.example.org:80",
    ] {
        assert_eq!(send(request(&gateway, host)).await.status, 200, "{host}");
        assert_eq!(upstream.last().headers["host"], host, "as it came");
    }
    let calls = upstream.calls();
    for host in [
        "example.com",
        "example.org",
        "api.example.com.evil.net",
        "127.0.0.1",
        "localhost",
    ] {
        let answer = send(request(&gateway, host)).await;
        assert_eq!(
            (answer.status.as_u16(), &*answer.reason()),
            (421, "unknown_host"),
            "{host}"
        );
    }
    assert_eq!(upstream.calls(), calls);
}

#[tokio::test]
async fn http2_names_its_host_by_authority() {
    let upstream = Upstream::start().await;
    let other = serving(r#"hosts = ["api.example.com"]"#, &upstream, "").await;
    let request = Request::get(format!("http://{}/x", other.address())).body(Full::default());
    let answer = send_http2(request.expect("a request")).await;
    assert_eq!(answer.reason(), "unknown_host");
    let own = serving(r#"hosts = ["127.0.0.1"]"#, &upstream, "").await;
    let request = Request::get(format!("http://{}/x", own.address())).body(Full::default());
    assert_eq!(send_http2(request.expect("a request")).await.status, 200);
    let headers = upstream.last().headers;
    assert_eq!(headers["host"], own.address().to_string().as_str());
    assert_eq!(headers["x-forwarded-host"], headers["host"]);
}

#[tokio::test]
async fn http_1_0_without_a_host_is_served_where_every_host_is() {
    let upstream = Upstream::start().await;
    for (hosts, status) in [("", "200"), (r#"hosts = ["api.example.com"]"#, "421")] {
        let gateway = serving(hosts, &upstream, "").await;
        let answer = crate::stand::raw(&gateway, b"GET /x HTTP/1.0\r\n\r\n").await;
        assert_eq!(answer.split(' ').nth(1), Some(status), "{answer}");
    }
    let headers = upstream.last().headers;
    assert_eq!(headers["host"], upstream.address.to_string().as_str());
    assert!(!headers.contains_key("x-forwarded-host"));
    assert_eq!(headers["forwarded"], "for=127.0.0.1;proto=http");
    assert_eq!(upstream.calls(), 1);
}

#[tokio::test]
async fn upstream_sees_its_own_host_if_the_route_says_so() {
    let upstream = Upstream::start().await;
    let gateway = serving("", &upstream, "host = \"upstream\"").await;
    let answer = send(request(&gateway, "api.example.com")).await;
    assert_eq!(answer.status, 200);
    let headers = upstream.last().headers;
    assert_eq!(headers["host"], upstream.address.to_string().as_str());
    assert_eq!(headers["x-forwarded-host"], "api.example.com");
}

#[tokio::test]
async fn over_http2_the_host_of_an_upstream_never_contradicts_its_authority() {
    let upstream = Upstream::start().await;
    let gateway = serving("", &upstream, "protocol = \"http2\"").await;
    let answer = send(request(&gateway, "api.example.com")).await;
    assert_eq!(answer.status, 200);
    let received = upstream.last();
    let host = received.headers.get("host").map(|host| host.as_bytes());
    let authority = received.authority.as_deref().map(str::as_bytes);
    assert!(host.is_none() || host == authority, "{received:?}");
    assert_eq!(received.headers["x-forwarded-host"], "api.example.com");
}
