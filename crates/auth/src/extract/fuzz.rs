//! The entry point for fuzzing whatever a credential is read from.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri};
use http_body_util::Empty;
use portcullis_core::Head;
use tower::ServiceExt as _;
use tower_layer::Layer as _;

use super::{Bearer, CookieToken, Extracted, QueryToken, TokenExtractor};
use crate::jwt::fuzz::verifiers;
use crate::{AuthLayer, Reason};

const COOKIE_NAME: &str = "__Host-token";
const PARAMETER: &str = "access_token";

/// Sends a request that is made of any bytes through the layer; panics if a promise is broken.
///
/// Each line is a header. One without a colon is an `Authorization`, `:method` and `:query` are those
/// of the request, and what no request can hold is left out.
pub fn fuzz_authorization(data: &[u8]) {
    let request = request(data);
    let bearer = Bearer::new();
    let cookie = CookieToken::new(COOKIE_NAME);
    let query = QueryToken::new(PARAMETER);
    check_bearer(&bearer, &request);
    check_removal(&bearer, &request);
    check_removal(&cookie, &request);
    check_target(&query, &request);
    check_charset(&(bearer.clone(), (cookie.clone(), query.clone())), &request);
    let [any, ..] = verifiers();
    let layer = AuthLayer::new(any.clone());
    answer(&layer, &request);
    answer(
        &layer.clone().with_extractor((bearer.clone(), query)),
        &request,
    );
    answer(
        &layer
            .optional()
            .with_preflight()
            .with_token_dropped()
            .with_extractor((bearer, cookie)),
        &request,
    );
}

/// The status that [`fuzz_authorization`]'s request gets where a token is required in the header, and
/// where it may be in a cookie or in the query, too.
pub fn statuses(data: &[u8]) -> [u16; 2] {
    let request = request(data);
    let [any, ..] = verifiers();
    let layer = AuthLayer::new(any.clone());
    let elsewhere = (CookieToken::new(COOKIE_NAME), QueryToken::new(PARAMETER));
    let anywhere = layer.clone().with_extractor((Bearer::new(), elsewhere));
    [answer(&layer, &request), answer(&anywhere, &request)]
}

fn request(data: &[u8]) -> Request<()> {
    let mut request = Request::new(());
    for line in data.split(|byte| *byte == b'\n') {
        let (name, value) = match line.iter().skip(1).position(|byte| *byte == b':') {
            Some(end) => (&line[..=end], line[end + 2..].trim_ascii()),
            None => (&b"authorization"[..], line),
        };
        match name {
            b":method" => {
                if let Ok(method) = Method::from_bytes(value) {
                    *request.method_mut() = method;
                }
            }
            b":query" => {
                let target = [b"https://api.example.com/?", value].concat();
                if let Ok(uri) = Uri::try_from(target) {
                    *request.uri_mut() = uri;
                }
            }
            name => {
                let header = HeaderName::from_bytes(name);
                if let (Ok(name), Ok(value)) = (header, HeaderValue::from_bytes(value)) {
                    request.headers_mut().append(name, value);
                }
            }
        }
    }
    request
}

/// RFC 6750 section 2.1, once more and as plainly as can be.
fn check_bearer(bearer: &Bearer, request: &Request<()>) {
    let lines: Vec<&[u8]> = request
        .headers()
        .get_all(AUTHORIZATION)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    let found = bearer.extract(Head::of(request));
    let [line] = lines[..] else {
        let many = matches!(found, Extracted::Refused(Reason::ManyCredentials));
        assert_eq!(many, !lines.is_empty());
        return;
    };
    let (scheme, rest) = match line.iter().position(|byte| matches!(byte, b' ' | b'\t')) {
        Some(end) => line.split_at(end),
        None => (line, &[][..]),
    };
    let scheme = scheme.to_ascii_lowercase();
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    let token = &rest[spaces..];
    match found {
        Extracted::Nothing => assert!(scheme != b"bearer" && scheme != b"dpop"),
        Extracted::Refused(Reason::Bound) => assert_eq!(scheme, b"dpop"),
        Extracted::Refused(reason) => {
            assert_eq!(
                (&scheme[..], reason),
                (&b"bearer"[..], Reason::MalformedCredential)
            );
            assert!(token.is_empty());
        }
        Extracted::Token(found) => {
            assert_eq!(scheme, b"bearer");
            assert_eq!(found.as_bytes(), token);
            // A tab after the scheme is no separator, and so in the token, which may have none.
            assert!(spaces > 0 || found.text().is_err());
        }
    }
}

/// What was taken out is not there any more, and nothing else is gone.
fn check_removal(extractor: &impl TokenExtractor, request: &Request<()>) {
    let mut headers = request.headers().clone();
    extractor.hide(&mut headers);
    assert_eq!(&headers, request.headers());
    extractor.remove(&mut headers);
    let others = |headers: &HeaderMap| {
        let mut others = headers.clone();
        others.remove(AUTHORIZATION);
        others.remove(COOKIE);
        others
    };
    assert_eq!(others(&headers), others(request.headers()));
    let mut bare = Request::new(());
    *bare.headers_mut() = headers;
    let left = extractor.extract(Head::of(&bare));
    assert!(matches!(left, Extracted::Nothing), "{left:?} is left");
}

/// What was taken out of the target is not there any more, and the rest of it is.
fn check_target(query: &QueryToken, request: &Request<()>) {
    let was_there = matches!(query.extract(Head::of(request)), Extracted::Token(_));
    assert_eq!(query.is_in_target(Head::of(request)), was_there);
    let mut bare = request.clone();
    query.remove_from_target(bare.uri_mut());
    assert!(matches!(query.extract(Head::of(&bare)), Extracted::Nothing));
    let (target, whole) = (bare.uri(), request.uri());
    assert_eq!(
        (target.authority(), target.path()),
        (whole.authority(), whole.path())
    );
    let length = |uri: &Uri| uri.query().map_or(0, str::len);
    assert!(length(target) <= length(whole));
}

/// Only a `b64token` is ever text.
fn check_charset(extractor: &impl TokenExtractor, request: &Request<()>) {
    if let Extracted::Token(token) = extractor.extract(Head::of(request))
        && let Ok(text) = token.text()
    {
        let body = text.trim_end_matches('=');
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
        assert!(!body.is_empty() && body.bytes().all(legal));
    }
}

/// The answer is one of the table: the inner service's own 200, 400 or 401. Nothing here can be
/// unavailable, and nothing is ever our own fault.
fn answer<V: crate::Verifier>(layer: &AuthLayer<V>, request: &Request<()>) -> u16 {
    let inner = tower::service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    let Some(Ok(response)) = layer.layer(inner).oneshot(request.clone()).now_or_never() else {
        panic!("a verdict that needs no I/O had to be waited for");
    };
    let status = response.status().as_u16();
    assert!(matches!(status, 200 | 400 | 401), "{status}");
    let challenged = response.headers().contains_key("www-authenticate");
    let grpc = response
        .headers()
        .get("grpc-status")
        .map(HeaderValue::as_bytes);
    assert!(matches!(grpc, None | Some(b"3" | b"16")));
    assert_eq!(challenged, status != 200 || grpc.is_some());
    status
}
