//! The audit of the control listener, in the log of the running program: one line for each request, and
//! nobody's secret or name in any of them.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod common;

use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use portcullis_testing::FakeIssuer;
use serde_json::{Value, json};
use tempfile::TempDir;

use common::Program;

const TARGET: &str = "portcullis::control::audit";

/// Breaks the glass.
const KEY: &str = "hunter2-breaks-the-glass-in-an-emergency";

/// What nobody may find in the log: the key, and whatever names somebody or something.
const NAMES: [&str; 8] = [
    "hunter2",
    "alice",
    "bob-the-builder",
    "session-4711",
    "token-4712",
    "opaque-4713",
    "tenant-4714",
    "kid-4715",
];

/// The program with a control listener, and the client that asks there.
struct Control {
    program: Program,
    address: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
    lines: Vec<String>,
    asked: usize,
    _folder: TempDir,
}

/// What a line says: `who`, `action`, `kind`, `reason`, `outcome`.
type Said<'a> = [&'a str; 5];

// === impl Control ===

impl Control {
    fn start(issuer: &FakeIssuer, store: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let config = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\n\
             [control]\nlisten = \"{address}\"\nscope = \"gateway:revoke\"\nkey = '{}'\n{store}\n\
             [[issuer]]\nurl = \"{}\"\naudiences = [\"{}\"]\n\
             [[route]]\npath = \"/\"\nupstream = [\"http://127.0.0.1:9\"]\nauth = \"none\"\n",
            file("key", KEY),
            issuer.issuer(),
            issuer.audience(),
        );
        let config = config.replace("SECRET", &file("secret", &"s3".repeat(20)));
        let config = file("gateway.toml", &config);
        let program = Program::start_logging(&["run", "--config", &config], "trace");
        let lines = program.read_to("ready");
        Self {
            program,
            address,
            // One connection each: some are closed with a body that was not read.
            client: Client::builder(TokioExecutor::new())
                .pool_max_idle_per_host(0)
                .build(HttpConnector::new()),
            lines,
            asked: 0,
            _folder: folder,
        }
    }

    /// Asks as `bearer`, and gives the status of the answer.
    async fn ask(&mut self, request: http::request::Builder, bearer: &str, body: &Value) -> u16 {
        self.asked += 1;
        let request = request
            .header("authorization", format!("Bearer {bearer}"))
            .header("content-type", "application/json")
            .body(Full::from(body.to_string()));
        let response = self.client.request(request.unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let _ = response.into_body().collect().await;
        status
    }

    async fn post(&mut self, path: &str, bearer: &str, body: &Value) -> u16 {
        let request = Request::post(format!("http://{}{path}", self.address));
        self.ask(request, bearer, body).await
    }

    /// Waits until it is known who is revoked.
    async fn settles(&mut self) {
        let look = json!({ "issuer": "i", "session": "s" });
        while {
            assert_eq!(self.post("/session", KEY, &look).await, 200);
            self.line()["outcome"] == "unknown"
        } {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The next line of the audit.
    fn line(&mut self) -> Value {
        self.lines.extend(self.program.read_to(TARGET));
        serde_json::from_str(self.lines.last().unwrap()).unwrap()
    }

    /// Holds the next line of the audit to what it must say, and to nothing but that.
    fn says(&mut self, said: Said<'_>) {
        let line = self.line();
        let fields = [
            "who",
            "action",
            "kind",
            "reason",
            "outcome",
            "level",
            "message",
            "target",
            "timestamp",
        ];
        let has = line.as_object().unwrap().keys();
        assert!(
            has.clone().all(|field| fields.contains(&&**field)),
            "{line}"
        );
        assert_eq!(has.count(), fields.len(), "{line}");
        assert_eq!(
            (&line["level"], &line["message"]),
            (&json!("INFO"), &json!("control request"))
        );
        for (field, said) in fields.into_iter().zip(said) {
            assert_eq!(line[field], said, "{field}: {line}");
        }
        let read = |name: &str| {
            let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/");
            fs::read_to_string(format!("{docs}{name}")).unwrap()
        };
        let docs = read("gateway-revocation.md") + &read("reasons.md");
        for told in fields.into_iter().take(5).chain([said[4]]) {
            assert!(
                docs.contains(&format!("`{told}`")),
                "{told} is not in the documentation"
            );
        }
    }

    /// Ends the program, and judges its whole log: as many lines of the audit as there were requests, and
    /// none of `secrets` in any line.
    fn end(mut self, secrets: &[&str]) {
        self.program.signal("TERM");
        self.lines.extend(self.program.read_to("shutting down"));
        let all = self.lines.join("\n");
        let audits = self.lines.iter().filter(|line| line.contains(TARGET));
        assert_eq!(audits.count(), self.asked, "{all}");
        for secret in NAMES.iter().chain(secrets) {
            for part in secret.split('.') {
                assert!(!all.contains(part), "{part} is logged\n{all}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_and_every_look_leaves_one_line_without_a_name() {
    let issuer = FakeIssuer::start().await;
    let of = issuer.issuer();
    let mut control = Control::start(&issuer, "[revocation]");
    let token = issuer.token().subject("alice").client("ops");
    let token = token.scope("gateway:revoke").issue();
    let other = issuer
        .token()
        .subject("alice")
        .token_id("token-4712")
        .issue();
    let client = format!("client \"ops\" of \"{of}\"");
    let session = json!({ "issuer": of, "session": "session-4711" });
    control.settles().await;
    let because =
        |name: &str, value: &str| json!({ "issuer": of, name: value, "reason": "stolen-laptop" });
    for (bearer, who, most) in [(&*token, &*client, 2), (KEY, "key", 8)] {
        let names = [
            ("session", "session-4711"),
            ("subject", "bob-the-builder"),
            ("client", "bob-the-builder"),
            ("token", "token-4712"),
            ("jwt", &*other),
            ("opaque", "opaque-4713"),
            ("key", "kid-4715"),
            ("tenant", "tenant-4714"),
        ];
        // Of those who have no key not as many are heard at once.
        for (name, value) in names.into_iter().take(most) {
            let body = because(name, value);
            for action in ["revoke", "lift"] {
                assert_eq!(
                    control.post(&format!("/{action}"), bearer, &body).await,
                    200,
                    "{body}"
                );
                control.says([who, action, name, "stolen-laptop", "durable"]);
            }
        }
        assert_eq!(control.post("/revoke", bearer, &session).await, 200);
        control.says([who, "revoke", "session", "unspecified", "durable"]);
        assert_eq!(control.post("/session", bearer, &session).await, 200);
        control.says([who, "look_up", "session", "-", "revoked"]);
        assert_eq!(control.post("/lift", bearer, &session).await, 200);
        control.says([who, "lift", "session", "unspecified", "durable"]);
        assert_eq!(control.post("/session", bearer, &session).await, 200);
        control.says([who, "look_up", "session", "-", "not_revoked"]);
    }
    let own = json!({ "issuer": of, "jwt": token });
    assert_eq!(control.post("/revoke", &token, &own).await, 200);
    control.says([&client, "revoke", "jwt", "unspecified", "durable"]);
    assert_eq!(control.post("/lift", &token, &session).await, 401);
    control.says(["-", "lift", "-", "-", "not_authorized"]);
    let everything = json!({ "everything": "everything", "reason": "breach" });
    assert_eq!(control.post("/revoke", KEY, &everything).await, 200);
    control.says(["key", "revoke", "everything", "breach", "durable"]);
    control.end(&[&token, &other]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_refused_leaves_one_line_too() {
    let issuer = FakeIssuer::start().await;
    let of = issuer.issuer();
    let mut control = Control::start(&issuer, "[revocation]");
    let alice = || issuer.token().subject("alice").client("web");
    let (poor, rich) = (
        alice().scope("api:read").issue(),
        alice().scope("gateway:revoke").issue(),
    );
    // What one says, signed as the other.
    let (said, _) = rich.rsplit_once('.').unwrap();
    let (_, signature) = poor.rsplit_once('.').unwrap();
    let forged = format!("{said}.{signature}");
    let session = json!({ "issuer": of, "session": "session-4711", "reason": "test" });
    let web = format!("client \"web\" of \"{of}\"");
    control.settles().await;
    let almost = &KEY[..KEY.len() - 1];
    for (path, action) in [
        ("/revoke", "revoke"),
        ("/lift", "lift"),
        ("/session", "look_up"),
    ] {
        for (bearer, who, outcome, status) in [
            (almost, "-", "not_authorized", 401),
            (&forged, "-", "not_authorized", 401),
            (&poor, &web, "insufficient_scope", 403),
        ] {
            assert_eq!(control.post(path, bearer, &session).await, status);
            control.says([who, action, "-", "-", outcome]);
        }
        let address = control.address;
        let post = || Request::post(format!("http://{address}{path}"));
        let rebound = post().header("host", "alice.example");
        assert_eq!(control.ask(rebound, KEY, &session).await, 421);
        control.says(["-", action, "-", "-", "unknown_host"]);
        let put = post().method("PUT");
        assert_eq!(control.ask(put, KEY, &session).await, 405);
        control.says(["-", action, "-", "-", "method_not_allowed"]);
        // What it says is not quoted, and of two names neither.
        let two = json!({ "issuer": of, "session": "session-4711", "subject": "alice" });
        for body in [json!("alice"), two] {
            assert_eq!(control.post(path, KEY, &body).await, 400);
            control.says(["key", action, "-", "-", "unclear_request"]);
        }
        let large = json!({ "issuer": of, "session": "session-4711".repeat(4 << 10) });
        assert_eq!(control.post(path, KEY, &large).await, 413);
        control.says(["key", action, "-", "-", "body_too_large"]);
    }
    let wordy = json!({ "issuer": of, "subject": "alice", "reason": "alice left" });
    assert_eq!(control.post("/revoke", KEY, &wordy).await, 400);
    control.says(["key", "revoke", "subject", "-", "unclear_request"]);
    assert_eq!(control.post("/alice", KEY, &session).await, 404);
    control.says(["-", "-", "-", "-", "no_route"]);
    control.end(&[&poor, &forged]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_over_the_limit_leaves_one_line_too() {
    let issuer = FakeIssuer::start().await;
    let mut control = Control::start(&issuer, "[revocation]");
    let session = json!({ "issuer": issuer.issuer(), "session": "session-4711" });
    for (bearer, who, within) in [("guess", "-", 401), (KEY, "key", 200)] {
        let mut status = within;
        while status == within {
            status = control.post("/lift", bearer, &session).await;
            if status == within {
                let line = control.line();
                assert_eq!(
                    (&line["who"], &line["action"]),
                    (&json!(who), &json!("lift"))
                );
            }
        }
        assert_eq!(status, 429);
        control.says([who, "lift", "-", "-", "too_many_requests"]);
    }
    control.end(&[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_store_did_not_take_and_whoever_left_meanwhile_are_in_the_audit() {
    let issuer = FakeIssuer::start().await;
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let store = format!(
        "[store]\nurl = \"redis://{}\"\n[revocation]\nsecret = 'SECRET'\non_stale_revocation = \"deny\"\n",
        closed.local_addr().unwrap()
    );
    drop(closed);
    let mut control = Control::start(&issuer, &store);
    let subject = json!({ "issuer": issuer.issuer(), "subject": "alice", "reason": "left" });
    let token = issuer
        .token()
        .subject("alice")
        .scope("gateway:revoke")
        .issue();
    assert_eq!(control.post("/revoke", &token, &subject).await, 503);
    control.says(["-", "revoke", "-", "-", "token_undecided"]);
    assert_eq!(control.post("/revoke", KEY, &subject).await, 503);
    control.says(["key", "revoke", "subject", "left", "not_recorded"]);
    // While it is tried again.
    let body = subject.to_string();
    let request = format!(
        "POST /lift HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {KEY}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut client = TcpStream::connect(control.address).unwrap();
    client.write_all(request.as_bytes()).unwrap();
    control.asked += 1;
    // Whoever hangs up at once may not have been heard at all. By the end of these it was.
    let look = json!({ "issuer": "i", "session": "s" });
    for _ in 0..3 {
        assert_eq!(control.post("/session", KEY, &look).await, 200);
        control.says(["key", "look_up", "session", "-", "unknown"]);
    }
    drop(client);
    control.says(["key", "lift", "subject", "left", "given_up"]);
    control.end(&[&token]);
}
