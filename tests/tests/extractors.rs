//! Where a token may be: other places than the `Authorization` header, through the layer.
#![allow(clippy::unwrap_used, reason = "in a test it is an assertion")]

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use portcullis_auth::{
    AuthLayer, Bearer, CookieToken, Extracted, Presented, QueryToken, Reason, TokenExtractor,
};
use portcullis_core::Head;
use portcullis_testing::{StubVerifier, identity};
use portcullis_tests::api::{Answer, ask};

const COOKIE: &str = "__Host-session";

fn layer() -> AuthLayer<StubVerifier> {
    let known = StubVerifier::new()
        .valid("alices", identity("alice").build())
        .valid("bobs", identity("bob").build());
    AuthLayer::new(known)
}

fn request(headers: &[(&'static str, &str)]) -> Request<()> {
    let mut request = Request::new(());
    *request.uri_mut() = "https://api.example.com/orders".parse().unwrap();
    for (name, value) in headers {
        let value = HeaderValue::try_from(*value).unwrap();
        request.headers_mut().append(*name, value);
    }
    request
}

fn at(target: &str) -> Request<()> {
    let mut request = Request::new(());
    *request.uri_mut() = target.parse().unwrap();
    request
}

fn with_method(mut request: Request<()>, method: Method) -> Request<()> {
    *request.method_mut() = method;
    request
}

fn assert_is(answer: &Answer, subject: &str) {
    assert_eq!(answer.caller().subject(), Some(subject));
}

/// The answer to nobody: no error code, for there was no token to be wrong.
fn assert_no_token(answer: &Answer) {
    assert_eq!(
        answer.reason.as_deref(),
        Some("missing_token"),
        "{answer:?}"
    );
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let challenge = answer.headers["www-authenticate"].to_str().unwrap();
    assert!(!challenge.contains("error="), "{challenge}");
}

fn assert_bad_request(answer: &Answer, reason: Reason) {
    assert_eq!(
        answer.reason.as_deref(),
        Some(reason.as_str()),
        "{answer:?}"
    );
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

// === of one's own ===

/// A function can look anywhere in the head.
fn from_websocket(head: Head<'_>) -> Extracted<'_> {
    let offered = head.headers.get("sec-websocket-protocol");
    let Some(offered) = offered.and_then(|value| value.to_str().ok()) else {
        return Extracted::Nothing;
    };
    let mut tokens = offered
        .split(',')
        .filter_map(|one| one.trim().strip_prefix("bearer."));
    match (tokens.next(), tokens.next()) {
        (None, _) => Extracted::Nothing,
        (Some(token), None) => Extracted::Token(Presented::new(token.as_bytes())),
        (Some(_), Some(_)) => Extracted::Refused(Reason::ManyCredentials),
    }
}

#[tokio::test]
async fn a_function_is_an_extractor() {
    let layer = layer().with_extractor(from_websocket);
    let offering = |offered| request(&[("sec-websocket-protocol", offered)]);
    assert_is(&ask(&layer, offering("chat, bearer.alices")).await, "alice");
    assert_no_token(&ask(&layer, offering("chat")).await);
    assert_no_token(&ask(&layer, request(&[("authorization", "Bearer alices")])).await);
    let answer = ask(&layer, offering("bearer.alices, bearer.bobs")).await;
    assert_bad_request(&answer, Reason::ManyCredentials);
    let answer = ask(&layer, offering("bearer.nobodys")).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let challenge = answer.headers["www-authenticate"].to_str().unwrap();
    assert!(challenge.contains("invalid_token"), "{challenge}");
}

/// Tells the compiler that a closure gives back what it borrows from the head.
fn reading<F: for<'r> Fn(Head<'r>) -> Extracted<'r>>(closure: F) -> F {
    closure
}

#[tokio::test]
async fn a_closure_is_an_extractor_and_may_hold_its_configuration() {
    let wanted = HeaderName::from_static("x-session");
    let layer = layer().with_extractor(reading(move |head| match head.headers.get(&wanted) {
        Some(value) => Extracted::Token(Presented::new(value.as_bytes())),
        None => Extracted::Nothing,
    }));
    assert_is(&ask(&layer, request(&[("x-session", "bobs")])).await, "bob");
    assert_no_token(&ask(&layer, request(&[])).await);
}

/// A header with a prefix of its own.
struct Prefixed {
    header: HeaderName,
    prefix: &'static str,
}

impl TokenExtractor for Prefixed {
    fn extract<'r>(&self, head: Head<'r>) -> Extracted<'r> {
        let Some(value) = head.headers.get(&self.header) else {
            return Extracted::Nothing;
        };
        match value.as_bytes().strip_prefix(self.prefix.as_bytes()) {
            Some(token) => Extracted::Token(Presented::new(token)),
            None => Extracted::Refused(Reason::MalformedCredential),
        }
    }

    fn hide(&self, headers: &mut HeaderMap) {
        if let Some(value) = headers.get_mut(&self.header) {
            value.set_sensitive(true);
        }
    }

    fn remove(&self, headers: &mut HeaderMap) {
        headers.remove(&self.header);
    }
}

