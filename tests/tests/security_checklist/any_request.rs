//! Whatever is sent: an answer of the table, never a panic, never our own fault.

use http::{HeaderName, HeaderValue, Method, Request};
use portcullis_auth::{Bearer, CookieToken, QueryToken};
use portcullis_testing::{Mode, SigningKey};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::Value;

use crate::published::Published;
use crate::stand::Answer;

/// A request in the making.
#[derive(Clone, Debug)]
struct Sketch {
    method: Method,
    headers: Vec<(HeaderName, HeaderValue)>,
    query: Vec<u8>,
    token: Token,
    places: Vec<Place>,
    issuer_is_down: bool,
}

#[derive(Clone, Debug)]
struct Token {
    header: Vec<(&'static str, Value)>,
    claims: Vec<(&'static str, Value)>,
    /// An id that no key has.
    unknown_kid: Option<u16>,
    signed_by_the_issuer: bool,
    spoilt: Option<(usize, u8)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Authorization,
    Cookie,
    Query,
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[ -~]{0,24}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(any::<String>(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn members(
    names: &'static [&'static str],
    most: usize,
) -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    prop::collection::vec((prop::sample::select(names), json()), 0..most)
}

fn token() -> impl Strategy<Value = Token> {
    (
        members(&["alg", "kid", "typ", "cty", "crit", "jku", "x"], 2),
        members(
            &[
                "iss", "aud", "exp", "nbf", "iat", "sub", "cnf", "scope", "jti", "x",
            ],
            3,
        ),
        prop::option::weighted(0.3, any::<u16>()),
        prop::bool::weighted(0.8),
        prop::option::weighted(0.2, (any::<usize>(), any::<u8>())),
    )
        .prop_map(
            |(header, claims, unknown_kid, signed_by_the_issuer, spoilt)| Token {
                header,
                claims,
                unknown_kid,
                signed_by_the_issuer,
                spoilt,
            },
        )
}

fn header() -> impl Strategy<Value = (HeaderName, HeaderValue)> {
    let name = prop::sample::select(vec![
        "authorization",
        "cookie",
        "content-type",
        "origin",
        "host",
        "sec-fetch-site",
        "access-control-request-method",
        "x-anything",
    ]);
    let meaningful = prop::sample::select(vec![
        "Bearer x",
        "Bearer",
        "DPoP x",
        "Basic x",
        "token=x",
        "application/grpc",
        "POST",
        "application/grpc-web-text",
        "https://app.example.com",
        "same-origin",
        "cross-site",
    ]);
    let value = prop_oneof![
        meaningful.prop_map(HeaderValue::from_static),
        prop::collection::vec(any::<u8>(), 0..40).prop_filter_map("not a header value", |bytes| {
            HeaderValue::from_bytes(&bytes).ok()
        }),
    ];
    (name.prop_map(HeaderName::from_static), value)
}

fn sketch() -> impl Strategy<Value = Sketch> {
    let method = prop::sample::select(vec![
        Method::GET,
        Method::POST,
        Method::OPTIONS,
        Method::HEAD,
        Method::from_bytes(b"BREW").expect("a method"),
    ]);
    let place = prop::sample::select(vec![Place::Authorization, Place::Cookie, Place::Query]);
    (
        method,
        prop_oneof![Just(Vec::new()), prop::collection::vec(header(), 0..3)],
        prop::collection::vec(any::<u8>(), 0..24),
        token(),
        prop_oneof![
            4 => place.clone().prop_map(|place| vec![place]),
            1 => prop::collection::vec(place, 0..3),
        ],
        prop::bool::weighted(0.2),
    )
        .prop_map(
            |(method, headers, query, token, places, issuer_is_down)| Sketch {
                method,
                headers,
                query,
                token,
                places,
                issuer_is_down,
            },
        )
}

/// The token, and whether it is the issuer's own work to the last byte.
fn sign(published: &Published, sketch: &Token) -> (String, bool) {
    let mut token = published.token();
    for (name, value) in &sketch.header {
        token = token.header(name, value);
    }
    for (name, value) in &sketch.claims {
        token = token.claim(name, value);
    }
    if let Some(number) = sketch.unknown_kid {
        token = token.header("kid", format!("unknown {number}"));
    }
    let token = if sketch.signed_by_the_issuer {
        token.issue()
    } else {
        let kid = published.issuer.key().kid().expect("a kid").to_owned();
        token.sign(&SigningKey::es256().with_kid(kid))
    };
    let mut bytes = token.clone().into_bytes();
    if let Some((at, byte)) = sketch.spoilt {
        let at = at % bytes.len();
        bytes[at] = b"AZ09-_.~=+/"[usize::from(byte) % 11];
    }
    let spoilt = String::from_utf8(bytes).expect("ASCII");
    let genuine = sketch.signed_by_the_issuer && spoilt == token;
    (spoilt, genuine)
}

fn request(sketch: &Sketch, token: &str) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = sketch.method.clone();
    let mut target = b"https://api.example.com/?".to_vec();
    target.extend_from_slice(&sketch.query);
    for place in &sketch.places {
        let value = |text: String| HeaderValue::try_from(text).expect("ASCII");
        match place {
            Place::Authorization => {
                let headers = request.headers_mut();
                headers.append("authorization", value(format!("Bearer {token}")));
            }
            Place::Cookie => {
                let headers = request.headers_mut();
                headers.append("cookie", value(format!("token={token}")));
            }
            Place::Query => target.extend_from_slice(format!("&access_token={token}").as_bytes()),
        }
    }
    if let Ok(target) = target.try_into() {
        *request.uri_mut() = target;
    }
    for (name, value) in &sketch.headers {
        request.headers_mut().append(name, value.clone());
    }
    request
}

/// One of: passed on, 400, 401, 503, or one of these as gRPC.
fn assert_in_table(answer: &Answer) {
    let challenged = answer.headers.contains_key("www-authenticate");
    let waits = answer.headers.contains_key("retry-after");
    let pushed_back = answer.headers.contains_key("grpc-retry-pushback-ms");
    let grpc = answer.all("grpc-status");
    match (answer.status.as_u16(), &grpc[..]) {
        (200, []) => assert!(answer.passed && !challenged),
        (200, ["3" | "16"]) => assert!(challenged && !pushed_back),
        (200, ["14"]) => assert!(!challenged && pushed_back),
        (400 | 401, []) => assert!(challenged && !waits),
        (503, []) => assert!(!challenged && waits),
        other => panic!("{other:?} is not in the table: {answer:?}"),
    }
    assert_eq!(answer.passed, answer.status == 200 && grpc.is_empty());
}

#[test]
fn any_request_gets_an_answer_of_the_table() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let published = runtime.block_on(async {
        let mut published = Published::new();
        published.stand = published.stand.with_layer(|layer| {
            let elsewhere = (CookieToken::new("token"), QueryToken::new("access_token"));
            layer.with_extractor((Bearer::new(), elsewhere))
        });
        published
    });
    let config = ProptestConfig {
        failure_persistence: None,
        cases: 1_500,
        ..ProptestConfig::default()
    };
    let statuses = std::cell::RefCell::new(std::collections::BTreeMap::<_, usize>::new());
    let result = TestRunner::new(config).run(&sketch(), |sketch| {
        runtime.block_on(async {
            let mode = if sketch.issuer_is_down {
                Mode::Error500
            } else {
                Mode::Ok
            };
            published.issuer.mode(mode);
            published
                .stand
                .clock
                .advance(std::time::Duration::from_secs(10))
                .await;
            let (token, genuine) = sign(&published, &sketch.token);
            let answer = published.stand.send(request(&sketch, &token)).await;
            assert_in_table(&answer);
            // Nobody passes without a token that the issuer signed as it is.
            assert!(!answer.passed || genuine, "{sketch:?}");
            *statuses
                .borrow_mut()
                .entry(answer.status.as_u16())
                .or_default() += 1;
        });
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    // All of the table came up.
    let statuses = statuses.into_inner();
    assert!(
        [200, 400, 401, 503]
            .iter()
            .all(|status| statuses.contains_key(status)),
        "{statuses:?}"
    );
}
