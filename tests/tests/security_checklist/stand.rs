//! The stack under test, and the two forms in which everything is asked.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use portcullis_auth::key::{KeySpec, VerifyingKey};
use portcullis_auth::{AuthLayer, Challenge, Issuer, JwtVerifier, Keys, Reason};
use portcullis_core::{Clock, Identity, RequestExt};
use portcullis_testing::{SigningKey, TestClock, TokenBuilder};
use tower::{Layer, ServiceExt};

use crate::words::{Expected, METADATA, REALM, Words};

pub(crate) const ISSUER: &str = "https://idp.example.com";
pub(crate) const AUDIENCE: &str = "https://api.example.com";

/// A service behind the whole auth stack, the clock it goes by and the key that it trusts.
pub(crate) struct Stand {
    pub(crate) clock: TestClock,
    pub(crate) key: SigningKey,
    layer: AuthLayer<JwtVerifier<TestClock>>,
    calls: Arc<AtomicUsize>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Whether the inner service was called.
    pub(crate) passed: bool,
    /// Whom the inner service saw.
    pub(crate) identity: Option<Identity>,
    /// The target that it saw.
    pub(crate) target: Option<Uri>,
}

/// What the inner service answers with.
const INNER: &str = "the inner service";

/// A key as configuration would name it.
pub(crate) fn fixed(keys: &[&SigningKey]) -> Keys<TestClock> {
    let load = |key: &&SigningKey| {
        VerifyingKey::from_jwk(&key.jwk().to_string(), &KeySpec::new()).expect("a good key")
    };
    Keys::fixed(keys.iter().map(load)).expect("distinct ids")
}

/// An issuer that accepts every type of token: for rows that are not about types.
pub(crate) fn lenient(keys: impl Into<Keys<TestClock>>) -> Issuer<TestClock> {
    Issuer::new(ISSUER, keys)
        .audience(AUDIENCE)
        .dangerously_any_token()
}

/// A stand with one key, whose issuer has another policy.
pub(crate) fn with_policy(policy: impl FnOnce(Issuer<TestClock>) -> Issuer<TestClock>) -> Stand {
    let key = SigningKey::es256();
    let issuer = policy(Issuer::new(ISSUER, fixed(&[&key])));
    Stand::trusting(key, issuer)
}

fn challenge() -> Challenge {
    Challenge::new()
        .with_realm(REALM)
        .and_then(|challenge| challenge.with_resource_metadata(METADATA))
        .expect("a legal challenge")
}

// === impl Stand ===

impl Stand {
    /// One fixed ES256 key.
    pub(crate) fn new() -> Self {
        Self::of(SigningKey::es256())
    }

    /// One fixed key.
    pub(crate) fn of(key: SigningKey) -> Self {
        let issuer = lenient(fixed(&[&key]));
        Self::trusting(key, issuer)
    }

    /// Tokens are signed by `key` unless a test says otherwise.
    pub(crate) fn trusting(key: SigningKey, issuer: Issuer<TestClock>) -> Self {
        Self::at(TestClock::new(), key, issuer)
    }

    pub(crate) fn at(clock: TestClock, key: SigningKey, issuer: Issuer<TestClock>) -> Self {
        let verifier = JwtVerifier::builder_with_clock(clock.clone())
            .issuer(issuer)
            .build()
            .expect("a good configuration");
        Self {
            clock,
            key,
            layer: AuthLayer::new(verifier).with_challenge(challenge()),
            calls: Arc::default(),
        }
    }

    /// The same stand with a layer of other options.
    pub(crate) fn with_layer(
        mut self,
        change: impl FnOnce(AuthLayer<JwtVerifier<TestClock>>) -> AuthLayer<JwtVerifier<TestClock>>,
    ) -> Self {
        self.layer = change(self.layer);
        self
    }

    /// A good token in the making.
    pub(crate) fn token(&self) -> TokenBuilder {
        TokenBuilder::at(self.clock.wall())
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .subject("alice")
    }

