//! What of a client's headers stays.

use proptest::prelude::*;

use super::*;

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    headers
}

fn cleaned(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = headers(lines);
    clean(&mut headers).unwrap();
    headers
}

const CLAIMS: [&str; 39] = [
    "x-auth-subject",
    "X-Auth-Subject",
    "X_AUTH_SUBJECT",
    "x-auth_subject",
    "x_auth-scopes",
    "x-auth-anything-later",
    "x-forwarded-for",
    "X_Forwarded_For",
    "x-forwarded-proto",
    "X-FORWARDED_HOST",
    "forwarded",
    "x-real-ip",
    "x_real_ip",
    "x-original-url",
    "X-Original_URI",
    "x-rewrite-url",
    "x-http-method-override",
    "X_METHOD-override",
    "proxy",
    "content_length",
    "Transfer_Encoding",
    "x_request_id",
    "X.Auth.Subject",
    "x~auth~subject",
    "x!auth|scopes",
    "x.forwarded~for",
    "x-forwarded",
    "forwarded-for",
    "x-client-ip",
    "X.Real.IP",
    "x-cluster-client-ip",
    "true-client-ip",
    "True_Client_IP",
    "client-ip",
    "cf-connecting-ip",
    "fastly-client-ip",
    "wl-proxy-client-ip",
    "content.length",
    "transfer~encoding",
];

/// What may stand in a name (RFC 9110 section 5.6.2), beside letters and digits.
const SIGNS: [char; 15] = [
    '!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~',
];

#[test]
fn no_spelling_of_a_claim_comes_from_a_client() {
    for name in CLAIMS {
        let headers = cleaned(&[(name, "forged"), (name, "twice"), ("accept", "*/*")]);
        assert_eq!(headers.len(), 1, "{name}");
        assert_eq!(headers["accept"], "*/*");
    }
}

#[test]
fn no_spelling_of_a_claim_comes_in_a_trailer() {
    for name in CLAIMS {
        let mut trailers = headers(&[(name, "forged"), ("grpc-status", "0")]);
        clean_trailers(&mut trailers);
        assert_eq!(trailers.len(), 1, "{name}");
    }
    for name in [
        "host",
        "authorization",
        "content-length",
        "transfer-encoding",
        "cookie",
    ] {
        let mut trailers = headers(&[(name, "late"), ("x-checksum", "7")]);
        clean_trailers(&mut trailers);
        assert_eq!(trailers, headers(&[("x-checksum", "7")]), "{name}");
    }
}

#[test]
fn what_only_resembles_a_claim_stays() {
    for name in [
        "x-authentic",
        "x-authorization",
        "xauth-subject",
        "x-auth",
        "xforwarded",
        "forwarded-fort",
        "x-real-ips",
        "client-ips",
        "x.custom",
        "proxy-connection",
        "content-length",
        "transfer-encoding-x",
        "x_custom",
        "x-request-id",
        "x-original",
    ] {
        assert_eq!(cleaned(&[(name, "1")]).len(), 1, "{name}");
    }
}

#[test]
fn a_client_cannot_keep_what_it_declares_to_be_for_one_hop() {
    let headers = cleaned(&[
        ("connection", "x-auth-subject, close"),
        ("connection", "X-Secret,keep-alive"),
        ("x-secret", "for one hop"),
        ("keep-alive", "timeout=5"),
        ("accept", "*/*"),
    ]);
    assert_eq!(headers.len(), 1, "{headers:?}");
}

#[test]
fn connection_must_not_name_what_the_gateway_decides_by() {
    for name in [
        "host",
        "Authorization",
        "content-length",
        "COOKIE",
        "origin",
        "content-type",
    ] {
        let option = format!("close, {name}");
        let mut headers = headers(&[("connection", &option), (name, "1")]);
        assert_eq!(clean(&mut headers), Err(Refused::BadConnection), "{name}");
    }
}

