//! The log of the running program: lines that machines read, and no secret in any of them.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use portcullis_testing::{FakeIssuer, SigningKey};
use serde_json::Value;

use common::Program;

/// How long anything may take before a test gives up on it.
const PATIENCE: Duration = Duration::from_secs(20);

/// In every place of a request where nobody looks for a secret.
const SECRETS: [&str; 6] = [
    "query-hunter2",
    "path-hunter2",
    "cookie-hunter2",
    "header-hunter2",
    "body-hunter2",
    "alice",
];

/// An upstream that answers with a cookie.
fn upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut bytes = [0; 16 * 1024];
                let _ = stream.read(&mut bytes);
                let _ = stream.write_all(
                    b"HTTP/1.1 200 OK\r\nset-cookie: s=cookie-hunter2\r\ncontent-length: 12\r\n\
                      connection: close\r\n\r\nbody-hunter2",
                );
            });
        }
    });
    address
}

/// Runs the program on this configuration, lets `talk` talk to it, and gives every line of its log.
async fn logged(
    config: &str,
    filter: &str,
    talk: impl AsyncFnOnce(SocketAddr, &Program),
) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    fs::write(&file, config).unwrap();
    let program = Program::start_logging(&["run", "--config", file.to_str().unwrap()], filter);
    let mut lines = program.read_to("ready");
    let ready = lines.last().unwrap();
    let (_, listen) = ready.split_once("127.0.0.1:").unwrap();
    let port: String = listen.chars().take_while(char::is_ascii_digit).collect();
    talk(
        SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap())),
        &program,
    )
    .await;
    program.signal("TERM");
    lines.extend(program.read_to("shutting down"));
    lines
}

/// An address that is free for the moment.
fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

async fn ask(gateway: SocketAddr, target: &str, token: &str, http2: bool) -> u16 {
    let client = Client::builder(TokioExecutor::new())
        .http2_only(http2)
        .build::<_, Full<Bytes>>(HttpConnector::new());
    let mut request = Request::post(format!("http://{gateway}{target}"))
        .header("authorization", format!("Bearer {token}"))
        .header("cookie", "session=cookie-hunter2")
        .header("x-api-key", "header-hunter2")
        .body(Full::from("body-hunter2"))
        .unwrap();
    if http2 {
        *request.version_mut() = Version::HTTP_2;
    }
    let response = client.request(request).await.unwrap();
    let status = response.status().as_u16();
    let _ = response.into_body().collect().await;
    status
}