    /// Sends one request through a new service of the layer.
    pub(crate) async fn send(&self, request: Request<()>) -> Answer {
        let before = self.calls.load(Ordering::SeqCst);
        let calls = Arc::clone(&self.calls);
        let inner = tower::service_fn(move |request: Request<()>| {
            calls.fetch_add(1, Ordering::SeqCst);
            let mut response = Response::new(Full::from(INNER));
            if let Some(policy) = request.headers().get("x-inner-cache-control") {
                let headers = response.headers_mut();
                headers.insert("cache-control", policy.clone());
            }
            let target = request.uri().clone();
            response.extensions_mut().insert(target);
            if let Some(identity) = request.identity() {
                response.extensions_mut().insert(identity.clone());
            }
            async { Ok::<_, Infallible>(response) }
        });
        let response = self.layer.layer(inner).oneshot(request).await;
        let (parts, body) = response.unwrap_or_else(|never| match never {}).into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.expect("a body in memory").to_bytes(),
            passed: self.calls.load(Ordering::SeqCst) > before,
            identity: parts.extensions.get().cloned(),
            target: parts.extensions.get().cloned(),
        }
    }

    /// Asserts that the request is refused, in both protocols, as the words say.
    pub(crate) async fn answers(&self, request: impl Fn() -> Request<()>, expected: Expected) {
        let words = expected.words();
        let answer = self.send(request()).await;
        assert_http(&answer, &words);
        for (kind, response_kind) in [
            ("application/grpc", "application/grpc"),
            ("application/grpc+proto", "application/grpc"),
            ("application/grpc-web+proto", "application/grpc-web+proto"),
        ] {
            let answer = self.send(grpc(request(), kind)).await;
            assert_grpc(&answer, response_kind, &words);
        }
    }

    /// Asserts that a bearer token is refused for this reason, in both protocols.
    pub(crate) async fn refuses(&self, token: &str, reason: Reason) {
        self.answers(|| bearer(token), Expected::Refused(reason))
            .await;
    }

    /// Asserts that a bearer token is let through, in both protocols, and gives whom the service saw.
    pub(crate) async fn admits(&self, token: &str) -> Identity {
        let answer = self.send(bearer(token)).await;
        answer.assert_passed();
        let again = self.send(grpc(bearer(token), "application/grpc")).await;
        again.assert_passed();
        assert_eq!(
            answer
                .identity
                .as_ref()
                .map(Identity::parts)
                .map(|parts| &parts.token_id),
            again
                .identity
                .as_ref()
                .map(Identity::parts)
                .map(|parts| &parts.token_id),
        );
        answer.identity.expect("an identity")
    }
}

// === impl Answer ===

impl Answer {
    pub(crate) fn assert_passed(&self) {
        assert!(self.passed, "the inner service was not called: {self:?}");
        assert_eq!(self.status, 200);
        assert_eq!(self.body, INNER);
        assert!(!self.headers.contains_key("www-authenticate"));
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers
            .get_all(name)
            .iter()
            .map(|value| value.to_str().expect("ASCII"))
            .collect()
    }
}

pub(crate) fn bearer(token: &str) -> Request<()> {
    Request::get("https://api.example.com/orders")
        .header("authorization", format!("Bearer {token}"))
        .body(())
        .expect("a request")
}

/// The same request as a gRPC call.
pub(crate) fn grpc(mut request: Request<()>, kind: &'static str) -> Request<()> {
    let kind = http::HeaderValue::from_static(kind);
    request.headers_mut().insert("content-type", kind);
    request
}

fn assert_http(answer: &Answer, words: &Words) {
    assert!(!answer.passed, "the inner service was called: {words:?}");
    assert_eq!(answer.status, words.status, "{answer:?}\n{words:?}");
    let problem: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    let expected = serde_json::json!({
        "title": words.title,
        "status": words.status,
        "detail": words.detail,
        "reason": words.label,
    });
    assert_eq!(problem, expected);
    assert_eq!(answer.all("www-authenticate"), words.challenges);
    assert_eq!(answer.all("content-type"), ["application/problem+json"]);
    assert_eq!(answer.all("cache-control"), ["no-store"]);
    assert!(!answer.headers.contains_key("grpc-status"));
    match words.status {
        503 => assert_wait(&answer.all("retry-after"), Duration::from_secs(1)),
        _ => assert!(!answer.headers.contains_key("retry-after"), "{answer:?}"),
    }
}

/// Trailers-only: everything is in the head.
fn assert_grpc(answer: &Answer, kind: &str, words: &Words) {
    assert!(!answer.passed, "the inner service was called: {words:?}");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.all("content-type"), [kind]);
    assert_eq!(
        answer.all("grpc-status"),
        [words.grpc_status],
        "{answer:?}\n{words:?}"
    );
    // Every detail is of characters that need no percent-encoding.
    assert_eq!(answer.all("grpc-message"), [words.detail]);
    assert_eq!(answer.all("www-authenticate"), words.challenges);
    assert!(answer.body.is_empty());
    assert!(!answer.headers.contains_key("retry-after"));
    match words.status {
        503 => assert_wait(
            &answer.all("grpc-retry-pushback-ms"),
            Duration::from_millis(1),
        ),
        _ => assert!(!answer.headers.contains_key("grpc-retry-pushback-ms")),
    }
}

/// A whole number of `unit`s, at least a second and at most a fetch budget's period with its jitter.
fn assert_wait(values: &[&str], unit: Duration) {
    let [value] = values else {
        panic!("one wait, not {values:?}")
    };
    let wait = unit * value.parse::<u32>().expect("a whole number");
    assert!(
        (Duration::from_secs(1)..=Duration::from_secs(60)).contains(&wait),
        "{wait:?}"
    );
}
