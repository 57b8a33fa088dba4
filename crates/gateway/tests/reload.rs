//! `run` takes its file again, as a process.
#![cfg(unix)]

mod common;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread;

use common::Program;
use tempfile::TempDir;

/// A running gateway with its file.
struct Running {
    folder: TempDir,
    gateway: Program,
    listen: String,
}

/// Upstreams that answer with their name.
fn upstream(name: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
                head.push(byte[0]);
            }
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{name}",
                name.len()
            );
        }
    });
    url
}

fn config(upstream: &str, watch: bool) -> String {
    format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nwatch = {watch}\n\
         [[route]]\npath = \"/\"\nauth = \"none\"\nupstream = [\"{upstream}\"]\n"
    )
}

// === impl Running ===

impl Running {
    fn start(config: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("gateway.toml");
        fs::write(&file, config).expect("written");
        let gateway = Program::start(&["run", "--config", file.to_str().expect("text")]);
        let lines = gateway.read_to("ready");
        let ready = lines.last().expect("a line");
        let listen = ready
            .split_once("listen=")
            .and_then(|(_, rest)| rest.split_whitespace().next())
            .unwrap_or_else(|| panic!("{ready}"))
            .to_owned();
        Self {
            folder,
            gateway,
            listen,
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("gateway.toml")
    }

    fn get(&self) -> String {
        let mut stream = TcpStream::connect(&self.listen).expect("a connection");
        stream
            .write_all(b"GET /x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            .expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("read");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        answer.rsplit("\r\n").next().expect("a body").to_owned()
    }
}

#[test]
fn sighup_takes_the_file_and_the_process_goes_on() {
    let (one, two) = (upstream("one"), upstream("two"));
    let running = Running::start(&config(&one, false));
    assert_eq!(running.get(), "one");
    fs::write(running.file(), config(&two, false)).unwrap();
    running.gateway.signal("HUP");
    running.gateway.read_to("configuration replaced");
    assert_eq!(running.get(), "two");
    // Many at once are as good as one.
    fs::write(running.file(), config(&one, false)).unwrap();
    for _ in 0..20 {
        running.gateway.signal("HUP");
    }
    running.gateway.read_to("generation=3");
    assert_eq!(running.get(), "one");
    assert_eq!(running.gateway.end("TERM").code(), Some(0));
}

#[test]
fn sighup_with_a_bad_file_lists_its_problems_and_changes_nothing() {
    let one = upstream("one");
    let running = Running::start(&config(&one, false));
    let bad = config(&one, false).replace("auth =", "auht =");
    fs::write(running.file(), bad).unwrap();
    running.gateway.signal("HUP");
    running.gateway.read_to("the old one is kept");
    running.gateway.read_to("route[0].auht: is not known here");
    assert_eq!(running.get(), "one");
    // Whoever asks again is answered again.
    running.gateway.signal("HUP");
    running.gateway.read_to("route[0].auht: is not known here");
    assert_eq!(running.gateway.end("TERM").code(), Some(0));
}

#[test]
fn a_file_that_changes_is_taken_without_a_signal() {
    let (one, two) = (upstream("one"), upstream("two"));
    let running = Running::start(&config(&one, true));
    assert_eq!(running.get(), "one");
    fs::write(running.file(), config(&two, true)).unwrap();
    running.gateway.read_to("configuration replaced");
    assert_eq!(running.get(), "two");
    assert_eq!(running.gateway.end("INT").code(), Some(0));
}