/// Sends bytes as they are, and reads the status of the answer.
fn send(gateway: SocketAddr, head: &str) -> u16 {
    let mut stream = TcpStream::connect(gateway).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    std::str::from_utf8(&answer[9..]).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_is_json_and_no_secret_is_in_any_at_the_finest_level() {
    let issuer = FakeIssuer::start().await;
    let token = issuer.token().subject("alice").scope("s").issue();
    let stranger = issuer.token().subject("alice").scope("s");
    let stranger = stranger.sign(&SigningKey::es256());
    let asked = free();
    let config = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\n\
         [forward_auth]\nlisten = \"{asked}\"\npeers = [\"127.0.0.1\"]\n\
         [[issuer]]\nurl = \"{}\"\naudiences = [\"{}\"]\n\
         [[route]]\npath = \"/api/\"\nupstream = [\"http://{}\"]\n\
         [[route]]\npath = \"/gone/\"\nupstream = [\"http://127.0.0.1:1\"]\nauth = \"none\"\n",
        issuer.issuer(),
        issuer.audience(),
        upstream()
    );
    let lines = logged(&config, "trace", async |gateway, program| {
        for http2 in [false, true] {
            let target = "/api/path-hunter2?access_token=query-hunter2";
            assert_eq!(ask(gateway, target, &token, http2).await, 200);
            assert_eq!(ask(gateway, target, &stranger, http2).await, 401);
            let target = "/gone/path-hunter2?access_token=query-hunter2";
            assert_eq!(ask(gateway, target, &token, http2).await, 502);
            let target = "/nowhere/path-hunter2?query-hunter2";
            assert_eq!(ask(gateway, target, &token, http2).await, 404);
        }
        let rest = format!(
            "host: a\r\nauthorization: Bearer {token}\r\ncookie: s=cookie-hunter2\r\n\
             connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        for (line, status) in [
            ("GET /api/path-hunter2?query-hunter2 HTTP/1.1", 200),
            ("GET /gone/path-hunter2?query-hunter2 HTTP/1.1", 502),
            ("GET /api/%2e%2e/path-hunter2?query-hunter2 HTTP/1.1", 400),
            ("GET /api/path-hunter2\u{1} HTTP/1.1", 400),
            ("path-hunter2-path-hunter2-path-hunter2 /api/ HTTP/1.1", 401),
        ] {
            // The last one has no token.
            let rest = if status == 401 {
                "host: a\r\n\r\n"
            } else {
                &rest
            };
            let head = format!("{line}\r\n{rest}");
            assert_eq!(send(gateway, &head), status, "{line}");
        }
        for (uri, status) in [
            ("/api/path-hunter2?query-hunter2", 200),
            ("/nowhere/path-hunter2?query-hunter2", 404),
            ("path-hunter2?query-hunter2", 400),
        ] {
            let head = format!(
                "GET /nginx HTTP/1.1\r\nhost: a\r\nx-original-method: GET\r\n\
                 x-original-uri: {uri}\r\nauthorization: Bearer {token}\r\n\r\n"
            );
            assert_eq!(send(asked, &head), status, "{uri}");
        }
        program.signal("HUP");
    })
    .await;

    let all = lines.join("\n");
    for secret in SECRETS {
        assert!(!all.contains(secret), "{secret}\n{all}");
    }
    for part in token.split('.').chain(stranger.split('.')) {
        assert!(!all.contains(part), "a part of a token is logged\n{all}");
    }
    let lines: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let mut fine = 0;
    for line in &lines {
        for field in ["timestamp", "level", "target", "message"] {
            assert!(line[field].is_string(), "{field}: {line}");
        }
        let ours = line["target"].as_str().unwrap().starts_with("portcullis");
        let level = line["level"].as_str().unwrap();
        let is_fine = matches!(level, "DEBUG" | "TRACE");
        assert!(ours || !is_fine, "{line}");
        fine += usize::from(is_fine);
    }
    assert!(fine > 0, "RUST_LOG is honoured:\n{all}");

    let access: Vec<_> = lines
        .iter()
        .filter(|line| line["target"] == "portcullis::access")
        .collect();
    // All but those that were no requests.
    assert_eq!(access.len(), 14, "{all}");
    for line in &access {
        let mut fields: Vec<_> = line
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        fields.sort_unstable();
        assert_eq!(
            fields,
            [
                "client",
                "issuer",
                "level",
                "message",
                "method",
                "request_id",
                "route",
                "status",
                "target",
                "timestamp",
                "took_ms",
                "verdict"
            ]
        );
        assert!(
            line["status"].is_u64() && line["took_ms"].is_u64(),
            "{line}"
        );
    }
    let docs = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/gateway-operations.md"
    ));
    let docs = docs.unwrap();
    let (_, docs) = docs.split_once("\n## Logs\n").unwrap();
    for line in &lines {
        for (field, _) in line.as_object().unwrap() {
            let told =
                line["target"] != "portcullis::access" || docs.contains(&format!("`{field}`"));
            assert!(told, "{field} is not in the documentation");
        }
        let target = line["target"].as_str().unwrap();
        assert!(
            docs.contains(&format!("`{target}`")),
            "{target} is not in the documentation"
        );
    }
    let first = access.first().unwrap();
    assert_eq!(first["method"], "POST");
    assert_eq!(first["route"], "/api/");
    assert_eq!(first["status"], 200);
    assert_eq!(first["issuer"], issuer.issuer());
    assert_eq!(access.get(1).unwrap()["verdict"], "unknown_key");
    assert!(access.iter().any(|line| line["method"] == "other"), "{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn text_is_for_people_and_the_variable_chooses_the_lines() {
    let config = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n\
         [[route]]\npath = \"/\"\nupstream = [\"http://{}\"]\nauth = \"none\"\n",
        upstream()
    );
    for (filter, heard) in [
        ("info", true),
        ("portcullis::gateway=info", false),
        // What cannot be read is not followed, and said.
        ("a=b=c,,", true),
    ] {
        let lines = logged(&config, filter, async |gateway, _: &Program| {
            assert_eq!(
                ask(gateway, "/path-hunter2?query-hunter2", "x", false).await,
                200
            );
        })
        .await;
        let all = lines.join("\n");
        assert!(!all.contains("hunter2"), "{all}");
        let access = lines
            .iter()
            .find(|line| line.contains("portcullis::access"));
        assert_eq!(access.is_some(), heard, "{filter}\n{all}");
        if let Some(line) = access {
            for part in [
                " INFO ",
                "request",
                "method=\"POST\"",
                "status=200",
                "verdict=\"-\"",
            ] {
                assert!(line.contains(part), "{part}\n{line}");
            }
        }
        let complaint = all.contains("RUST_LOG cannot be read");
        assert_eq!(complaint, filter.contains("=b="), "{filter}\n{all}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_its_client_gives_up_leaves_a_line() {
    // It reads, and never answers.
    let hung = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\n\
         [[route]]\npath = \"/hung/\"\nupstream = [\"http://{}\"]\nauth = \"none\"\n",
        hung.local_addr().unwrap()
    );
    let lines = logged(&config, "info", async |gateway, program| {
        let mut client = TcpStream::connect(gateway).unwrap();
        client
            .write_all(b"GET /hung/path-hunter2 HTTP/1.1\r\nhost: a\r\n\r\n")
            .unwrap();
        let (mut behind, _) = hung.accept().unwrap();
        let mut head = [0; 4096];
        let read = behind.read(&mut head).unwrap();
        let head = String::from_utf8_lossy(&head[..read]).to_ascii_lowercase();
        drop(client);
        let line = program.read_to("portcullis::access").pop().unwrap();
        assert!(!line.contains("hunter2"), "{line}");
        let line: Value = serde_json::from_str(&line).unwrap();
        for (field, value) in [
            ("ended", "given_up"),
            ("route", "/hung/"),
            ("method", "GET"),
        ] {
            assert_eq!(line[field], value, "{line}");
        }
        assert!(line.get("status").is_none(), "{line}");
        let id = line["request_id"].as_str().unwrap();
        assert!(head.contains(&format!("x-request-id: {id}\r\n")), "{head}");
    })
    .await;
    let again = lines.iter().any(|line| line.contains("portcullis::access"));
    assert!(!again, "once: {lines:?}");
}