fn prefixed() -> Prefixed {
    Prefixed {
        header: HeaderName::from_static("x-ticket"),
        prefix: "ticket=",
    }
}

#[tokio::test]
async fn a_type_of_ones_own_says_how_its_token_is_hidden_and_removed() {
    let asked = || request(&[("x-ticket", "ticket=alices"), ("x-other", "kept")]);

    let answer = ask(&layer().with_extractor(prefixed()), asked()).await;
    assert_is(&answer, "alice");
    let headers = answer.reached.as_ref().unwrap().headers();
    assert!(headers["x-ticket"].is_sensitive());
    assert!(!headers["x-other"].is_sensitive());

    let dropping = layer().with_extractor(prefixed()).with_token_dropped();
    let answer = ask(&dropping, asked()).await;
    assert_is(&answer, "alice");
    let headers = answer.reached.as_ref().unwrap().headers();
    assert!(!headers.contains_key("x-ticket"));
    assert_eq!(headers["x-other"], "kept");
}

#[tokio::test]
async fn what_an_extractor_refuses_is_refused_where_tokens_are_optional_too() {
    let layer = layer().with_extractor(prefixed()).optional();
    let answer = ask(&layer, request(&[("x-ticket", "alices")])).await;
    assert_bad_request(&answer, Reason::MalformedCredential);
    let answer = ask(&layer, request(&[])).await;
    assert!(answer.reached.is_some());
}

// === a header of another name ===

#[tokio::test]
async fn a_bare_header_holds_the_token_and_no_scheme() {
    let name = HeaderName::from_static("x-access-token");
    let layer = layer().with_extractor(Bearer::bare_in_header(name));
    let answer = ask(&layer, request(&[("x-access-token", "alices")])).await;
    assert_is(&answer, "alice");
    let headers = answer.reached.as_ref().unwrap().headers();
    assert!(headers["x-access-token"].is_sensitive());

    assert_no_token(&ask(&layer, request(&[("authorization", "Bearer alices")])).await);
    let answer = ask(&layer, request(&[("x-access-token", "Bearer alices")])).await;
    assert!(answer.reached.is_none(), "a scheme is part of no token");
    let twice = request(&[("x-access-token", "alices"), ("x-access-token", "alices")]);
    assert_bad_request(&ask(&layer, twice).await, Reason::ManyCredentials);
}

#[tokio::test]
async fn a_bare_header_is_taken_out_where_tokens_are_dropped() {
    let name = HeaderName::from_static("x-access-token");
    let layer = layer()
        .with_extractor(Bearer::bare_in_header(name))
        .with_token_dropped();
    let answer = ask(&layer, request(&[("x-access-token", "alices")])).await;
    assert_is(&answer, "alice");
    assert!(answer.reached.unwrap().headers().is_empty());
}

// === a cookie beside the header ===

fn pair() -> AuthLayer<StubVerifier> {
    layer().with_extractor((Bearer::new(), CookieToken::new(COOKIE)))
}

fn cookie(value: &str) -> String {
    format!("theme=dark; {COOKIE}={value}; lang=en")
}

#[tokio::test]
async fn a_pair_reads_either_place() {
    let layer = pair();
    let by_header = request(&[("authorization", "Bearer alices")]);
    assert_is(&ask(&layer, by_header).await, "alice");
    let by_cookie = request(&[("cookie", &cookie("bobs"))]);
    assert_is(&ask(&layer, by_cookie).await, "bob");
    let other_cookies = request(&[("cookie", "theme=dark; session=bobs")]);
    assert_no_token(&ask(&layer, other_cookies).await);
}

