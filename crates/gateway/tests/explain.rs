//! `explain`, as a process: the verdict, the reason, and nothing of the token.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use portcullis_testing::{FakeIssuer, Mode, SigningKey};

/// What the program said.
struct Explained {
    code: Option<i32>,
    out: String,
    err: String,
}

const ROUTES: &str = r#"
[[route]]
path = "/api/"
upstream = ["http://127.0.0.1:1"]
scopes = ["api:read", "api:write"]
[[route]]
path = "/once/"
methods = ["POST"]
upstream = ["http://127.0.0.1:1"]
[[route]]
path = "/open/"
upstream = ["http://127.0.0.1:1"]
auth = "none"
[[route]]
path = "/news/"
upstream = ["http://127.0.0.1:1"]
auth = "optional"
on_idp_outage = "anonymous"
"#;

fn config(issuer: &FakeIssuer) -> String {
    format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[[issuer]]\nurl = \"{}\"\naudiences = [\"{}\"]\n{ROUTES}",
        issuer.issuer(),
        issuer.audience()
    )
}

/// Runs it, and makes sure that nothing of the token is in what it says.
fn explain(config: &str, input: &[u8], more: &[&str]) -> Explained {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    fs::write(&file, config).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["explain", "--config"])
        .arg(&file)
        .args(more)
        .env("RUST_LOG", "trace")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Where the file is wrong it does not read on.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    let explained = Explained {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    };
    let text = String::from_utf8_lossy(input);
    for part in text.split(['.', ' ', '\n']).filter(|part| part.len() > 8) {
        let all = format!("{}{}", explained.out, explained.err);
        assert!(!all.contains(part), "a part of the token is shown:\n{all}");
    }
    for personal in ["alice", "hunter2"] {
        assert!(!explained.out.contains(personal), "{}", explained.out);
    }
    explained
}

impl Explained {
    /// The value of a line.
    fn line(&self, name: &str) -> &str {
        let found = self.out.lines().find_map(|line| line.strip_prefix(name));
        found
            .unwrap_or_else(|| panic!("{name}\n{}{}", self.out, self.err))
            .trim_start()
    }
}

