//! `check` and `run`, as processes.
#![cfg(unix)]

mod common;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output};

use common::Program;

fn portcullis(command: &str, file: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args([command, "--config"])
        .arg(file)
        .output()
        .expect("the built program starts")
}

fn check(text: &str) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("gateway.toml");
    fs::write(&file, text).expect("a file");
    portcullis("check", &file)
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

const OPEN: &str = "\
[server]
listen = \"127.0.0.1:0\"
admin = \"127.0.0.1:0\"
[[route]]
path = \"/\"
upstream = [\"http://127.0.0.1:3000\"]
auth = \"none\"
";

#[test]
fn check_of_a_right_file_says_what_it_would_do_and_ends_with_0() {
    let checked = check(OPEN);
    assert_eq!(checked.status.code(), Some(0));
    assert!(said(&checked.stdout).contains("/ to http://127.0.0.1:3000: open to everybody"));
    assert_eq!(said(&checked.stderr), "");
}

#[test]
fn check_lists_every_problem_with_path_and_remedy_and_ends_with_2() {
    let checked = check(
        "[server]\nlisten = 8080\n[[issuer]]\nurl = \"idp\"\naudiences = [\"a\"]\n\
         [[route]]\npath = \"/\"\nupstream = [\"localhost\", \"ftp://x\"]\nauht = \"none\"\n",
    );
    assert_eq!(checked.status.code(), Some(2));
    assert_eq!(said(&checked.stdout), "");
    let said = said(&checked.stderr);
    assert!(said.contains("gateway.toml: 5 problems"), "{said}");
    for path in [
        "server.listen: ",
        "issuer[0].url: ",
        "route[0].upstream[0]: ",
        "route[0].upstream[1]: ",
        "route[0].auht: is not known here; remove it; known here: path, methods, upstream, ",
    ] {
        assert!(said.contains(path), "{path}\n{said}");
    }
}

#[test]
fn check_of_ten_mistakes_reports_ten() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    fs::write(folder.path().join("tls.crt"), "no certificate").unwrap();
    fs::write(
        &file,
        r#"
        lgo = "json"                                    # 1
        [server]
        listen = "0.0.0.0:8443"
        admin = "127.0.0.1:8443"                        # 2
        max_header_bytes = 32768                        # 3
        trusted_proxies = ["0.0.0.0/0"]                 # 4
        [server.tls]
        certificate = "tls.crt"                         # 5
        key = { env = "PORTCULLIS_NOBODY_SETS_THIS" }   # 6
        [cors]
        origins = ["*"]
        credentials = true                              # 7
        [forward_auth]
        listen = "127.0.0.1:8445"
        peers = []                                      # 8
        [[route]]
        path = "/api"
        methods = ["GET", "POST"]
        auth = "none"
        upstream = ["https://app.internal"]
        [[route]]
        path = "/api/"                                  # 9
        methods = ["PUT", "GET"]
        auth = "none"
        upstream = ["http://app.internal/base"]         # 10
        "#,
    )
    .unwrap();
    let checked = portcullis("check", &file);
    assert_eq!(checked.status.code(), Some(2));
    let said = said(&checked.stderr);
    let mut lines = said.lines();
    assert!(
        lines.next().unwrap().ends_with("gateway.toml: 10 problems"),
        "{said}"
    );
    let mut paths: Vec<_> = lines
        .map(|line| {
            let (path, rest) = line.trim_start().split_once(": ").unwrap();
            // What is wrong, and what to do about it.
            assert!(rest.contains("; "), "{line}");
            path
        })
        .collect();
    paths.sort_unstable();
    assert_eq!(
        paths,
        [
            "cors.credentials",
            "forward_auth.peers",
            "lgo",
            "route[1].path",
            "route[1].upstream[0]",
            "server.admin",
            "server.max_header_bytes",
            "server.tls.certificate",
            "server.tls.key.env",
            "server.trusted_proxies[0]",
        ],
        "{said}"
    );
}

#[test]
fn check_of_what_is_not_there_or_not_toml_ends_with_2() {
    let missing = portcullis("check", Path::new("/no/such/file.toml"));
    assert_eq!(missing.status.code(), Some(2));
    assert!(said(&missing.stderr).contains("cannot be read"));
    let broken = check("[server\n");
    assert_eq!(broken.status.code(), Some(2));
    assert!(said(&broken.stderr).contains("line 1, column "));
}

#[test]
fn a_key_set_beside_the_file_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    let key = portcullis_testing::SigningKey::es256();
    fs::write(
        folder.path().join("keys.json"),
        portcullis_testing::jwks([&key]).to_string(),
    )
    .unwrap();
    fs::write(
        &file,
        "[server]\nlisten = \"127.0.0.1:1\"\n[[issuer]]\nurl = \"https://idp.example.com\"\n\
         jwks_file = \"keys.json\"\naudiences = [\"a\"]\n\
         [[route]]\npath = \"/\"\nupstream = [\"http://127.0.0.1:3000\"]\n",
    )
    .unwrap();
    let checked = portcullis("check", &file);
    assert_eq!(checked.status.code(), Some(0), "{}", said(&checked.stderr));
    fs::write(folder.path().join("keys.json"), "{}").unwrap();
    let checked = portcullis("check", &file);
    assert_eq!(checked.status.code(), Some(2));
    assert!(said(&checked.stderr).contains("issuer[0].jwks_file: cannot be used"));
}

#[test]
fn run_serves_until_it_is_told_to_end() {
    for signal in ["TERM", "INT"] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gateway.toml");
        fs::write(&file, OPEN).unwrap();
        let gateway = Program::start(&["run", "--config", file.to_str().unwrap()]);
        let lines = gateway.read_to("ready");
        let ready = lines.last().unwrap();
        let admin = ready
            .split_once("admin=")
            .map(|(_, rest)| rest.split_whitespace().next().unwrap())
            .unwrap_or_else(|| panic!("{ready}"));
        let mut probe = TcpStream::connect(admin).unwrap();
        probe
            .write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        probe.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.contains("\"ready\""), "{answer}");
        assert_eq!(gateway.end(signal).code(), Some(0));
    }
}

#[test]
fn run_with_a_wrong_file_ends_with_2_and_with_a_taken_port_with_1() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    let run = |text: &str| {
        fs::write(&file, text).unwrap();
        portcullis("run", &file)
    };
    assert_eq!(run("").status.code(), Some(2));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let failed = run(&OPEN.replacen("127.0.0.1:0", &address, 1));
    assert_eq!(failed.status.code(), Some(1));
    assert!(
        said(&failed.stderr).contains(&address),
        "{}",
        said(&failed.stderr)
    );
}
