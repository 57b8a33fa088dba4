//! Upstreams, and where the way to them breaks.

use std::time::{Duration, Instant};

use crate::servers::{Authority, blurts, http, https, refused, response, silent};
use crate::{SERVER, broken, check, route};

#[test]
fn the_step_at_which_an_upstream_breaks_is_named_with_a_remedy() {
    let authority = Authority::new();
    let ok = |_: &str| response("500 Oops", "");
    let local = |address: std::net::SocketAddr| format!("https://127.0.0.1:{}", address.port());
    let plain = |address: std::net::SocketAddr| format!("http://{address}");
    let good = authority.certify("127.0.0.1");
    let cases: [(String, &str, &str, &str); 13] = [
        (
            "http://nobody.invalid".into(),
            "",
            "DNS",
            "failed to lookup",
        ),
        (plain(refused()), "", "TCP", "connection refused"),
        (plain(silent()), "", "HTTP", "no answer within"),
        (
            plain(silent()),
            "protocol = \"http2\"",
            "HTTP",
            "no answer within",
        ),
        (local(silent()), "", "TLS", "no answer within"),
        (
            local(https(&Authority::new().certify("127.0.0.1"), &[], ok)),
            "",
            "TLS",
            "of an authority that is not trusted",
        ),
        (
            local(https(&authority.certify_once("127.0.0.1"), &[], ok)),
            "",
            "TLS",
            "the certificate expired ",
        ),
        (
            local(https(&authority.certify("other.example"), &[], ok)),
            "",
            "TLS",
            "other.example\"), not for 127.0.0.1",
        ),
        (
            local(blurts(b"HTTP/1.1 400 Bad\r\n\r\n")),
            "",
            "TLS",
            "not in TLS",
        ),
        (
            local(https(&good, &[], ok)),
            "protocol = \"http2\"",
            "TLS",
            "HTTP/2",
        ),
        (
            plain(http(ok)),
            "protocol = \"http2\"",
            "HTTP",
            "answers in HTTP/1",
        ),
        (
            plain(blurts(b"\0\0\0\x04\0\0\0\0\0")),
            "",
            "HTTP",
            "the answer is not HTTP/1.1",
        ),
        (plain(blurts(b"")), "", "HTTP", "closed the connection"),
    ];
    let mut text = format!("{SERVER}[upstream_tls]\nca = \"FOLDER/ca.pem\"\n");
    for (index, (upstream, more, ..)) in cases.iter().enumerate() {
        text += &route(index, upstream, more);
    }
    // Any status is an answer.
    text += &route(100, &local(https(&good, &["http/1.1"], ok)), "");
    let begun = Instant::now();
    let checked = check(&text, &[("ca.pem", authority.pem())], &[]);
    assert_eq!(checked.code, Some(1), "{}{}", checked.out, checked.err);
    assert!(
        checked.out.ends_with("BROKEN: 13 of 14\n"),
        "{}",
        checked.out
    );
    // Three wait for a second each, beside each other.
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
    let mut before = 0;
    for (index, (_, _, stage, what)) in cases.iter().enumerate() {
        let name = format!("route[{index}].upstream[0] ");
        let at = checked.out.find(&format!("\n{name}")).unwrap();
        assert!(at > before, "in the order of the file:\n{}", checked.out);
        before = at;
        let about = checked.about(&name);
        let (found, said) = broken(&about);
        assert_eq!(found, *stage, "{about}");
        assert!(said.contains(what), "{what}\n{about}");
        assert!(
            about
                .trim_end()
                .lines()
                .last()
                .unwrap()
                .contains("remedy: "),
            "{about}"
        );
    }
    let about = checked.about("route[13].upstream[0] ");
    assert!(about.contains("good for 127.0.0.1 now"), "{about}");
    assert!(about.contains("status 500 over HTTP/1.1"), "{about}");
}
