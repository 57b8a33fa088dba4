//! Rows 15, 16, 18 and 19: how a token is presented.

use http::{Request, request};
use portcullis_auth::{Bearer, CookieToken, JwtVerifier, QueryToken, Reason};
use portcullis_testing::forge;

use crate::stand::Stand;
use crate::words::Expected;

const Q: fn(Reason) -> Expected = Expected::Refused;

fn get(target: &str) -> request::Builder {
    Request::get(format!("https://api.example.com{target}"))
}

/// A request with exactly these `Authorization` lines.
fn authorization(lines: &[&[u8]]) -> Request<()> {
    let mut request = get("/").body(()).expect("a request");
    for line in lines {
        let value = http::HeaderValue::from_bytes(line).expect("a header value");
        request.headers_mut().append("authorization", value);
    }
    request
}

#[tokio::test]
async fn row_15_two_authorization_headers_are_refused_whatever_they_hold() {
    let stand = Stand::new();
    let good = format!("Bearer {}", stand.token().sign(&stand.key));
    stand
        .send(authorization(&[good.as_bytes()]))
        .await
        .assert_passed();
    let expected = Q(Reason::ManyCredentials);
    for second in [
        good.as_str(),
        "Bearer x",
        "Basic dXNlcjpwYXNz",
        "DPoP x",
        "",
    ] {
        let lines = [good.as_bytes(), second.as_bytes()];
        stand.answers(|| authorization(&lines), expected).await;
        let lines = [second.as_bytes(), good.as_bytes()];
        stand.answers(|| authorization(&lines), expected).await;
    }
}

#[tokio::test]
async fn row_15_a_token_in_two_places_is_refused() {
    let stand = Stand::new().with_layer(|layer| {
        layer.with_extractor((
            (Bearer::new(), CookieToken::new("s")),
            QueryToken::new("access_token"),
        ))
    });
    let token = stand.token().sign(&stand.key);
    let places = |places: &[&str]| {
        let query = format!("/?access_token={token}");
        let mut request = get(if places.contains(&"query") {
            &query
        } else {
            "/"
        });
        if places.contains(&"header") {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if places.contains(&"cookie") {
            request = request.header("cookie", format!("a=b; s={token}"));
        }
        request.body(()).expect("a request")
    };
    for place in ["header", "cookie", "query"] {
        stand.send(places(&[place])).await.assert_passed();
    }
    for two in [
        ["header", "cookie"],
        ["header", "query"],
        ["cookie", "query"],
    ] {
        stand
            .answers(|| places(&two), Q(Reason::ManyCredentials))
            .await;
    }
    let cookies = || {
        let request = get("/").header("cookie", format!("s={token}"));
        request.header("cookie", "s=x").body(()).expect("a request")
    };
    stand.answers(cookies, Q(Reason::ManyCredentials)).await;
    let queries = || {
        let target = format!("/?access_token={token}&access_token={token}");
        get(&target).body(()).expect("a request")
    };
    stand.answers(queries, Q(Reason::ManyCredentials)).await;
}

#[tokio::test]
async fn row_16_the_scheme_is_told_without_case_and_the_form_is_strict() {
    let stand = Stand::new();
    let good = stand.token().sign(&stand.key);
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        let line = format!("{scheme} {good}");
        stand
            .send(authorization(&[line.as_bytes()]))
            .await
            .assert_passed();
    }
    let missing = Expected::Missing;
    let malformed = Q(Reason::MalformedCredential);
    let bound = Expected::Refused(Reason::Bound);
    for (line, expected) in [
        ("Bearer".to_owned(), malformed),
        ("Bearer ".to_owned(), malformed),
        ("Bearer    ".to_owned(), malformed),
        ("Bearer a b".to_owned(), malformed),
        (format!("Bearer\t{good}"), malformed),
        (format!("Bearer \t{good}"), malformed),
        (format!("Bearer {good} {good}"), malformed),
        (format!("Bearer {good},{good}"), malformed),
        (format!("Bearer {good}\t"), malformed),
        (format!("Bearer token={good}"), malformed),
        (format!("Bearer \"{good}\""), malformed),
        (String::new(), missing),
        ("Basic dXNlcjpwYXNz".to_owned(), missing),
        (format!("Bearer{good}"), missing),
        (format!("X-Bearer {good}"), missing),
        (format!("Digest {good}"), missing),
        (good.clone(), missing),
        // A credential that is not understood as a bearer token is still one: never anonymous.
        (format!("DPoP {good}"), bound),
        ("dpop".to_owned(), bound),
    ] {
        stand
            .answers(|| authorization(&[line.as_bytes()]), expected)
            .await;
    }
    stand.answers(|| authorization(&[]), missing).await;
}

