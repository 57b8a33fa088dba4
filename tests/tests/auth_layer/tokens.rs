//! What becomes of the token when the request is passed on.

use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, Method, Request};
use portcullis_auth::{AuthLayer, Bearer, CookieToken, QueryToken, Verdict};
use portcullis_testing::{StubVerifier, identity};

use crate::kit::{judging, request, send, with_method};

fn good() -> AuthLayer<StubVerifier> {
    judging(&Verdict::Valid(identity("alice").build()))
}

async fn passed_on(layer: &AuthLayer<StubVerifier>, request: Request<()>) -> HeaderMap {
    let answer = send(layer, request).await;
    assert_eq!(answer.status, 204, "{}", answer.body);
    answer.reached.unwrap().headers().clone()
}

fn with_cookie(lines: &[&str]) -> Request<()> {
    let mut request = request(None);
    for line in lines {
        request.headers_mut().append(COOKIE, line.parse().unwrap());
    }
    request
}

#[tokio::test]
async fn the_header_is_marked_as_sensitive_or_dropped() {
    for token in ["fast", "slow"] {
        let headers = passed_on(&good(), request(Some(token))).await;
        assert_eq!(headers[AUTHORIZATION], format!("Bearer {token}"));
        assert!(headers[AUTHORIZATION].is_sensitive(), "{token}");
        assert!(!format!("{headers:?}").contains(token));

        let headers = passed_on(&good().with_token_dropped(), request(Some(token))).await;
        assert!(!headers.contains_key(AUTHORIZATION), "{token}");
    }
}

#[tokio::test]
async fn other_schemes_are_hidden_too_where_the_token_is_optional() {
    let mut basic = request(None);
    let value = "Basic YTpi".parse().unwrap();
    basic.headers_mut().insert(AUTHORIZATION, value);
    let headers = passed_on(&good().optional(), basic).await;
    assert!(headers[AUTHORIZATION].is_sensitive());
}

#[tokio::test]
async fn of_the_cookies_only_the_token_is_dropped() {
    let layer = good().with_extractor(CookieToken::new("__Host-token"));
    let lines = ["a=1; __Host-token=fast; b=2", "c=3"];
    let headers = passed_on(&layer, with_cookie(&lines)).await;
    assert!(
        headers
            .get_all(COOKIE)
            .iter()
            .all(http::HeaderValue::is_sensitive)
    );
    let headers = passed_on(&layer.with_token_dropped(), with_cookie(&lines)).await;
    let left: Vec<_> = headers.get_all(COOKIE).iter().collect();
    assert_eq!(left, ["a=1; b=2", "c=3"]);
}

#[tokio::test]
async fn a_cookie_with_an_unsafe_method_needs_the_same_origin() {
    let layer = good().with_extractor(CookieToken::new("token"));
    let post = |site: Option<&str>| {
        let mut request = with_method(with_cookie(&["token=fast"]), Method::POST);
        if let Some(site) = site {
            let value = site.parse().unwrap();
            request.headers_mut().insert("sec-fetch-site", value);
        }
        request
    };
    for (site, status) in [
        (Some("same-origin"), 204),
        (Some("cross-site"), 400),
        (Some("same-site"), 400),
        (None, 400),
    ] {
        let answer = send(&layer, post(site)).await;
        assert_eq!(answer.status, status, "{site:?}");
        assert_eq!(answer.body.contains("cross_site"), status == 400);
    }
}

#[tokio::test]
async fn a_token_in_two_places_is_refused() {
    let layer = good().with_extractor((Bearer::new(), CookieToken::new("token")));
    let headers = passed_on(&layer, request(Some("fast"))).await;
    assert!(headers[AUTHORIZATION].is_sensitive());
    passed_on(&layer, with_cookie(&["token=slow"])).await;
    let mut both = request(Some("fast"));
    both.headers_mut()
        .insert(COOKIE, "token=fast".parse().unwrap());
    let answer = send(&layer, both).await;
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("many_credentials"), "{}", answer.body);
}

#[tokio::test]
async fn a_token_in_the_query_is_read_only_where_asked_for() {
    let in_query = || {
        let mut request = request(None);
        *request.uri_mut() = "/?access_token=fast".parse().unwrap();
        request
    };
    assert_eq!(send(&good(), in_query()).await.status, 401);
    let layer = good().with_extractor(QueryToken::new("access_token"));
    assert_eq!(send(&layer, in_query()).await.status, 204);
    let post = with_method(in_query(), Method::POST);
    assert_eq!(send(&layer, post).await.status, 401);
}
