use proptest::prelude::*;

use super::*;

fn ask(path: &str, headers: &[(&str, &str)]) -> request::Parts {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

/// Method, target and host of the request that is asked about.
fn original(path: &str, headers: &[(&str, &str)]) -> Result<(String, String, String), Unclear> {
    let head = Dialect::at(path.split('?').next().unwrap())
        .unwrap()
        .original(ask(path, headers))?;
    let host = head.headers[HOST].to_str().unwrap().to_owned();
    Ok((head.method.to_string(), head.uri.to_string(), host))
}

const NGINX: [(&str, &str); 3] = [
    ("host", "api.example.com"),
    ("x-original-method", "POST"),
    ("x-original-uri", "/api/x?y=%2f"),
];
const TRAEFIK: [(&str, &str); 4] = [
    ("host", "portcullis:8081"),
    ("x-forwarded-method", "POST"),
    ("x-forwarded-uri", "/api/x?y=%2f"),
    ("x-forwarded-host", "api.example.com"),
];

#[test]
fn each_dialect_names_the_request_in_its_own_way() {
    let told = Ok((
        "POST".to_owned(),
        "/api/x?y=%2f".to_owned(),
        "api.example.com".to_owned(),
    ));
    assert_eq!(original("/nginx", &NGINX), told);
    assert_eq!(original("/traefik", &TRAEFIK), told);
    let mut envoy = ask("/envoy/api/x?y=%2f", &[("host", "api.example.com")]);
    envoy.method = Method::POST;
    let head = Dialect::Envoy.original(envoy).unwrap();
    assert_eq!(
        (head.method, head.uri),
        (Method::POST, Uri::from_static("/api/x?y=%2f"))
    );
}

#[test]
fn only_the_three_paths_are_dialects() {
    for (path, dialect) in [
        ("/nginx", Some(Dialect::Nginx)),
        ("/traefik", Some(Dialect::Traefik)),
        ("/envoy/api", Some(Dialect::Envoy)),
        ("/envoy/", Some(Dialect::Envoy)),
        ("/envoy", Some(Dialect::Envoy)),
        ("/envoyx", None),
        ("/nginx/", None),
        ("/nginx/api", None),
        ("/Nginx", None),
        ("//nginx", None),
        ("/", None),
        ("", None),
    ] {
        assert_eq!(Dialect::at(path), dialect, "{path}");
    }
    assert_eq!(
        original("/envoy", &[("host", "a")]),
        Err(Unclear::Unreadable(":path"))
    );
    assert_eq!(
        original("/envoy?x", &[("host", "a")]),
        Err(Unclear::Unreadable(":path"))
    );
}

#[test]
fn what_one_dialect_says_another_does_not_hear() {
    assert_eq!(
        original("/nginx", &TRAEFIK),
        Err(Unclear::Missing("X-Original-Method"))
    );
    assert_eq!(
        original("/traefik", &NGINX),
        Err(Unclear::Missing("X-Forwarded-Method"))
    );
    // A client's own words, beside those of the proxy.
    let mut lines = NGINX.to_vec();
    lines.extend([("x-forwarded-uri", "/open"), ("x-forwarded-method", "GET")]);
    let (method, target, _) = original("/nginx", &lines).unwrap();
    assert_eq!((&*method, &*target), ("POST", "/api/x?y=%2f"));
}

#[test]
fn every_word_is_said_once_and_not_left_out() {
    for (path, lines) in [("/nginx", &NGINX[..]), ("/traefik", &TRAEFIK[1..])] {
        for at in 0..lines.len() {
            let mut without = lines.to_vec();
            let (name, value) = without.remove(at);
            let missing = original(path, &without);
            assert!(
                matches!(missing, Err(Unclear::Missing(_))),
                "{name} {missing:?}"
            );
            without.push((name, ""));
            let empty = original(path, &without);
            assert!(
                matches!(empty, Err(Unclear::Missing(_))),
                "{name} {empty:?}"
            );
            let mut twice = lines.to_vec();
            twice.push((name, value));
            let twice = original(path, &twice);
            assert!(matches!(twice, Err(Unclear::Twice(_))), "{name} {twice:?}");
            let long = "/".repeat(LONGEST_URI + 1);
            without.pop();
            without.push((name, &long));
            let long = original(path, &without);
            assert!(matches!(long, Err(Unclear::TooLong(_))), "{name} {long:?}");
        }
    }
}

#[test]
fn a_target_that_would_be_read_as_another_is_none() {
    for target in [
        "api",
        "*",
        "http://a/api",
        "?x",
        "#",
        "/public#/../api",
        "/a b",
        "/a\tb",
        "",
    ] {
        let mut lines = NGINX;
        lines[2].1 = target;
        assert!(original("/nginx", &lines).is_err(), "{target}");
    }
    for method in ["GET POST", "GET,", "G\u{e9}T", "{}"] {
        let mut lines = NGINX;
        lines[1].1 = method;
        let unclear = original("/nginx", &lines);
        assert_eq!(
            unclear,
            Err(Unclear::Unreadable("X-Original-Method")),
            "{method}"
        );
    }
    // Ambiguous, and judged as that with all other paths.
    for target in ["//api", "/public/../api", "/%2e%2e/api", "/api;x", "/a\\b"] {
        let mut lines = NGINX;
        lines[2].1 = target;
        assert_eq!(original("/nginx", &lines).unwrap().1, target);
    }
}

#[test]
fn a_host_of_http_2_is_its_authority() {
    let mut asked = ask("http://api.example.com/nginx", &NGINX[1..]);
    asked.version = Version::HTTP_2;
    let head = Dialect::Nginx.original(asked).unwrap();
    assert_eq!(head.headers[HOST], "api.example.com");
    let asked = ask("http://other.example.com/nginx", &NGINX);
    assert_eq!(
        Dialect::Nginx.original(asked).unwrap_err(),
        Unclear::Twice("Host")
    );
}

#[test]
fn what_is_said_of_the_question_is_not_said_of_the_request() {
    let mut lines = NGINX.to_vec();
    lines.extend([
        ("authorization", "Bearer x"),
        ("cookie", "a=b"),
        ("content-type", "application/grpc"),
        ("content-length", "0"),
        ("connection", "close"),
        ("expect", "100-continue"),
    ]);
    let head = Dialect::Nginx.original(ask("/nginx", &lines)).unwrap();
    let mut names: Vec<_> = head.headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["authorization", "cookie", "host"]);
}

#[test]
fn a_websocket_is_one_although_upgrade_was_kept_back() {
    for (name, value) in [
        ("upgrade", "websocket"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", "13"),
    ] {
        let mut lines = NGINX.to_vec();
        lines.push((name, value));
        let head = Dialect::Nginx.original(ask("/nginx", &lines)).unwrap();
        assert_eq!(head.headers[UPGRADE], "websocket", "{name}");
    }
    let head = Dialect::Nginx.original(ask("/nginx", &NGINX)).unwrap();
    assert!(!head.headers.contains_key(UPGRADE));
}

proptest! {
    #[test]
    fn a_target_is_read_byte_for_byte_or_not_at_all(bytes in proptest::collection::vec(0x20_u8..=0xff, 0..40)) {
        let mut text = vec![b'/'];
        text.extend(bytes);
        if let Some(read) = target(&text) {
            let uri = Uri::from(read);
            prop_assert_eq!(uri.path_and_query().unwrap().as_str().as_bytes(), &*text);
            let path = uri.path().as_bytes();
            let end = text.iter().position(|byte| *byte == b'?').unwrap_or(text.len());
            prop_assert_eq!(path, &text[..end]);
        }
    }
}