#[test]
fn a_wish_to_upgrade_and_te_are_kept() {
    let headers = cleaned(&[
        ("connection", "Upgrade, TE, x-auth-subject"),
        ("upgrade", "websocket"),
        ("te", "trailers"),
    ]);
    assert_eq!(headers["connection"], "upgrade");
    assert_eq!(headers["upgrade"], "websocket");
    assert_eq!(headers["te"], "trailers");
}

#[test]
fn framing_is_written_in_one_way() {
    for (lines, right) in [
        (&[("transfer-encoding", "chunked")][..], true),
        (&[("transfer-encoding", "Chunked")], true),
        (&[("transfer-encoding", "gzip, chunked")], false),
        (&[("transfer-encoding", "identity")], false),
        (
            &[
                ("transfer-encoding", "chunked"),
                ("transfer-encoding", "chunked"),
            ],
            false,
        ),
        (&[("content-length", "0")], true),
        (&[("content-length", "10")], true),
        (&[("content-length", "010")], false),
        (&[("content-length", "00")], false),
    ] {
        let expected = if right {
            Ok(())
        } else {
            Err(Refused::BadFraming)
        };
        assert_eq!(clean(&mut headers(lines)), expected, "{lines:?}");
    }
}

#[test]
fn the_one_expectation_is_met_and_others_are_refused() {
    assert!(cleaned(&[("expect", "100-Continue")]).is_empty());
    for lines in [
        &[("expect", "junk")][..],
        &[("expect", "")],
        &[("expect", "100-continue, junk")],
        &[("expect", "y 100-continue")],
        &[("expect", "100-continue"), ("expect", "100-continue")],
    ] {
        assert_eq!(
            clean(&mut headers(lines)),
            Err(Refused::Expectation),
            "{lines:?}"
        );
    }
}

#[test]
fn crumbs_of_cookies_become_one_line() {
    let headers = cleaned(&[("cookie", "a=1"), ("accept", "*/*"), ("cookie", "b=2; c=3")]);
    let cookies: Vec<_> = headers.get_all("cookie").iter().collect();
    assert_eq!(cookies, ["a=1; b=2; c=3"]);
    assert!(cookies[0].is_sensitive());
}

#[test]
fn secrets_are_marked() {
    for (name, secret) in [
        ("authorization", true),
        ("cookie", true),
        ("proxy-authorization", true),
        ("x-api-key", true),
        ("x-csrf-token", true),
        ("accept", false),
        ("x-token-kind", false),
    ] {
        assert_eq!(
            cleaned(&[(name, "s3cret")])[name].is_sensitive(),
            secret,
            "{name}"
        );
    }
}

proptest! {
    // The oracle: a name is a claim if its dashed form is.
    #[test]
    fn any_sign_is_a_dash(
        name in proptest::sample::select(CLAIMS.to_vec()),
        signs in proptest::collection::vec(proptest::sample::select(SIGNS.to_vec()), 24),
    ) {
        let spelled: String = name
            .to_ascii_lowercase()
            .chars()
            .zip(signs)
            .map(|(c, sign)| if c.is_ascii_alphanumeric() { c } else { sign })
            .collect();
        // Spelled properly these three and the request id are what they say they are.
        let proper = ["content-length", "content-type", "transfer-encoding", "x-request-id"];
        prop_assert_eq!(is_claim(&spelled), !proper.contains(&&*spelled));
    }

    #[test]
    fn nothing_of_a_claim_is_left_whatever_else_there_is(
        names in proptest::collection::vec("[a-z_.~-]{1,20}|x[-_.~]auth[-_!|][a-z]{1,5}|x[-_+]forwarded[-_^](for|host)", 0..12),
    ) {
        let lines: Vec<_> = names.iter().map(|name| (&**name, "1")).collect();
        let mut headers = headers(&lines);
        if clean(&mut headers).is_ok() {
            let left = headers.keys().map(|name| {
                let sign = |c: char| !c.is_ascii_alphanumeric();
                name.as_str().replace(sign, "-")
            });
            for name in left {
                prop_assert!(!name.starts_with("x-auth-") && !name.starts_with("x-forwarded-"));
            }
        }
    }
}