async fn issuer() -> FakeIssuer {
    FakeIssuer::builder()
        .algorithm(portcullis_testing::Algorithm::Es256)
        .start()
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_token_is_valid_in_whatever_way_it_is_given() {
    let issuer = issuer().await;
    let token = issuer
        .token()
        .subject("alice")
        .scope("s")
        .claim("email", "alice@example.com")
        .expires_in(Duration::from_secs(3600))
        .issue();
    for given in [
        token.clone(),
        format!("{token}\n"),
        format!("Bearer {token}\r\n"),
        format!("bearer {token}"),
    ] {
        let explained = explain(&config(&issuer), given.as_bytes(), &[]);
        assert_eq!(
            explained.code,
            Some(0),
            "{}{}",
            explained.out,
            explained.err
        );
        assert_eq!(explained.line("verdict"), "valid");
        assert_eq!(explained.line("algorithm"), "ES256");
        let kid = format!("{:?}", issuer.key().kid().unwrap());
        assert_eq!(explained.line("key id"), kid);
        let named = format!("{}, issuer[0]", issuer.issuer());
        assert_eq!(explained.line("issuer"), named);
        assert!(
            explained.line("expires").starts_with("in 59 min "),
            "{}",
            explained.out
        );
        assert!(
            explained.line("issued").ends_with(" s ago"),
            "{}",
            explained.out
        );
        assert_eq!(explained.line("leeway"), "30 s");
        assert!(
            explained.line("shown").ends_with("nothing else of it"),
            "{}",
            explained.out
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_token_names_the_check_and_a_remedy() {
    let idp = issuer().await;
    let other = issuer().await;
    let token = || idp.token().subject("alice").scope("api:read api:write");
    let good = token().issue();
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let forged = other
        .token()
        .issuer(idp.issuer())
        .audience(idp.audience())
        .scope("s");
    let forged = forged.sign(&SigningKey::es256().with_kid(idp.key().kid().unwrap()));
    let other_letter = if signature.starts_with('A') { 'B' } else { 'A' };
    let altered = format!("{other_letter}{}", &signature[1..]);
    for (token, reason, check) in [
        (
            token().expired(Duration::from_secs(7200)).issue(),
            "expired",
            "times",
        ),
        (
            token().audience("other").issue(),
            "wrong_audience",
            "audience",
        ),
        (
            other.token().scope("s").issue(),
            "issuer_not_trusted",
            "issuer",
        ),
        (forged, "bad_signature", "signature"),
        (format!("{signed}.{altered}"), "bad_signature", "signature"),
        (token().sign(&SigningKey::es256()), "unknown_key", "key"),
        (token().sign(&SigningKey::rsa("x")), "unknown_key", "key"),
        (token().without("exp").issue(), "missing_claim", "claims"),
        (
            token().claim("exp", "soon").issue(),
            "malformed_claim",
            "claims",
        ),
        (idp.token().issue(), "token_type_not_allowed", "type"),
        (
            token().header("crit", ["hunter2"]).issue(),
            "unsupported_header",
            "header",
        ),
        ("hunter2hunter2".to_owned(), "malformed_token", "form"),
        (
            "hunter2 hunter2hunter2".to_owned(),
            "malformed_credential",
            "form",
        ),
        (
            "hunter2hunter2\nhunter2hunter2".to_owned(),
            "malformed_credential",
            "form",
        ),
        ("hunter2".repeat(3_000), "token_too_large", "size"),
    ] {
        let explained = explain(&config(&idp), token.as_bytes(), &["--path", "/open/x"]);
        let verdict = format!("invalid: {reason}");
        assert_eq!(explained.line("verdict"), verdict, "{}", explained.out);
        assert_eq!(explained.line("check"), check, "{}", explained.out);
        assert!(!explained.line("remedy").is_empty());
        let explained = explain(&config(&idp), token.as_bytes(), &[]);
        assert_eq!(
            explained.code,
            Some(3),
            "{}{}",
            explained.out,
            explained.err
        );
        let expired = reason == "expired";
        if expired {
            assert!(
                explained.line("expires").ends_with(" ago"),
                "{}",
                explained.out
            );
        }
    }
    let explained = explain(&config(&idp), b"\xff\xfe\x00", &[]);
    assert_eq!(
        explained.code,
        Some(3),
        "{}{}",
        explained.out,
        explained.err
    );
    assert_eq!(explained.line("verdict"), "invalid: malformed_credential");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_path_it_says_what_the_gateway_would_answer() {
    let idp = issuer().await;
    let token = |scope: &str| idp.token().subject("alice").scope(scope).issue();
    let (all, one) = (token("api:read api:write"), token("api:read admin"));
    let old = idp
        .token()
        .scope("s")
        .expired(Duration::from_secs(7200))
        .issue();
    for (token, path, method, answer, code) in [
        (
            &all,
            "/api/x?secret=hunter2",
            "GET",
            "passed on to the upstream",
            0,
        ),
        (&one, "/api/x", "GET", "403: insufficient_scope", 3),
        (&old, "/api/x", "GET", "401: expired", 3),
        (&all, "/apix", "GET", "404: no_route", 3),
        (&all, "/api/../x", "GET", "400: ambiguous_path", 3),
        (&all, "/once/x", "GET", "405: method_not_allowed", 3),
        (&all, "/once/x", "POST", "passed on to the upstream", 0),
        // Whatever the token is, nobody looks.
        (&old, "/open/x", "DELETE", "passed on to the upstream", 0),
        (&old, "/news/x", "GET", "401: expired", 3),
    ] {
        let more = ["--path", path, "--method", method];
        let explained = explain(&config(&idp), token.as_bytes(), &more);
        assert_eq!(explained.line("answer"), answer, "{path} {}", explained.out);
        assert_eq!(explained.code, Some(code), "{path} {}", explained.out);
    }
    let explained = explain(&config(&idp), one.as_bytes(), &["--path", "/api/x"]);
    assert_eq!(explained.line("route"), "/api/, route[0]: token required");
    assert!(
        explained.out.contains("has the scope api:read\n"),
        "{}",
        explained.out
    );
    assert!(
        explained.out.contains("lacks the scope api:write\n"),
        "{}",
        explained.out
    );
    // What it may do elsewhere is nobody's business.
    assert!(!explained.out.contains("admin"), "{}", explained.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_keys_there_is_no_verdict_and_never_a_wrong_one() {
    let idp = issuer().await;
    let token = idp.token().scope("api:read api:write").issue();
    let old = idp
        .token()
        .scope("s")
        .expired(Duration::from_secs(7200))
        .issue();
    for (mode, said) in [(Mode::Refuse, "connect"), (Mode::Error500, "status")] {
        idp.mode(mode);
        let explained = explain(&config(&idp), token.as_bytes(), &[]);
        assert_eq!(
            explained.code,
            Some(1),
            "{}{}",
            explained.out,
            explained.err
        );
        assert_eq!(explained.line("verdict"), "not found out: it may be good");
        let why = format!("key_unavailable: {said}");
        assert_eq!(explained.line("why"), why, "{}", explained.out);
        // What needs no key is known all the same.
        let explained = explain(&config(&idp), old.as_bytes(), &[]);
        assert_eq!(explained.code, Some(3), "{}", explained.out);
    }
    for (path, answer, code) in [
        ("/api/x", "503: key_unavailable", 1),
        ("/news/x", "passed on to the upstream", 1),
        ("/open/x", "passed on to the upstream", 0),
        ("/nowhere", "404: no_route", 3),
    ] {
        let explained = explain(&config(&idp), token.as_bytes(), &["--path", path]);
        assert_eq!(explained.line("answer"), answer, "{}", explained.out);
        assert_eq!(explained.code, Some(code), "{path} {}", explained.out);
        if path == "/news/x" {
            assert!(
                explained.out.contains("without identity"),
                "{}",
                explained.out
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_asked_is_2() {
    let idp = issuer().await;
    let token = idp.token().scope("s").issue();
    for (config, input, more, said) in [
        ("", token.as_bytes(), &[][..], "server: is missing"),
        (&*config(&idp), b"", &[], "no token came"),
        (&config(&idp), b"Bearer \n", &[], "no token came"),
        (&config(&idp), b"x", &["--path", "api"], "--path"),
        (&config(&idp), b"x", &["--path", "/a b"], "--path"),
        (&config(&idp), b"x", &["--method", "POST"], "--path"),
        (
            &config(&idp),
            b"x",
            &["--path", "/a", "--method", "A B"],
            "--method",
        ),
    ] {
        let explained = explain(config, input, more);
        assert_eq!(explained.code, Some(2), "{more:?} {}", explained.out);
        assert_eq!(explained.out, "");
        assert!(explained.err.contains(said), "{said}\n{}", explained.err);
    }
}
