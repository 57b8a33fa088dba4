//! The demo: every line it prints for pasting does what it says beside it.
#![cfg(all(feature = "demo", unix))]

mod common;

use std::process::Command;

use common::Program;

const FREE_PORTS: [&str; 11] = [
    "demo",
    "--port",
    "0",
    "--issuer-port",
    "0",
    "--upstream-port",
    "0",
    "--control-port",
    "0",
    "--admin-port",
    "0",
];

/// What a line led to: the last answer, for curl repeats itself when told to come again.
struct Answer {
    status: String,
    head: String,
    body: String,
}

/// Pastes a line into a shell.
fn paste(line: &str) -> Answer {
    let output = Command::new("sh")
        .args(["-c", line])
        .output()
        .expect("a shell");
    let text = String::from_utf8(output.stdout).expect("text");
    let last = text
        .rfind("HTTP/1.1 ")
        .unwrap_or_else(|| panic!("{line}: {text:?}"));
    let (head, body) = text[last..]
        .split_once("\r\n\r\n")
        .expect("a head and a body");
    Answer {
        status: head.split(' ').nth(1).expect("a status").to_owned(),
        head: head.to_ascii_lowercase(),
        body: body.to_owned(),
    }
}

#[test]
fn every_printed_line_gets_the_answer_printed_beside_it() {
    let demo = Program::start(&FREE_PORTS);
    let printed = demo.read_to("Ctrl-C ends it");
    let mut seen = Vec::new();
    for pair in printed.windows(2) {
        let [line, expected] = pair else { continue };
        let (Some(line), Some(expected)) =
            (line.strip_prefix("  curl "), expected.strip_prefix("  => "))
        else {
            continue;
        };
        let answer = paste(&format!("curl {line}"));
        let (status, more) = expected.split_at(3);
        assert_eq!(
            answer.status, status,
            "curl {line}\n{}\n{}",
            answer.head, answer.body
        );
        match more {
            "" => {}
            " with Retry-After" => {
                assert!(answer.head.contains("\nretry-after: "), "{}", answer.head)
            }
            other => panic!("what does {other:?} mean?"),
        }
        seen.push((status.to_owned(), answer));
    }
    let statuses: Vec<_> = seen.iter().map(|(status, _)| status.as_str()).collect();
    assert_eq!(
        statuses,
        [
            "200", "401", "401", "401", "403", "200", "200", "200", "503", "200", "200", "200",
            "200", "401"
        ]
    );
    let echoed = |index: usize| -> serde_json::Value {
        serde_json::from_str(&seen[index].1.body).expect("the echo")
    };
    assert_eq!(echoed(0)["headers"]["x-auth-subject"][0], "alice");
    assert_eq!(echoed(0)["path"], "/api/orders");
    assert_eq!(
        echoed(5)["headers"]["x-auth-subject"],
        serde_json::json!([""])
    );
    assert!(seen[2].1.body.contains("\"expired\""));
    assert!(seen[3].1.body.contains("\"wrong_audience\""));
    assert!(
        !seen[8].1.head.contains("www-authenticate"),
        "{}",
        seen[8].1.head
    );
    assert!(seen[9].1.body.contains("\"degraded\""));
    assert!(seen[13].1.body.contains("\"unknown_key\""));
    assert!(demo.end("INT").success());
}

#[test]
fn the_printed_token_is_good_at_the_printed_address() {
    let demo = Program::start(&FREE_PORTS);
    let printed = demo.read_to("Ctrl-C ends it");
    let token = printed
        .iter()
        .find(|line| line.starts_with("eyJ"))
        .expect("a token");
    let gateway = printed
        .iter()
        .find_map(|line| line.strip_prefix("gateway   "))
        .expect("where the gateway is");
    let with = |token: &str| {
        paste(&format!(
            "curl -si -H 'Authorization: Bearer {token}' {gateway}/api/"
        ))
    };
    assert_eq!(with(token).status, "200");
    assert_eq!(with(&token[..token.len() - 4]).status, "401");
}

#[test]
fn the_printed_configuration_is_one_that_check_accepts() {
    let demo = Program::start(&FREE_PORTS);
    let printed = demo.read_to("A token of alice");
    let config: String = printed
        .iter()
        .filter_map(|line| line.strip_prefix("    "))
        .map(|line| format!("{line}\n"))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    std::fs::write(&file, config).unwrap();
    let check = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["check", "--config", file.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(check.status.success(), "{check:?}");
}

#[test]
fn the_control_port_takes_only_what_it_knows() {
    let demo = Program::start(&FREE_PORTS);
    let printed = demo.read_to("Ctrl-C ends it");
    let control = printed
        .iter()
        .find_map(|line| line.strip_prefix("control   "))
        .and_then(|rest| rest.split(' ').next())
        .expect("where the control port is");
    for (line, status) in [
        ("-X POST '{}/outage?mode=hang'", "200"),
        ("-X POST '{}/outage?mode=slow'", "200"),
        ("-X POST '{}/outage?mode=500'", "200"),
        ("-X POST '{}/outage?mode=ok'", "200"),
        ("-X POST '{}/outage?mode=maybe'", "400"),
        ("-X POST '{}/outage'", "400"),
        ("'{}/outage?mode=ok'", "404"),
        ("'{}/token?colour=red'", "400"),
        ("'{}/'", "200"),
    ] {
        let line = format!("curl -si {}", line.replace("{}", control));
        assert_eq!(paste(&line).status, status, "{line}");
    }
}

#[test]
fn a_port_that_is_taken_is_named_with_its_option() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (position, option) in [(2, "--port"), (4, "--issuer-port"), (8, "--control-port")] {
        let mut arguments = FREE_PORTS;
        arguments[position] = &port;
        let failed = Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .args(arguments)
            .output()
            .unwrap();
        assert_eq!(failed.status.code(), Some(1));
        let said = String::from_utf8(failed.stderr).unwrap();
        assert!(
            said.contains(option) && said.contains(&port) || option == "--issuer-port",
            "{said}"
        );
        assert!(said.contains("cannot start"), "{said}");
    }
}