/// A program that is killed when it is dropped.
struct Unread(Child);

impl Drop for Unread {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_log_that_nobody_reads_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    let config = r#"
        [server]
        listen = "127.0.0.1:0"
        [[route]]
        path = "/open/"
        upstream = ["http://127.0.0.1:9"]
        auth = "none"
    "#;
    fs::write(&file, config).unwrap();
    let program = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["run", "--config", file.to_str().unwrap()])
        .env("RUST_LOG", "info")
        .stderr(Stdio::piped())
        .spawn();
    let mut program = Unread(program.unwrap());
    let mut log = BufReader::new(program.0.stderr.take().unwrap());
    let mut ready = String::new();
    while !ready.contains("ready") {
        ready.clear();
        assert!(log.read_line(&mut ready).unwrap() > 0, "it listens");
    }
    let (_, listen) = ready.split_once("127.0.0.1:").unwrap();
    let port: String = listen.chars().take_while(char::is_ascii_digit).collect();

    // Nobody reads from here on. A pipe takes 64 KiB, and what is said is several times that.
    let mut client = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    for number in 0..2_000 {
        client
            .write_all(b"HEAD /nowhere HTTP/1.1\r\nhost: a\r\n\r\n")
            .unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut bytes = [0; 4096];
            let read = client.read(&mut bytes).unwrap_or(0);
            assert!(read > 0, "request {number} is answered");
            head.extend_from_slice(&bytes[..read]);
        }
        assert!(head.starts_with(b"HTTP/1.1 404 "));
    }

    let pid = program.0.id().to_string();
    let asked = Command::new("kill").args(["-s", "TERM", &pid]).status();
    assert!(asked.unwrap().success());
    let begun = Instant::now();
    let ended = loop {
        match program.0.try_wait().unwrap() {
            Some(status) => break status,
            None => assert!(begun.elapsed() < PATIENCE, "it ends all the same"),
        }
        thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(ended.code(), Some(0));
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    assert!(
        rest.lines()
            .filter(|line| line.contains("portcullis::access"))
            .count()
            > 100
    );
}
