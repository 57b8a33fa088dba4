//! `check --online`, as a process, against servers that are right and wrong in every way.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod issuers;
mod servers;
mod upstreams;

use std::fs;
use std::process::{Command, Output};

use portcullis_gateway::{Config, Gateway};
use portcullis_testing::{FakeIssuer, SigningKey, jwks};
use servers::Authority;
use tempfile::TempDir;

/// The program, asked about a configuration.
struct Checked {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Runs it; in `text`, FOLDER is a folder with the files.
fn check(text: &str, files: &[(&str, String)], variables: &[(&str, &str)]) -> Checked {
    let folder = tempfile::tempdir().unwrap();
    let place = |text: &str| text.replace("FOLDER", folder.path().to_str().unwrap());
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    let file = folder.path().join("gateway.toml");
    fs::write(&file, place(text)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(["check", "--online", "--config"]).arg(&file);
    for (name, value) in variables {
        command.env(name, place(value));
    }
    Checked::of(command.output().unwrap(), folder)
}

impl Checked {
    fn of(output: Output, _folder: TempDir) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// What is told about one place.
    fn about(&self, name: &str) -> String {
        let mut lines = self.out.lines().skip_while(|line| !line.starts_with(name));
        let title = lines
            .next()
            .unwrap_or_else(|| panic!("{name}\n{}", self.out));
        let steps = lines.take_while(|line| line.starts_with(' '));
        std::iter::once(title)
            .chain(steps)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

const SERVER: &str = "[server]\nlisten = \"127.0.0.1:0\"\nconnect_timeout = \"1s\"\n";

fn route(index: usize, upstream: &str, more: &str) -> String {
    format!(
        "[[route]]\npath = \"/{index}/\"\nupstream = [\"{upstream}\"]\nauth = \"none\"\n{more}\n"
    )
}

fn issuer(url: &str, more: &str) -> String {
    format!("[[issuer]]\nurl = \"{url}\"\naudiences = [\"a\"]\n{more}\n")
}

/// The step that broke, and what is said of it.
fn broken(about: &str) -> (String, String) {
    let line = about
        .lines()
        .find(|line| line.trim_start().starts_with("BROKEN"));
    let line = line.unwrap_or_else(|| panic!("nothing is broken:\n{about}"));
    let rest = line
        .trim_start()
        .strip_prefix("BROKEN")
        .unwrap()
        .trim_start();
    let (stage, what) = rest.split_once(' ').unwrap();
    (stage.to_owned(), what.trim_start().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn where_all_is_well_every_step_is_told_and_the_code_is_0() {
    let idp = FakeIssuer::start().await;
    idp.publish(&SigningKey::es256().with_kid("second"));
    // A gateway speaks both.
    let upstream =
        Config::parse(&format!("{SERVER}{}", route(0, "http://127.0.0.1:1", ""))).unwrap();
    let upstream = Gateway::start(upstream).await.unwrap();
    let port = upstream.address().port();
    let key = SigningKey::ed25519().with_kid("from-file");
    let checked = check(
        &[
            SERVER.to_owned(),
            issuer(
                idp.issuer(),
                "algorithms = [\"RS256\", \"ES256\", \"PS512\"]",
            ),
            issuer(
                "https://by-file.example.com",
                "jwks_file = \"FOLDER/keys.json\"\ntokens = \"any\"",
            ),
            route(0, &format!("http://localhost:{port}"), ""),
            route(
                1,
                &format!("http://127.0.0.1:{port}"),
                "protocol = \"http2\"",
            ),
            route(2, &format!("http://localhost:{port}"), ""),
        ]
        .concat(),
        &[("keys.json", jwks([&key]).to_string())],
        &[],
    );
    assert_eq!(checked.code, Some(0), "{}{}", checked.out, checked.err);
    assert_eq!(checked.err, "");
    assert!(checked.out.starts_with("listens on "), "{}", checked.out);
    assert!(
        checked.out.ends_with("all well: 4 of 4\n"),
        "{}",
        checked.out
    );

    let about = checked.about("issuer[0] ");
    let order = [
        "/.well-known/openid-configuration",
        "ok      TCP",
        "ok      HTTP",
        "status 200 over HTTP/1.1",
        "ok      content",
        "is of this issuer; keys are at ",
        "/jwks\n",
        "ok      HTTP",
        "ok      content",
        "2 keys usable: ",
        "\"second\" for ES256",
        "note    content",
        "no key is for PS512",
    ];
    let mut rest = &*about;
    for part in order {
        let at = rest.find(part).unwrap_or_else(|| panic!("{part}\n{about}"));
        rest = &rest[at + part.len()..];
    }
    let about = checked.about("issuer[1] ");
    assert!(
        about.contains("1 key usable: \"from-file\" for EdDSA"),
        "{about}"
    );
    // One and the same upstream is asked once.
    let about = checked.about("route[0].upstream[0], route[2].upstream[0] ");
    for part in ["ok      DNS", "127.0.0.1", "ok      TCP", "ok      HTTP"] {
        assert!(about.contains(part), "{part}\n{about}");
    }
    assert!(about.contains("status 404 over HTTP/1.1"), "{about}");
    let about = checked.about("route[1].upstream[0] ");
    assert!(about.contains("answers the preface of HTTP/2"), "{about}");
}

#[tokio::test(flavor = "multi_thread")]
async fn by_tls_both_sides_agree_on_http2() {
    let idp = FakeIssuer::start().await;
    let authority = Authority::new();
    let identity = authority.certify("localhost");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("crt"), identity.certificate()).unwrap();
    fs::write(folder.path().join("key"), identity.key()).unwrap();
    let tls = "[server.tls]\ncertificate = \"FOLDER/crt\"\nkey = \"FOLDER/key\"\n";
    let tls = tls.replace("FOLDER", folder.path().to_str().unwrap());
    // It stands before the issuer, and is an upstream too.
    let front = [SERVER, &tls, &route(0, idp.url(), "").replace("/0/", "/")].concat();
    let front = Gateway::start(Config::parse(&front).unwrap())
        .await
        .unwrap();
    let port = front.address().port();
    let keys = format!("jwks_url = \"https://localhost:{port}/jwks\"");
    let text = [
        SERVER,
        "[upstream_tls]\nca = \"FOLDER/ca.pem\"\n",
        &issuer("https://idp.example.com", &keys),
        &route(0, &format!("https://localhost:{port}"), ""),
        &route(
            1,
            &format!("https://localhost:{port}"),
            "protocol = \"http2\"",
        ),
    ];
    let checked = check(
        &text.concat(),
        &[("ca.pem", authority.pem())],
        &[("SSL_CERT_FILE", "FOLDER/ca.pem"), ("SSL_CERT_DIR", "")],
    );
    assert_eq!(checked.code, Some(0), "{}{}", checked.out, checked.err);
    let about = checked.about("issuer[0] ");
    assert!(about.contains("status 200 over HTTP/2"), "{about}");
    let about = checked.about("route[0].upstream[0] ");
    assert!(about.contains("over HTTP/1.1"), "{about}");
    let about = checked.about("route[1].upstream[0] ");
    assert!(about.contains("answers the preface of HTTP/2"), "{about}");
}

#[test]
fn a_wrong_configuration_is_told_before_anybody_is_asked() {
    let checked = check(
        &[SERVER, &route(0, "http://nobody.invalid", "x = 1")].concat(),
        &[],
        &[],
    );
    assert_eq!(checked.code, Some(2));
    assert_eq!(checked.out, "");
    assert!(
        checked.err.contains("route[0].x: is not known here"),
        "{}",
        checked.err
    );
}
