//! Issuers, and where the way to their keys breaks.

use std::time::{Duration, Instant};

use portcullis_testing::{SigningKey, jwks};

use crate::servers::{Authority, http, https, refused, response, silent};
use crate::{SERVER, broken, check, issuer, route};

/// An issuer that answers its metadata so, and its keys so.
fn idp(metadata: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static, keys: Vec<u8>) -> String {
    let (send, receive) = std::sync::mpsc::channel::<String>();
    let url = std::sync::OnceLock::<String>::new();
    let receive = std::sync::Mutex::new(receive);
    let address = http(move |path| {
        let url = url.get_or_init(|| receive.lock().unwrap().recv().unwrap());
        match path.split('?').next().unwrap() {
            "/.well-known/openid-configuration" => metadata(url),
            "/jwks" => keys.clone(),
            _ => response("404 Not Found", ""),
        }
    });
    let url = format!("http://{address}");
    send.send(url.clone()).unwrap();
    url
}

fn metadata(url: &str) -> Vec<u8> {
    let text = format!("{{\"issuer\":\"{url}\",\"jwks_uri\":\"{url}/jwks?sig=hunter2\"}}");
    response("200 OK", &text)
}

#[test]
fn the_step_at_which_an_issuer_breaks_is_named_with_a_remedy() {
    let set = |keys: &str| response("200 OK", &format!("{{\"keys\":[{keys}]}}"));
    let good = || response("200 OK", &jwks([&SigningKey::es256()]).to_string());
    let stalled = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"keys\":".to_vec();
    let coded = b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 1\r\n\r\nx".to_vec();
    let oversize = response("200 OK", &" ".repeat(300 * 1024));
    let weak =
        r#"{"kty":"RSA","kid":"weak","n":"AQAB","e":"AQAB"},{"kty":"EC","kid":"enc","use":"enc"}"#;
    let shared = r#"{"kty":"oct","k":"aHVudGVyMg"}"#;
    let cases: Vec<(String, &str, &str, &str)> = vec![
        (
            "http://nobody.localhost.invalid".into(),
            "allow_http = true",
            "DNS",
            "failed to lookup",
        ),
        (
            format!("http://{}", refused()),
            "",
            "TCP",
            "connection refused",
        ),
        (
            format!("http://{}", silent()),
            "",
            "HTTP",
            "no answer within",
        ),
        (
            format!(
                "https://{}",
                https(&Authority::new().certify("127.0.0.1"), &[], |_| vec![])
            ),
            "",
            "TLS",
            "not trusted",
        ),
        (
            idp(|_| response("500 Oops", ""), vec![]),
            "",
            "HTTP",
            "status 500",
        ),
        (
            idp(|_| response("404 Not Found", ""), vec![]),
            "",
            "HTTP",
            "status 404",
        ),
        (
            idp(
                |_| {
                    b"HTTP/1.1 302 Found\r\nlocation: http://other.invalid/x\r\ncontent-length: 0\r\n\r\n"
                        .to_vec()
                },
                vec![],
            ),
            "",
            "HTTP",
            "a redirect leads elsewhere",
        ),
        (
            idp(|_| response("200 OK", "<html>"), vec![]),
            "",
            "content",
            "not a JSON object",
        ),
        (
            idp(|_| metadata("http://127.0.0.1:1/other"), vec![]),
            "",
            "content",
            "the metadata is of http://127.0.0.1:1/other",
        ),
        (
            idp(
                |url| {
                    response(
                        "200 OK",
                        &format!("{{\"issuer\":\"{url}\",\"jwks_uri\":\"http://a.example/\"}}"),
                    )
                },
                vec![],
            ),
            "",
            "content",
            "`jwks_uri` that must not be used",
        ),
        (
            idp(metadata, response("503 Down", "")),
            "",
            "HTTP",
            "status 503",
        ),
        (
            idp(metadata, response("200 OK", "[]")),
            "",
            "content",
            "one array `keys`",
        ),
        (
            idp(metadata, set("")),
            "",
            "content",
            "the key set is empty",
        ),
        (idp(metadata, set(weak)), "", "content", "no usable key"),
        (idp(metadata, set(shared)), "", "content", "shared secret"),
        (
            idp(metadata, oversize),
            "",
            "content",
            "larger than the limit",
        ),
        (idp(metadata, coded), "", "content", "content coding"),
        (idp(metadata, stalled), "", "HTTP", "broke off"),
        (
            idp(metadata, good()),
            "algorithms = [\"RS256\", \"PS256\"]",
            "content",
            "no key is for any of `algorithms`",
        ),
    ];
    let mut text = SERVER.to_owned();
    for (url, more, ..) in &cases {
        text += &issuer(url, more);
    }
    text += &issuer(
        &idp(
            metadata,
            set(&format!("{},{weak}", SigningKey::es256().jwk())),
        ),
        "",
    );
    text += &route(
        0,
        &format!("http://{}", http(|_| response("200 OK", ""))),
        "",
    );
    let checked = check(&text, &[], &[]);
    assert_eq!(checked.code, Some(1), "{}{}", checked.out, checked.err);
    for (index, (_, _, stage, what)) in cases.iter().enumerate() {
        let about = checked.about(&format!("issuer[{index}] "));
        let (found, said) = broken(&about);
        assert_eq!(found, *stage, "{about}");
        assert!(said.contains(what), "{what}\n{about}");
        assert!(about.contains("remedy: "), "{about}");
    }
    let counted = format!("BROKEN: {0} of {1}\n", cases.len(), cases.len() + 2);
    assert!(checked.out.ends_with(&counted), "{}", checked.out);
    // Which keys cannot be used, and why, whether others can or not.
    for index in [13, cases.len()] {
        let about = checked.about(&format!("issuer[{index}] "));
        assert!(about.contains("left out: key \"weak\": `n` has"), "{about}");
        assert!(about.contains("left out: key \"enc\": "), "{about}");
    }
    for secret in ["hunter2", "aHVudGVyMg"] {
        assert!(!checked.out.contains(secret), "{}", checked.out);
        assert!(!checked.err.contains(secret), "{}", checked.err);
    }
}