#[tokio::test]
async fn row_16_an_optional_token_may_be_missing_and_never_bad() {
    let stand = Stand::new().with_layer(portcullis_auth::AuthLayer::optional);
    let good = stand.token().sign(&stand.key);
    for nothing in ["", "Basic dXNlcjpwYXNz", "Bearerx"] {
        let answer = stand.send(authorization(&[nothing.as_bytes()])).await;
        answer.assert_passed();
        assert!(answer.identity.is_none());
    }
    assert!(stand.admits(&good).await.subject().is_some());
    stand
        .refuses(&forge::bad_signature(&good), Reason::Signature)
        .await;
    stand.refuses("", Reason::MalformedCredential).await;
    let dpop = format!("DPoP {good}");
    stand
        .answers(
            || authorization(&[dpop.as_bytes()]),
            Expected::Refused(Reason::Bound),
        )
        .await;
}

#[tokio::test]
async fn row_18_a_token_beyond_8_kib_is_refused_before_it_is_read() {
    let stand = Stand::new();
    let sized = |filling: usize| {
        let token = stand.token().claim("filling", "x".repeat(filling));
        token.sign(&stand.key)
    };
    let overhead = sized(0).len();
    let mut filling = (8_192 - overhead) * 3 / 4;
    while sized(filling).len() <= 8_192 {
        filling += 1;
    }
    let (fits, over) = (sized(filling - 1), sized(filling));
    assert!(fits.len() <= 8_192 && over.len() > 8_192);
    stand.admits(&fits).await;
    stand.refuses(&over, Reason::TooLarge).await;
    // Not read: what is no token at all gets the same answer.
    for junk in ["x".repeat(8_193), "\"".repeat(8_193), ".".repeat(60_000)] {
        stand.refuses(&junk, Reason::TooLarge).await;
    }
}

#[test]
fn row_18_the_limit_is_16_kib_at_most() {
    for bytes in [0, 16_385, usize::MAX] {
        let error = JwtVerifier::builder().max_token_bytes(bytes).build();
        let error = error.expect_err("out of range").to_string();
        assert!(error.contains("max_token_bytes"), "{error}");
    }
}

#[tokio::test]
async fn row_19_a_byte_that_no_b64token_has_is_refused() {
    let stand = Stand::new();
    let good = stand.token().sign(&stand.key);
    let (front, back) = good.split_at(good.len() / 2);
    for byte in (0x20..0x7f_u8).chain(0x80..=0xff).chain([b'\t']) {
        let legal = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
        if legal {
            continue;
        }
        let line = [b"Bearer ", front.as_bytes(), &[byte], back.as_bytes()].concat();
        let answer = stand.send(authorization(&[&line])).await;
        assert_eq!(answer.status, 400, "{byte:#x}");
        assert!(!answer.passed);
    }
    for line in [
        "Bearer a\u{e9}.b.c",
        "Bearer a.b.c\u{1F600}",
        "Bearer =",
        "Bearer =a",
        "Bearer a=b",
    ] {
        let request = || authorization(&[line.as_bytes()]);
        stand.answers(request, Q(Reason::MalformedCredential)).await;
    }
    // What a b64token may have and a JWT has not is the fault of the token.
    for token in ["a~b.c.d", "a+b.c.d", "a/b.c.d", "abc", "abc==", "~"] {
        stand.refuses(token, Reason::Malformed).await;
    }
}
