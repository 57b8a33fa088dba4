//! A flood of forged tokens, each unlike the others, takes nothing from those who hold good ones.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response, StatusCode};
use http_body_util::Empty;
use portcullis_auth::key::{KeySpec, VerifyingKey};
use portcullis_auth::{AuthLayer, Issuer, JwtVerifier, Keys, VerdictCache};
use portcullis_core::{Admission, Clock, Head, Provenance, Refusal, RefusalKind, RequestExt, Work};
use portcullis_testing::{SigningKey, TestClock, TokenBuilder};
use tower::{Layer, ServiceExt};

const ISSUER: &str = "https://idp.example.com";
const AUDIENCE: &str = "https://api.example.com";

/// Callers with a good token.
const CALLERS: usize = 256;
/// Forged tokens, from each of two threads.
const FORGED: usize = 10_000;
/// Forged tokens that only their signature gives away, from each of two threads.
const SUBTLE: usize = 3_000;
/// Bad tokens that are remembered, at most.
const REMEMBERED: usize = 4_096;

type Auth = AuthLayer<JwtVerifier<TestClock>>;

/// What became of one request.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Passed(Option<Provenance>),
    Answered(StatusCode),
}

/// Sends a token through the layer. Nothing here does I/O, so the answer is there at once.
fn ask(layer: &Auth, token: &str) -> Outcome {
    let inner = tower::service_fn(|request: Request<()>| async move {
        let mut response = Response::new(Empty::<Bytes>::new());
        let provenance = request.identity().map(|identity| identity.provenance());
        response.extensions_mut().insert(provenance);
        Ok::<_, Infallible>(response)
    });
    let request = Request::get("https://api.example.com/")
        .header("authorization", format!("Bearer {token}"))
        .body(())
        .expect("a request");
    let response = layer.layer(inner).oneshot(request).now_or_never();
    let response = response
        .expect("nothing to wait for")
        .unwrap_or_else(|never| match never {});
    match response.extensions().get() {
        Some(provenance) => Outcome::Passed(*provenance),
        None => Outcome::Answered(response.status()),
    }
}

fn verifier(clock: &TestClock, key: &SigningKey, cache: VerdictCache) -> JwtVerifier<TestClock> {
    let key = VerifyingKey::from_jwk(&key.jwk().to_string(), &KeySpec::new()).expect("a key");
    let issuer = Issuer::new(ISSUER, Keys::fixed([key]).expect("one key"))
        .audience(AUDIENCE)
        .scope_required();
    JwtVerifier::builder_with_clock(clock.clone())
        .issuer(issuer)
        .cache(cache)
        .build()
        .expect("a good configuration")
}

fn good_tokens(clock: &TestClock, key: &SigningKey) -> Vec<String> {
    (0..CALLERS)
        .map(|caller| {
            TokenBuilder::at(clock.wall())
                .issuer(ISSUER)
                .audience(AUDIENCE)
                .subject(&format!("caller {caller}"))
                .scope("orders:read")
                .sign(key)
        })
        .collect()
}

/// The forged token of this number: a good one with a claim of its own, under the old signature. Of three,
/// one has nothing else wrong with it.
fn forged(good: &str, number: usize) -> String {
    let parts: Vec<&str> = good.split('.').collect();
    let mut claims = portcullis_testing::forge::claims(good);
    claims["sub"] = format!("mallory {number}").into();
    match number % 3 {
        0 => {}
        1 => claims["aud"] = format!("{AUDIENCE}/{number}").into(),
        _ => claims["iss"] = format!("{ISSUER}/{number}").into(),
    }
    let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
    format!("{}.{payload}.{}", parts[0], parts[2])
}

/// How many of all requests with a good token were answered from the cache.
fn hit_rate(layer: &Auth, good: &[String]) -> f64 {
    let hits = good
        .iter()
        .filter(|token| match ask(layer, token) {
            Outcome::Passed(provenance) => provenance == Some(Provenance::Cached),
            other => panic!("a good token got {other:?}"),
        })
        .count();
    hits as f64 / good.len() as f64
}

/// Lets nobody do a signature check, so that only what is remembered is refused as bad.
struct NoSignatures;

impl Admission for NoSignatures {
    fn admit(&self, _: &Head<'_>, _: Work) -> Result<(), Refusal> {
        Err(Refusal::builder(RefusalKind::TooManyRequests, "not_admitted").build())
    }
}

