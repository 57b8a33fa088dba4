//! Where requests come from, as upstreams are told.

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::Full;
use portcullis_gateway::Running;

use crate::stand::{Upstream, gateway, send};

async fn behind(trusted: &str, upstream: &Upstream) -> Running {
    gateway(&format!(
        "[server]\nlisten = \"127.0.0.1:0\"\ntrusted_proxies = [{trusted}]\n[[route]]\npath = \"/\"\n\
         auth = \"none\"\nupstream = [\"{}\"]",
        upstream.url()
    ))
    .await
}

async fn told(gateway: &Running, upstream: &Upstream, lines: &[(&str, &str)]) -> HeaderMap {
    let mut request = Request::get(format!("http://{}/x", gateway.address())).header("host", "a");
    for (name, value) in lines {
        request = request.header(*name, *value);
    }
    let answer = send(request.body(Full::<Bytes>::default()).expect("a request")).await;
    assert_eq!(answer.status, 200);
    upstream.last().headers
}

#[tokio::test]
async fn what_strangers_say_is_replaced() {
    let upstream = Upstream::start().await;
    let gateway = behind("\"10.0.0.0/8\"", &upstream).await;
    let headers = told(
        &gateway,
        &upstream,
        &[
            ("x-forwarded-for", "1.2.3.4"),
            ("X-Forwarded-For", "5.6.7.8"),
            ("x-forwarded-host", "admin.example.com"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-port", "443"),
            ("x-forwarded-prefix", "/admin"),
            ("forwarded", "for=1.2.3.4;proto=https"),
            ("x-real-ip", "1.2.3.4"),
            ("x-original-url", "/admin"),
            ("x-rewrite-url", "/admin"),
        ],
    )
    .await;
    assert_eq!(headers["x-forwarded-for"], "127.0.0.1");
    assert_eq!(headers["x-forwarded-host"], "a");
    assert_eq!(headers["x-forwarded-proto"], "http");
    assert_eq!(headers["forwarded"], "for=127.0.0.1;host=\"a\";proto=http");
    for name in ["x-forwarded-for", "forwarded"] {
        assert_eq!(headers.get_all(name).iter().count(), 1, "{name}");
    }
    for gone in [
        "x-forwarded-port",
        "x-forwarded-prefix",
        "x-real-ip",
        "x-original-url",
        "x-rewrite-url",
    ] {
        assert!(!headers.contains_key(gone), "{gone}");
    }
}

#[tokio::test]
async fn a_chain_of_trusted_proxies_is_kept_from_the_client_on() {
    let upstream = Upstream::start().await;
    let gateway = behind("\"127.0.0.0/8\", \"10.0.0.0/8\"", &upstream).await;
    let headers = told(
        &gateway,
        &upstream,
        &[
            ("x-forwarded-for", "6.6.6.6, 203.0.113.7:4711"),
            ("x-forwarded-for", "10.0.0.9"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "app.example.com"),
            ("forwarded", "for=6.6.6.6"),
        ],
    )
    .await;
    assert_eq!(
        headers["x-forwarded-for"],
        "203.0.113.7, 10.0.0.9, 127.0.0.1"
    );
    assert_eq!(
        headers["forwarded"],
        "for=203.0.113.7;host=\"app.example.com\";proto=https, for=10.0.0.9, for=127.0.0.1"
    );
    assert_eq!(headers["x-forwarded-proto"], "https");
    assert_eq!(headers["x-forwarded-host"], "app.example.com");
}

#[tokio::test]
async fn forwarded_is_read_where_it_is_all_there_is() {
    let upstream = Upstream::start().await;
    let gateway = behind("\"127.0.0.1\"", &upstream).await;
    let lines = [(
        "forwarded",
        "for=6.6.6.6, for=\"[2001:db8::7]:4711\";proto=https",
    )];
    let headers = told(&gateway, &upstream, &lines).await;
    assert_eq!(headers["x-forwarded-for"], "2001:db8::7, 127.0.0.1");
    assert_eq!(
        headers["forwarded"],
        "for=\"[2001:db8::7]\";host=\"a\";proto=http, for=127.0.0.1"
    );
}

#[tokio::test]
async fn what_cannot_be_right_is_not_passed_on_even_from_a_trusted_proxy() {
    let upstream = Upstream::start().await;
    let gateway = behind("\"127.0.0.1\"", &upstream).await;
    let lines = [
        ("x-forwarded-for", "203.0.113.7, what"),
        ("x-forwarded-proto", "https, http"),
        ("x-forwarded-host", "a\";for=1.2.3.4"),
    ];
    let headers = told(&gateway, &upstream, &lines).await;
    assert_eq!(headers["x-forwarded-for"], "127.0.0.1");
    assert_eq!(headers["forwarded"], "for=127.0.0.1;host=\"a\";proto=http");
}
