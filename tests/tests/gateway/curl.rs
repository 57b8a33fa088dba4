//! curl, which nobody here wrote, as a client of the gateway.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use axum::body::Body;
use http::{Method, Response, Version};
use portcullis_gateway::Running;
use tempfile::TempDir;

use crate::stand::{Stand, Upstream, gateway, issuer};

/// More than a socket buffer holds, and enough for curl to ask before it uploads.
const LARGE: usize = 5 << 20;

/// A folder for the files of one test.
struct Curl(TempDir);

/// What curl got.
#[derive(Debug)]
struct Got {
    status: u16,
    /// As curl writes it: `1.1`, `2`.
    version: String,
    body: Vec<u8>,
    uploaded: usize,
    seconds: f64,
    /// What went over the wire, beside bodies.
    said: String,
}

// === impl Curl ===

impl Curl {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn file(&self, name: &str, content: &[u8]) -> String {
        let path: PathBuf = self.0.path().join(name);
        fs::write(&path, content).expect("written");
        path.to_str().expect("text").to_owned()
    }

    async fn run(&self, arguments: &[&str]) -> Got {
        let body = self.0.path().join("body");
        let mut command = Command::new("curl");
        command
            .args(["-sSv", "--max-time", "20", "--noproxy", "*", "-o"])
            .arg(&body)
            .args([
                "-w",
                "%{http_code} %{http_version} %{size_upload} %{time_total}",
            ])
            .args(arguments);
        let output = tokio::task::spawn_blocking(move || command.output());
        let output = output.await.expect("run").expect("curl");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let numbers = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut numbers = numbers.split(' ').map(str::to_owned);
        let mut next = || numbers.next().unwrap_or_else(|| panic!("{said}"));
        Got {
            status: next().parse().expect("a status"),
            version: next(),
            uploaded: next().parse().expect("a size"),
            seconds: next().parse().expect("seconds"),
            body: fs::read(&body).unwrap_or_default(),
            said,
        }
    }
}

/// Says back what it was sent.
async fn echo() -> Upstream {
    Upstream::answering(|received| Response::new(Body::from(received.body.clone()))).await
}

fn large() -> Vec<u8> {
    (0..LARGE).map(|index| (index % 251) as u8).collect()
}

#[tokio::test]
async fn curl_gets_and_posts_over_http1_and_http2() {
    let stand = Stand::between(issuer().await, echo().await, "").await;
    let bearer = format!("Authorization: Bearer {}", stand.token());
    let curl = Curl::new();
    for (option, version) in [("--http1.1", "1.1"), ("--http2-prior-knowledge", "2")] {
        let got = curl
            .run(&[
                option,
                "-H",
                &bearer,
                "-d",
                "hello",
                &stand.url("/api/x?a=b"),
            ])
            .await;
        assert_eq!((got.status, &*got.version), (200, version), "{}", got.said);
        assert_eq!(got.body, b"hello");
        let received = stand.upstream.last();
        assert_eq!(
            (received.method, &*received.target),
            (Method::POST, "/api/x?a=b")
        );
        assert_eq!(received.version, Version::HTTP_11);
        assert_eq!(received.headers["x-auth-subject"], "alice");
        assert!(got.said.contains("< x-request-id: "), "{}", got.said);
    }
}

#[tokio::test]
async fn curl_uploads_a_file_over_http1_and_http2() {
    let stand = Stand::between(issuer().await, echo().await, "").await;
    let curl = Curl::new();
    let (bytes, url) = (large(), stand.url("/open/file"));
    let file = curl.file("upload", &bytes);
    for option in ["--http1.1", "--http2-prior-knowledge"] {
        let got = curl.run(&[option, "-T", &file, &url]).await;
        assert_eq!((got.status, got.uploaded), (200, LARGE), "{}", got.said);
        assert!(
            got.body == bytes,
            "{option}: what came back is what was sent"
        );
        let received = stand.upstream.last();
        assert_eq!(received.method, Method::PUT);
        assert!(received.body == bytes, "{option}");
        assert!(!received.headers.contains_key("expect"));
    }
    // Of unknown length, so in chunks.
    let chunked = ["--http1.1", "-T", &file, "-H", "Transfer-Encoding: chunked"];
    let got = curl.run(&[&chunked[..], &[&url]].concat()).await;
    assert_eq!(got.status, 200, "{}", got.said);
    assert!(stand.upstream.last().body == bytes);
}