#[test]
fn good_tokens_are_answered_from_the_cache_while_forged_ones_pour_in() {
    let (clock, key) = (TestClock::new(), SigningKey::es256());
    let good = good_tokens(&clock, &key);

    // Room for the good tokens twice; the flood would fill it forty times.
    let roomy = verifier(&clock, &key, VerdictCache::new());
    let filling = AuthLayer::new(roomy.clone());
    hit_rate(&filling, &good);
    let capacity = 2 * roomy.cache().weight();
    assert_eq!(roomy.cache().len(), CALLERS);
    let verifier = verifier(&clock, &key, VerdictCache::with_capacity(capacity));
    let layer = AuthLayer::new(verifier.clone());
    hit_rate(&layer, &good);

    let rounds = 8;
    let before = (0..rounds).map(|_| hit_rate(&layer, &good)).sum::<f64>() / f64::from(rounds);
    assert!(before > 0.95, "{before}");

    let (flooding, refused) = (AtomicUsize::new(2), AtomicUsize::new(0));
    let started = AtomicBool::new(false);
    let (mut rates, mut heaviest) = (Vec::new(), 0);
    thread::scope(|scope| {
        for side in 0..2 {
            let (layer, good) = (&layer, &good[0]);
            let (flooding, refused, started) = (&flooding, &refused, &started);
            scope.spawn(move || {
                for number in 0..FORGED {
                    let token = forged(good, 2 * number + side);
                    let outcome = ask(layer, &token);
                    assert_eq!(outcome, Outcome::Answered(StatusCode::UNAUTHORIZED));
                    refused.fetch_add(1, Ordering::Relaxed);
                    started.store(true, Ordering::Release);
                }
                flooding.fetch_sub(1, Ordering::Release);
            });
        }
        while !started.load(Ordering::Acquire) {
            thread::yield_now();
        }
        while flooding.load(Ordering::Acquire) > 0 {
            rates.push(hit_rate(&layer, &good));
            heaviest = heaviest.max(verifier.cache().weight());
        }
    });

    assert_eq!(refused.into_inner(), 2 * FORGED);
    assert!(rates.len() >= 8, "{} rounds during the flood", rates.len());
    let during = rates.iter().sum::<f64>() / rates.len() as f64;
    assert!(
        (before - during).abs() <= 0.01,
        "{before} before, {during} during"
    );
    assert!(heaviest <= capacity, "{heaviest} of {capacity} bytes");
    assert_eq!(verifier.cache().len(), CALLERS);
}

#[test]
fn no_more_bad_tokens_are_remembered_than_there_is_room_for() {
    let (clock, key) = (TestClock::new(), SigningKey::es256());
    let good = good_tokens(&clock, &key).remove(0);
    let verifier = verifier(&clock, &key, VerdictCache::new());
    let layer = AuthLayer::new(verifier.clone());
    let subtle = |number: usize| forged(&good, 3 * number);
    thread::scope(|scope| {
        for side in 0..2 {
            let (layer, subtle) = (&layer, &subtle);
            scope.spawn(move || {
                for number in 0..SUBTLE {
                    let outcome = ask(layer, &subtle(2 * number + side));
                    assert_eq!(outcome, Outcome::Answered(StatusCode::UNAUTHORIZED));
                }
            });
        }
    });
    // A remembered token is refused without a look at its signature; any other is not admitted.
    let unseeing = AuthLayer::new(verifier.clone()).with_admission(NoSignatures);
    let count = || {
        (0..2 * SUBTLE)
            .filter(|number| match ask(&unseeing, &subtle(*number)) {
                Outcome::Answered(StatusCode::UNAUTHORIZED) => true,
                Outcome::Answered(StatusCode::TOO_MANY_REQUESTS) => false,
                other => panic!("a forged token got {other:?}"),
            })
            .count()
    };
    // The first count is also the time in which the cache puts itself in order.
    count();
    let remembered = count();
    assert!(remembered <= REMEMBERED, "{remembered} are remembered");
    assert!(
        remembered >= REMEMBERED / 4,
        "only {remembered} are remembered"
    );
    assert!(verifier.cache().is_empty(), "none is among the good ones");
    assert_eq!(ask(&layer, &good), Outcome::Passed(Some(Provenance::Fresh)));
}
