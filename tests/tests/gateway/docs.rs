//! The documentation of the gateway says what is so.

use std::fs;
use std::path::Path;

use portcullis_gateway::Config;

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_configuration_in_the_docs_is_accepted() {
    for file in [
        "docs/gateway.md",
        "docs/gateway-revocation.md",
        "docs/forward-auth.md",
        "crates/gateway/README.md",
    ] {
        let text = read(file);
        let blocks: Vec<_> = text
            .split("```toml\n")
            .skip(1)
            .filter_map(|rest| rest.split("```").next())
            .collect();
        assert!(!blocks.is_empty(), "{file}");
        // The files that they refer to.
        let folder = tempfile::tempdir().expect("a folder");
        let made = rcgen::generate_simple_self_signed(["api.example.com".into()]).expect("a key");
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        for (name, text) in [("tls.crt", certificate), ("tls.key", key)] {
            fs::write(folder.path().join(name), text).expect("written");
        }
        for name in ["redis.password", "revocation.secret", "web.secret"] {
            fs::write(folder.path().join(name), "s".repeat(40)).expect("written");
        }
        for block in blocks {
            let path = folder.path().join("gateway.toml");
            fs::write(&path, block).expect("written");
            let config = Config::load(&path).unwrap_or_else(|error| panic!("{file}\n{error}"));
            config
                .check()
                .unwrap_or_else(|error| panic!("{file}\n{error}"));
        }
    }
}

#[test]
fn every_key_of_the_file_is_explained() {
    let text = read("docs/gateway.md");
    let names = [
        "[server]",
        "[server.tls]",
        "[log]",
        "[cors]",
        "[circuit_breaker]",
        "[trace]",
        "[trace.spans]",
        "[trace.timings]",
        "[forward_auth]",
        "[control]",
        "[store]",
        "[revocation]",
        "[revocation.rfc7009]",
        "[revocation.backchannel]",
        "[upstream_tls]",
        "[[issuer]]",
        "[[route]]",
    ];
    let unknown: String = names.map(|name| format!("{name}\nx = 1\n")).concat();
    let error = Config::parse(&unknown).unwrap_err();
    let mut sections = 0;
    for problem in error.problems() {
        let Some((_, known)) = problem.remedy.split_once("known here: ") else {
            continue;
        };
        sections += 1;
        let section = problem.path.strip_suffix(".x").unwrap().replace("[0]", "");
        let explained = text
            .split("\n### ")
            .find(|part| {
                part.starts_with(&format!("`[{section}]`"))
                    || part.starts_with(&format!("`[[{section}]]`"))
            })
            .unwrap_or_else(|| panic!("a chapter about {section}"));
        for key in known.split(", ") {
            assert!(
                explained.contains(&format!("\n| `{key}` |")),
                "{section}: {key}"
            );
        }
    }
    assert_eq!(sections, names.len());
}

#[test]
fn every_reason_of_its_own_has_a_remedy() {
    let text = read("docs/gateway.md");
    for reason in [
        "bad_host",
        "bad_target",
        "bad_connection",
        "bad_framing",
        "bad_expectation",
        "unknown_host",
        "forwarding_loop",
        "ambiguous_path",
        "no_route",
        "method_not_allowed",
        "unclear_request",
        "untrusted_peer",
        "not_authorized",
        "too_many_requests",
        "token_undecided",
        "not_recorded",
        "outcome_unknown",
        "no_verdict",
        "request_broken",
        "expired",
        "request_timeout",
        "body_too_large",
        "upstream_unreachable",
        "upstream_failed",
        "upstream_timeout",
        "circuit_open",
    ] {
        assert!(text.contains(&format!("\n| `{reason}` |")), "{reason}");
    }
}