#[tokio::test]
async fn curl_is_told_to_go_on_before_it_uploads() {
    let stand = Stand::between(issuer().await, echo().await, "").await;
    let curl = Curl::new();
    let file = curl.file("upload", &large());
    // Without an answer it would wait for longer than this test does.
    let wait = [
        "--http1.1",
        "--expect100-timeout",
        "60",
        "-H",
        "Expect: 100-continue",
        "-T",
        &file,
    ];
    let url = stand.url("/open/file");
    let got = curl.run(&[&wait[..], &[&url]].concat()).await;
    assert_eq!((got.status, got.uploaded), (200, LARGE), "{}", got.said);
    assert!(got.said.contains("HTTP/1.1 100 Continue"), "{}", got.said);
    assert!(got.seconds < 20.0, "{got:?}");
}

#[tokio::test]
async fn curl_uploads_nothing_when_it_is_refused() {
    let stand = Stand::between(issuer().await, echo().await, "").await;
    let curl = Curl::new();
    let file = curl.file("upload", &large());
    let wait = [
        "--http1.1",
        "--expect100-timeout",
        "60",
        "-H",
        "Expect: 100-continue",
        "-T",
        &file,
    ];
    for (target, status) in [("/api/file", 401), ("/nowhere", 404)] {
        let url = stand.url(target);
        let got = curl.run(&[&wait[..], &[&url]].concat()).await;
        assert_eq!((got.status, got.uploaded), (status, 0), "{}", got.said);
        assert!(!got.said.contains("100 Continue"), "{}", got.said);
    }
    let url = stand.url("/api/file");
    let got = curl
        .run(&["--http2-prior-knowledge", "-T", &file, &url])
        .await;
    assert_eq!((got.status, &*got.version), (401, "2"), "{}", got.said);
    assert_eq!(stand.upstream.calls(), 0);
}

#[tokio::test]
async fn curl_gets_heads_and_refusals() {
    let stand = Stand::between(issuer().await, Upstream::start().await, "").await;
    let curl = Curl::new();
    let got = curl.run(&["-I", &stand.url("/open/x")]).await;
    assert_eq!(got.status, 200, "{}", got.said);
    assert_eq!(stand.upstream.last().method, Method::HEAD);
    let dots = curl
        .run(&["--path-as-is", &stand.url("/open/../api/x")])
        .await;
    assert_eq!(dots.status, 400);
    let problem = String::from_utf8_lossy(&dots.body).into_owned();
    assert!(
        problem.contains("\"reason\":\"ambiguous_path\""),
        "{problem}"
    );
    let bare = curl.run(&[&stand.url("/api/x")]).await;
    assert_eq!(bare.status, 401);
    assert!(
        bare.said.contains("< www-authenticate: Bearer"),
        "{}",
        bare.said
    );
    assert_eq!(stand.upstream.calls(), 1);
}

/// A gateway that shows a certificate for `api.example.com`, and the file of that.
async fn with_tls(curl: &Curl, upstream: &Upstream) -> (Running, String) {
    let made = rcgen::generate_simple_self_signed(["api.example.com".into()]).expect("a key");
    let chain = curl.file("tls.crt", made.cert.pem().as_bytes());
    let key = curl.file("tls.key", made.signing_key.serialize_pem().as_bytes());
    let gateway = gateway(&format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nhosts = [\"api.example.com\"]\n[server.tls]\n\
         certificate = {chain:?}\nkey = {key:?}\n[[route]]\npath = \"/\"\nauth = \"none\"\nupstream = [\"{}\"]",
        upstream.url()
    ))
    .await;
    (gateway, chain)
}

#[tokio::test]
async fn curl_speaks_tls_and_agrees_on_http2() {
    let (curl, upstream) = (Curl::new(), echo().await);
    let (gateway, ca) = with_tls(&curl, &upstream).await;
    let port = gateway.address().port();
    let resolve = format!("api.example.com:{port}:127.0.0.1");
    let url = format!("https://api.example.com:{port}/x");
    let file = curl.file("upload", &large());
    for (option, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let tls = [
            "--cacert",
            &ca,
            "--resolve",
            &resolve,
            option,
            "-T",
            &file,
            &url,
        ];
        let got = curl.run(&tls).await;
        assert_eq!((got.status, &*got.version), (200, version), "{}", got.said);
        assert_eq!(got.body.len(), LARGE);
        let headers = upstream.last().headers;
        let host = format!("api.example.com:{port}");
        assert_eq!(headers["x-forwarded-proto"], "https");
        assert_eq!(headers["x-forwarded-host"], host.as_str());
        assert_eq!(headers["host"], host.as_str());
        let forwarded = format!("for=127.0.0.1;host=\"{host}\";proto=https");
        assert_eq!(headers["forwarded"], forwarded.as_str());
    }
}
