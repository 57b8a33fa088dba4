//! The program with few files to open.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod common;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use common::Program;

/// An upstream that takes every request on a connection of its own.
fn upstream() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut bytes = [0; 4096];
            let _ = stream.read(&mut bytes);
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    url
}

/// The program with a soft and a hard limit of open files, and what it said until it was ready.
fn limited(soft: u32, hard: u32) -> (Program, Vec<String>, TcpStream) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    let config = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nmax_connections = 200\nheader_timeout = \"60s\"\n\
         [[route]]\npath = \"/\"\nupstream = [\"{}\"]\nauth = \"none\"\n",
        upstream()
    );
    std::fs::write(&file, config).unwrap();
    let limits = format!("ulimit -Sn {soft} && ulimit -Hn {hard} && exec \"$0\" \"$@\"");
    let program = Program::start_by(
        &["sh", "-c", &limits, env!("CARGO_BIN_EXE_portcullis")],
        &["run", "--config", file.to_str().unwrap()],
    );
    let said = program.read_to("ready");
    let (_, listen) = said.last().unwrap().split_once("127.0.0.1:").unwrap();
    let port: String = listen.chars().take_while(char::is_ascii_digit).collect();
    let client = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    (program, said, client)
}

const BEGINNING: &str = "GET / HTTP/1.1\r\nhost: a\r\n";

/// Ends a request that was begun, and reads its answer.
fn ask(client: &mut TcpStream) -> String {
    client.write_all(b"connection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn clients_leave_files_for_upstreams_and_the_log_says_what_holds() {
    let (_program, said, mut client) = limited(164, 164);
    let warned = said
        .iter()
        .find(|line| line.contains("limit of open files"));
    let warned = warned.unwrap_or_else(|| panic!("{said:?}"));
    assert!(
        warned.contains("WARN") && warned.contains("served=50"),
        "{warned}"
    );
    client.write_all(BEGINNING.as_bytes()).unwrap();
    // With those that are open already more than there are files, each with half a head: none of them
    // leaves for another one. No more, for what the system queues is bounded too.
    let crowd: Vec<_> = (0..160)
        .map(|_| {
            let mut one = TcpStream::connect(client.peer_addr().unwrap()).unwrap();
            one.write_all(BEGINNING.as_bytes()).unwrap();
            one
        })
        .collect();
    let answer = ask(&mut client);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    drop(crowd);
}

#[test]
fn what_the_system_gives_is_taken() {
    let (_program, said, mut client) = limited(64, 1024);
    let warned = said.iter().any(|line| line.contains("limit of open files"));
    assert!(!warned, "{said:?}");
    client.write_all(BEGINNING.as_bytes()).unwrap();
    assert!(ask(&mut client).starts_with("HTTP/1.1 200 "));
}
