use http::Request;

use super::*;

fn show(extractor: &impl TokenExtractor, request: &Request<()>) -> Result<Option<String>, Reason> {
    match extractor.extract(Head::of(request)) {
        Extracted::Nothing => Ok(None),
        Extracted::Token(token) => token.text().map(|text| Some(text.to_owned())),
        Extracted::Refused(reason) => Err(reason),
    }
}

fn request(headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder();
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

fn token(text: &str) -> Result<Option<String>, Reason> {
    Ok(Some(text.to_owned()))
}

#[test]
fn bearer_reads_one_token_and_refuses_every_other_shape() {
    for (value, expected) in [
        ("Bearer abc.def-_~+/==", token("abc.def-_~+/==")),
        ("bearer abc", token("abc")),
        ("BEARER   abc", token("abc")),
        ("Bearer", Err(Reason::MalformedCredential)),
        ("Bearer ", Err(Reason::MalformedCredential)),
        ("Bearer\tabc", Err(Reason::MalformedCredential)),
        ("Bearer a b", Err(Reason::MalformedCredential)),
        ("Bearer a,b", Err(Reason::MalformedCredential)),
        ("Bearer a=b", Err(Reason::MalformedCredential)),
        ("Bearer =", Err(Reason::MalformedCredential)),
        ("Bearer \"abc\"", Err(Reason::MalformedCredential)),
        ("DPoP abc", Err(Reason::Bound)),
        ("dpop", Err(Reason::Bound)),
        ("Basic dXNlcjpwYXNz", Ok(None)),
        ("Bearerabc", Ok(None)),
        ("", Ok(None)),
    ] {
        let request = request(&[("authorization", value)]);
        assert_eq!(show(&Bearer::new(), &request), expected, "{value:?}");
    }
    assert_eq!(show(&Bearer::new(), &request(&[])), Ok(None));
}

#[test]
fn two_authorization_headers_are_refused_whatever_they_hold() {
    for second in ["Bearer b", "Basic b", ""] {
        let request = request(&[("authorization", "Bearer a"), ("authorization", second)]);
        assert_eq!(
            show(&Bearer::new(), &request),
            Err(Reason::ManyCredentials),
            "{second:?}"
        );
    }
}

#[test]
fn a_header_of_another_name_is_read_with_or_without_scheme() {
    let bare = Bearer::bare_in_header(http::HeaderName::from_static("x-access-token"));
    assert_eq!(
        show(&bare, &request(&[("x-access-token", "abc")])),
        token("abc")
    );
    assert_eq!(
        show(&bare, &request(&[("authorization", "Bearer abc")])),
        Ok(None)
    );
    let scheme = Bearer::in_header(http::header::PROXY_AUTHORIZATION);
    assert_eq!(
        show(&scheme, &request(&[("proxy-authorization", "Bearer abc")])),
        token("abc")
    );
}

#[test]
fn a_cookie_is_found_among_others_and_twice_is_refused() {
    let cookie = CookieToken::new("session");
    for (value, expected) in [
        ("session=abc", token("abc")),
        ("a=b; session=abc; c=d", token("abc")),
        ("a=b;session=\"abc\"", token("abc")),
        ("sessions=abc; xsession=abc", Ok(None)),
        ("session", Ok(None)),
        ("session=a; session=b", Err(Reason::ManyCredentials)),
        ("session=", Err(Reason::MalformedCredential)),
    ] {
        assert_eq!(
            show(&cookie, &request(&[("cookie", value)])),
            expected,
            "{value:?}"
        );
    }
}

#[test]
fn an_unsafe_method_with_a_cookie_must_come_from_the_same_origin() {
    let cookie = CookieToken::new("s");
    let host = ("host", "app.example.com");
    let refused = Err(Reason::CrossSite);
    for (headers, expected) in [
        (vec![host, ("sec-fetch-site", "same-origin")], token("abc")),
        (vec![host, ("sec-fetch-site", "none")], token("abc")),
        (vec![host, ("sec-fetch-site", "same-site")], refused.clone()),
        (
            vec![
                host,
                ("sec-fetch-site", "cross-site"),
                ("origin", "https://app.example.com"),
            ],
            refused.clone(),
        ),
        (
            vec![
                host,
                ("sec-fetch-site", "same-origin"),
                ("sec-fetch-site", "none"),
            ],
            refused.clone(),
        ),
        (
            vec![host, ("origin", "https://app.example.com")],
            token("abc"),
        ),
        (
            vec![host, ("origin", "https://app.example.com.evil.com")],
            refused.clone(),
        ),
        (vec![host, ("origin", "https://evil.com")], refused.clone()),
        (vec![host, ("origin", "null")], refused.clone()),
        (
            vec![host, ("origin", "https://app.example.com:443")],
            token("abc"),
        ),
        (
            vec![host, ("origin", "https://app.example.com:80")],
            refused.clone(),
        ),
        (
            vec![
                ("host", "app.example.com:443"),
                ("origin", "https://APP.example.com"),
            ],
            token("abc"),
        ),
        (
            vec![host, ("origin", "ftp://app.example.com")],
            refused.clone(),
        ),
        (vec![host], refused.clone()),
        (vec![("origin", "https://app.example.com")], refused),
    ] {
        let mut all = headers.clone();
        all.push(("cookie", "s=abc"));
        let mut request = request(&all);
        *request.method_mut() = http::Method::POST;
        assert_eq!(show(&cookie, &request), expected, "{headers:?}");
    }
}

#[test]
fn a_websocket_with_a_cookie_must_come_from_the_same_origin_although_it_is_a_get() {
    let cookie = CookieToken::new("s");
    let base = [
        ("host", "a.com"),
        ("cookie", "s=abc"),
        ("upgrade", "websocket"),
    ];
    let with = |origin: &'static str| request(&[&base[..], &[("origin", origin)]].concat());
    assert_eq!(show(&cookie, &with("https://a.com")), token("abc"));
    assert_eq!(
        show(&cookie, &with("https://evil.com")),
        Err(Reason::CrossSite)
    );
    assert_eq!(show(&cookie, &request(&base)), Err(Reason::CrossSite));
}

#[test]
fn a_token_in_two_places_is_refused() {
    let both = (Bearer::new(), CookieToken::new("s"));
    let header = ("authorization", "Bearer abc");
    assert_eq!(show(&both, &request(&[header])), token("abc"));
    assert_eq!(show(&both, &request(&[("cookie", "s=abc")])), token("abc"));
    assert_eq!(
        show(&both, &request(&[header, ("cookie", "s=abc")])),
        Err(Reason::ManyCredentials)
    );
    assert_eq!(show(&both, &request(&[])), Ok(None));
}

#[test]
fn the_query_is_read_for_get_only() {
    let query = QueryToken::new("access_token");
    let at = |method: &str, uri: &str| Request::builder().method(method).uri(uri).body(()).unwrap();
    assert_eq!(
        show(&query, &at("GET", "/x?a=b&access_token=abc")),
        token("abc")
    );
    assert_eq!(show(&query, &at("POST", "/x?access_token=abc")), Ok(None));
    assert_eq!(show(&query, &at("GET", "/x?my_access_token=abc")), Ok(None));
    assert_eq!(
        show(&query, &at("GET", "/x?access_token=a&access_token=b")),
        Err(Reason::ManyCredentials)
    );
    assert_eq!(
        show(&Bearer::new(), &at("GET", "/x?access_token=abc")),
        Ok(None)
    );
}

#[test]
fn a_cookie_is_taken_out_and_the_others_stay() {
    let mut request = request(&[
        ("cookie", "a=b; s=abc; c=d"),
        ("cookie", "s=abc"),
        ("x", "y"),
    ]);
    CookieToken::new("s").remove(request.headers_mut());
    let left: Vec<_> = request.headers().get_all("cookie").iter().collect();
    assert_eq!(left, ["a=b; c=d"]);
    assert!(left[0].is_sensitive());
    assert_eq!(request.headers()["x"], "y");
}

#[test]
fn a_hidden_token_does_not_show_in_a_debug_print() {
    let mut request = request(&[("authorization", "Bearer abc"), ("cookie", "s=def")]);
    (Bearer::new(), CookieToken::new("s")).hide(request.headers_mut());
    let shown = format!("{:?}", request.headers());
    assert!(!shown.contains("abc") && !shown.contains("def"), "{shown}");
}