#[test]
fn an_issuer_that_takes_too_long_in_all_is_given_up_where_it_hangs() {
    // Its keys are as slow as its metadata: neither alone is too slow.
    let keys = http(|_| {
        std::thread::sleep(Duration::from_secs(3));
        response("200 OK", &jwks([&SigningKey::es256()]).to_string())
    });
    let slow = idp(
        move |url| {
            std::thread::sleep(Duration::from_secs(3));
            let text = format!("{{\"issuer\":\"{url}\",\"jwks_uri\":\"http://{keys}/\"}}");
            response("200 OK", &text)
        },
        vec![],
    );
    let upstream = format!("http://{}", http(|_| response("200 OK", "")));
    let text = [SERVER, &issuer(&slow, ""), &route(0, &upstream, "")].concat();
    let begun = Instant::now();
    let checked = check(&text, &[], &[]);
    assert_eq!(checked.code, Some(1));
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "{:?}",
        begun.elapsed()
    );
    let about = checked.about("issuer[0] ");
    let (stage, said) = broken(&about);
    assert_eq!(stage, "HTTP", "{about}");
    assert!(said.contains("together must come within 5 s"), "{about}");
    assert!(about.contains("is of this issuer"), "{about}");
}

#[test]
fn an_issuer_with_tls_is_trusted_by_the_roots_of_the_system() {
    let authority = Authority::new();
    let keys = jwks([&SigningKey::es256().with_kid("k1")]).to_string();
    let address = https(&authority.certify("localhost"), &["http/1.1"], move |_| {
        response("200 OK", &keys)
    });
    let url = format!("https://localhost:{}/keys?sig=hunter2", address.port());
    let more = format!("jwks_url = \"{url}\"");
    let upstream = format!("http://{}", http(|_| response("200 OK", "")));
    let text = [
        SERVER,
        &issuer("https://idp.example.com", &more),
        &route(0, &upstream, ""),
    ];
    let checked = check(
        &text.concat(),
        &[("roots.pem", authority.pem())],
        &[("SSL_CERT_FILE", "FOLDER/roots.pem"), ("SSL_CERT_DIR", "")],
    );
    assert_eq!(checked.code, Some(0), "{}{}", checked.out, checked.err);
    let about = checked.about("issuer[0] ");
    assert!(
        about.contains("the certificate is trusted and good for localhost now"),
        "{about}"
    );
    assert!(about.contains("1 key usable: \"k1\" for ES256"), "{about}");
    assert!(!checked.out.contains("hunter2"), "{}", checked.out);
}
