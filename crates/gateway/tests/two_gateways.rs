//! The example of two gateways that share a Redis runs, and says what its page says.
#![cfg(all(unix, feature = "demo"))]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

/// How many ports in a row the example takes.
const PORTS: u16 = 13;

/// The first of so many free ports, below those that the system gives away by itself.
fn free() -> u16 {
    let bound = |port| TcpListener::bind(("127.0.0.1", port));
    let all = |first: &u16| (*first..*first + PORTS).all(|port| bound(port).is_ok());
    let offset = u16::try_from(std::process::id() % 1_000).unwrap();
    let firsts = (0..500).map(|step| 12_000 + (offset + step * 37) % 18_000);
    firsts.into_iter().find(all).expect("thirteen free ports")
}

#[test]
fn what_is_revoked_at_one_gateway_is_refused_by_the_other() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/two-gateways");
    let output = Command::new(example.join("run.sh"))
        .env("PORTCULLIS", env!("CARGO_BIN_EXE_portcullis"))
        .env("BASE", free().to_string())
        .output()
        .unwrap();
    let (said, errors) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{said}{errors}");
    let page = std::fs::read_to_string(example.join("README.md")).unwrap();
    let shown = page.split("```text\n").nth(1).unwrap();
    assert_eq!(said, shown.split("```").next().unwrap(), "{errors}");
}