#[tokio::test]
async fn a_pair_refuses_a_token_in_each_place_even_if_they_are_the_same() {
    let layer = pair();
    for value in ["alices", "bobs", "nobodys"] {
        let both = request(&[
            ("authorization", "Bearer alices"),
            ("cookie", &cookie(value)),
        ]);
        assert_bad_request(&ask(&layer, both).await, Reason::ManyCredentials);
    }
    let twice = request(&[("cookie", &cookie("bobs")), ("cookie", &cookie("bobs"))]);
    assert_bad_request(&ask(&layer, twice).await, Reason::ManyCredentials);
}

#[tokio::test]
async fn a_cookie_needs_proof_of_the_same_origin_for_unsafe_methods_and_a_header_does_not() {
    let layer = pair();
    let post = |headers: &[(&'static str, &str)]| with_method(request(headers), Method::POST);
    let session = cookie("bobs");
    let cross = [
        vec![("cookie", session.as_str())],
        vec![("cookie", &session), ("sec-fetch-site", "cross-site")],
        vec![("cookie", &session), ("origin", "https://evil.example.org")],
        vec![("cookie", &session), ("origin", "null")],
    ];
    for headers in cross {
        let answer = ask(&layer, post(&headers)).await;
        assert_bad_request(&answer, Reason::CrossSite);
    }
    let same = [
        vec![
            ("cookie", session.as_str()),
            ("sec-fetch-site", "same-origin"),
        ],
        vec![("cookie", &session), ("origin", "https://api.example.com")],
    ];
    for headers in same {
        assert_is(&ask(&layer, post(&headers)).await, "bob");
    }
    let by_header = post(&[("authorization", "Bearer alices")]);
    assert_is(&ask(&layer, by_header).await, "alice");
}

#[tokio::test]
async fn a_cookie_opens_a_websocket_for_its_own_origin_only() {
    let layer = pair();
    let session = cookie("bobs");
    let opening = |origin: &'static str| {
        request(&[
            ("cookie", session.as_str()),
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("origin", origin),
        ])
    };
    let answer = ask(&layer, opening("https://evil.example.org")).await;
    assert_bad_request(&answer, Reason::CrossSite);
    assert_is(
        &ask(&layer, opening("https://api.example.com")).await,
        "bob",
    );
}

#[tokio::test]
async fn dropping_the_token_of_a_pair_leaves_the_other_cookies() {
    let layer = pair().with_token_dropped();
    let asked = request(&[("cookie", &cookie("bobs"))]);
    let answer = ask(&layer, asked).await;
    assert_is(&answer, "bob");
    let headers = answer.reached.as_ref().unwrap().headers();
    assert_eq!(headers["cookie"], "theme=dark; lang=en");
}

// === the query, only when asked ===

const IN_QUERY: &str = "https://api.example.com/orders?page=2&access_token=alices";

#[tokio::test]
async fn the_query_is_not_looked_at_unless_asked_for() {
    let name = HeaderName::from_static("x-access-token");
    for layer in [
        layer(),
        pair(),
        layer().with_extractor(Bearer::bare_in_header(name)),
    ] {
        assert_no_token(&ask(&layer, at(IN_QUERY)).await);
        let answer = ask(&layer.optional(), at(IN_QUERY)).await;
        assert!(portcullis_core::Identity::of(answer.reached.unwrap().extensions()).is_none());
    }
}

#[tokio::test]
async fn the_query_is_read_when_asked_for_and_for_get_only() {
    let layer = layer().with_extractor(QueryToken::new("access_token"));
    let answer = ask(&layer, at(IN_QUERY)).await;
    assert_is(&answer, "alice");
    assert_eq!(answer.headers["cache-control"], "private");
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::HEAD] {
        let answer = ask(&layer, with_method(at(IN_QUERY), method)).await;
        assert_no_token(&answer);
    }
    let by_header = request(&[("authorization", "Bearer alices")]);
    assert_no_token(&ask(&layer, by_header).await);
}

#[tokio::test]
async fn a_token_in_the_query_is_taken_out_of_the_target_where_tokens_are_dropped() {
    let layer = layer()
        .with_extractor((Bearer::new(), QueryToken::new("access_token")))
        .with_token_dropped();
    let answer = ask(&layer, at(IN_QUERY)).await;
    assert_is(&answer, "alice");
    let target = answer.reached.as_ref().unwrap().uri();
    assert_eq!(target.path_and_query().unwrap(), "/orders?page=2");
}
