//! The fake issuer over real sockets, by a client that knows nothing of it.
#![allow(clippy::unwrap_used, reason = "in a test it is an assertion")]

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, DATE, ETAG, IF_NONE_MATCH,
    LOCATION, WWW_AUTHENTICATE,
};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use portcullis_testing::{
    Algorithm, Endpoint, FakeIssuer, Mode, SigningKey, TestClock, forge, jwks,
};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tower_service::Service as _;

const DEADLINE: Duration = Duration::from_secs(10);

/// ES256: as real as RS256, and quicker to generate.
async fn issuer() -> FakeIssuer {
    FakeIssuer::builder()
        .algorithm(Algorithm::Es256)
        .start()
        .await
}

fn get(url: &str) -> Request<Full<Bytes>> {
    Request::get(url).body(Full::default()).unwrap()
}

fn post(url: &str, form: &'static str) -> Request<Full<Bytes>> {
    Request::post(url)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Full::from(form))
        .unwrap()
}

async fn connect(address: SocketAddr) -> io::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    tokio::spawn(connection);
    Ok(sender)
}

/// One request on a connection of its own.
async fn send(request: Request<Full<Bytes>>) -> Result<Response<Incoming>, hyper::Error> {
    let address = request.uri().authority().unwrap().as_str().parse().unwrap();
    let mut sender = connect(address).await.unwrap();
    sender.send_request(request).await
}

async fn json_of(request: Request<Full<Bytes>>) -> Value {
    let response = send(request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&bytes).unwrap()
}

async fn key_set(issuer: &FakeIssuer) -> Value {
    json_of(get(&issuer.jwks_url())).await
}

/// The kind of the I/O error at the bottom of `error`.
fn kind_of(error: &(dyn std::error::Error + 'static)) -> Option<io::ErrorKind> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        next = error.source();
    }
    None
}

// --- documents ---

#[tokio::test]
async fn discovery_names_the_issuer_and_where_its_keys_are() {
    let issuer = issuer().await;
    for endpoint in [Endpoint::OpenIdConfiguration, Endpoint::AuthorizationServer] {
        let metadata = json_of(get(&issuer.url_of(endpoint))).await;
        assert_eq!(metadata["issuer"], issuer.issuer());
        let keys = json_of(get(metadata["jwks_uri"].as_str().unwrap())).await;
        assert_eq!(keys, jwks([&issuer.key()]));
        assert_eq!(issuer.requests(endpoint), 1);
    }
    assert_eq!(issuer.requests(Endpoint::Jwks), 2);
}

#[tokio::test]
async fn an_issuer_under_a_path_has_its_well_known_parts_where_the_standards_say() {
    let issuer = FakeIssuer::builder()
        .algorithm(Algorithm::Es256)
        .path("realms/blue/")
        .start()
        .await;
    let origin = format!("http://{}", issuer.address().unwrap());
    assert_eq!(issuer.issuer(), format!("{origin}/realms/blue"));
    for path in [
        "/realms/blue/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server/realms/blue",
    ] {
        let metadata = json_of(get(&format!("{origin}{path}"))).await;
        assert_eq!(metadata["issuer"], issuer.issuer());
        assert_eq!(metadata["jwks_uri"], format!("{origin}/realms/blue/jwks"));
        assert_eq!(
            metadata["token_endpoint"],
            format!("{origin}/realms/blue/token")
        );
    }
}

#[tokio::test]
async fn an_issuer_goes_by_another_name_when_told() {
    let issuer = FakeIssuer::builder()
        .algorithm(Algorithm::Es256)
        .known_as("https://login.example.com/")
        .audience("orders")
        .lifetime(Duration::from_secs(60))
        .start()
        .await;
    let metadata = json_of(get(&issuer.url_of(Endpoint::OpenIdConfiguration))).await;
    assert_eq!(metadata["issuer"], "https://login.example.com/");
    let claims = forge::claims(&issuer.token().issue());
    assert_eq!(claims["iss"], "https://login.example.com/");
    assert_eq!(claims["aud"], "orders");
    let lifetime = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
    assert_eq!(lifetime, 60);
}

#[tokio::test]
async fn the_default_issuer_signs_rs256_with_a_published_key() {
    let issuer = FakeIssuer::start().await;
    let token = issuer.token().subject("alice").issue();
    assert_eq!(forge::header(&token)["alg"], "RS256");
    let set = key_set(&issuer).await;
    assert_eq!(set["keys"][0]["kid"], forge::header(&token)["kid"]);
    assert_eq!(set["keys"][0]["kty"], "RSA");
    assert_eq!(forge::claims(&token)["aud"], issuer.audience());
}

#[tokio::test]
async fn an_unknown_path_is_404_and_a_wrong_method_405() {
    let issuer = issuer().await;
    let nowhere = send(get(&format!("{}/nowhere", issuer.url())))
        .await
        .unwrap();
    assert_eq!(nowhere.status(), 404);
    assert_eq!(issuer.requests(Endpoint::Other), 1);
    let wrong = send(post(&issuer.jwks_url(), "")).await.unwrap();
    assert_eq!(wrong.status(), 405);
    assert_eq!(wrong.headers()[ALLOW], "GET, HEAD");
    let wrong = send(get(&issuer.url_of(Endpoint::Token))).await.unwrap();
    assert_eq!(wrong.headers()[ALLOW], "POST");
}

// --- the outage switch ---

#[tokio::test]
async fn slow_answers_right_but_not_before_the_delay() {
    let issuer = issuer().await;
    let delay = Duration::from_millis(80);
    issuer.mode(Mode::Slow(delay));
    let start = Instant::now();
    assert_eq!(key_set(&issuer).await, issuer.jwks());
    assert!(start.elapsed() >= delay);
}

#[tokio::test]
async fn hang_takes_the_request_and_never_answers_it() {
    let issuer = issuer().await;
    issuer.mode(Mode::Hang);
    let hung = tokio::spawn(send(get(&issuer.jwks_url())));
    issuer.wait_for_requests(Endpoint::Jwks, 1, DEADLINE).await;
    issuer.mode(Mode::Ok);
    assert_eq!(key_set(&issuer).await, issuer.jwks());
    assert!(!hung.is_finished());
    // The end of the issuer is the end of the connection.
    drop(issuer);
    assert!(hung.await.unwrap().is_err());
}

#[tokio::test]
async fn hold_answers_when_the_mode_changes_and_as_the_new_mode_says() {
    let issuer = issuer().await;
    for (mode, status) in [(Mode::Ok, 200), (Mode::Error500, 500)] {
        let before = issuer.requests(Endpoint::Jwks);
        issuer.mode(Mode::Hold);
        let held: Vec<_> = (0..3)
            .map(|_| tokio::spawn(send(get(&issuer.jwks_url()))))
            .collect();
        issuer
            .wait_for_requests(Endpoint::Jwks, before + 3, DEADLINE)
            .await;
        assert!(held.iter().all(|task| !task.is_finished()));
        issuer.mode(mode);
        for task in held {
            assert_eq!(task.await.unwrap().unwrap().status(), status);
        }
    }
}

#[tokio::test]
async fn error_500_and_custom_answer_with_that_status() {
    let issuer = issuer().await;
    issuer.mode(Mode::Error500);
    assert_eq!(send(get(&issuer.jwks_url())).await.unwrap().status(), 500);
    let body = Bytes::from_static(br#"{"keys":7}"#);
    issuer.mode(Mode::Custom(StatusCode::TOO_MANY_REQUESTS, body.clone()));
    let response = send(get(&issuer.jwks_url())).await.unwrap();
    assert_eq!(response.status(), 429);
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        body
    );
}

#[tokio::test]
async fn garbage_is_200_and_says_json_but_is_none() {
    let issuer = issuer().await;
    issuer.mode(Mode::Garbage);
    let response = send(get(&issuer.jwks_url())).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    assert!(serde_json::from_slice::<Value>(&bytes).is_err());
}

#[tokio::test]
async fn oversize_states_no_length_and_breaks_any_sane_limit_but_is_right_for_who_has_none() {
    let issuer = issuer().await;
    issuer.mode(Mode::Oversize);
    let response = send(get(&issuer.jwks_url())).await.unwrap();
    assert!(!response.headers().contains_key(CONTENT_LENGTH));
    let limited = Limited::new(response.into_body(), 1 << 20);
    assert!(limited.collect().await.is_err());

    let response = send(get(&issuer.jwks_url())).await.unwrap();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    assert!(bytes.len() > 64 << 20);
    assert_eq!(
        serde_json::from_slice::<Value>(&bytes).unwrap(),
        issuer.jwks()
    );
}

#[tokio::test]
async fn an_empty_set_concerns_the_keys_only() {
    let issuer = issuer().await;
    issuer.mode(Mode::EmptySet);
    assert_eq!(key_set(&issuer).await, json!({ "keys": [] }));
    let metadata = json_of(get(&issuer.url_of(Endpoint::OpenIdConfiguration))).await;
    assert_eq!(metadata["issuer"], issuer.issuer());
}

#[tokio::test]
async fn reset_takes_the_request_and_resets_the_connection() {
    let issuer = issuer().await;
    issuer.mode(Mode::Reset);
    let error = send(get(&issuer.jwks_url())).await.unwrap_err();
    assert_eq!(
        kind_of(&error),
        Some(io::ErrorKind::ConnectionReset),
        "{error:?}"
    );
    assert_eq!(issuer.requests(Endpoint::Jwks), 1);
    issuer.mode(Mode::Ok);
    assert_eq!(key_set(&issuer).await, issuer.jwks());
}

#[tokio::test]
async fn refuse_refuses_at_once_and_the_same_port_returns_again_and_again() {
    let issuer = issuer().await;
    let address = issuer.address().unwrap();
    for _ in 0..5 {
        assert_eq!(key_set(&issuer).await, issuer.jwks());
        issuer.mode(Mode::Refuse);
        issuer.mode(Mode::Refuse);
        let error = connect(address).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        issuer.mode(Mode::Ok);
    }
    assert_eq!(issuer.requests(Endpoint::Jwks), 5);
}

#[tokio::test]
async fn nobody_gets_the_port_of_an_issuer_that_refuses() {
    let issuer = issuer().await;
    let address = issuer.address().unwrap();
    issuer.mode(Mode::Refuse);
    let thief = std::net::TcpListener::bind(address);
    assert_eq!(thief.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    issuer.mode(Mode::Ok);
    assert_eq!(key_set(&issuer).await, issuer.jwks());
}

#[tokio::test]
async fn refuse_cuts_open_connections() {
    let issuer = issuer().await;
    let mut sender = connect(issuer.address().unwrap()).await.unwrap();
    let first = sender.send_request(get(&issuer.jwks_url())).await.unwrap();
    first.into_body().collect().await.unwrap();
    issuer.mode(Mode::Refuse);
    issuer.mode(Mode::Ok);
    assert!(sender.send_request(get(&issuer.jwks_url())).await.is_err());
    assert_eq!(key_set(&issuer).await, issuer.jwks());
}

#[tokio::test]
async fn a_mode_holds_on_connections_that_are_open_already() {
    let issuer = issuer().await;
    let mut sender = connect(issuer.address().unwrap()).await.unwrap();
    for (mode, status) in [(Mode::Ok, 200), (Mode::Error500, 500), (Mode::Ok, 200)] {
        issuer.mode(mode);
        sender.ready().await.unwrap();
        let response = sender.send_request(get(&issuer.jwks_url())).await.unwrap();
        assert_eq!(response.status(), status);
        response.into_body().collect().await.unwrap();
    }
}

#[tokio::test]
async fn redirect_points_to_the_same_path_elsewhere() {
    let (issuer, other) = (issuer().await, issuer().await);
    issuer.mode(Mode::Redirect(other.url().to_owned()));
    let response = send(get(&issuer.jwks_url())).await.unwrap();
    assert_eq!(response.status(), 302);
    assert_eq!(response.headers()[LOCATION], other.jwks_url());
    assert_eq!(other.requests(Endpoint::Jwks), 0);
}

#[tokio::test]
async fn one_endpoint_can_fail_alone_until_the_switch_is_turned() {
    let issuer = issuer().await;
    issuer.mode_at(Endpoint::Jwks, Mode::Error500);
    let metadata = issuer.url_of(Endpoint::OpenIdConfiguration);
    assert_eq!(send(get(&metadata)).await.unwrap().status(), 200);
    assert_eq!(send(get(&issuer.jwks_url())).await.unwrap().status(), 500);
    issuer.mode_at(Endpoint::Jwks, Mode::Refuse);
    assert!(send(get(&issuer.jwks_url())).await.is_err());
    issuer.mode(Mode::Ok);
    assert_eq!(send(get(&issuer.jwks_url())).await.unwrap().status(), 200);
}

// --- keys ---

#[tokio::test]
async fn a_rotation_keeps_or_drops_the_old_key() {
    let issuer = issuer().await;
    let first = issuer.key();
    let second = issuer.rotate();
    assert_eq!(
        forge::header(&issuer.token().issue())["kid"],
        second.kid().unwrap()
    );
    assert_eq!(key_set(&issuer).await, jwks([&first, &second]));
    let third = issuer.rotate_keeping_old();
    assert_eq!(key_set(&issuer).await, jwks([&first, &second, &third]));
    assert!(issuer.withdraw(first.kid().unwrap()));
    assert!(!issuer.withdraw(first.kid().unwrap()));
    assert_eq!(key_set(&issuer).await, jwks([&second, &third]));
    let fourth = issuer.rotate_and_drop_old();
    assert_eq!(key_set(&issuer).await, jwks([&fourth]));
    assert_eq!(issuer.key().kid(), fourth.kid());
}

#[tokio::test]
async fn a_key_can_be_published_before_it_signs_and_sign_unpublished() {
    let issuer = issuer().await;
    let (first, next) = (issuer.key(), SigningKey::ed25519());
    issuer.publish(&next);
    assert_eq!(forge::header(&issuer.token().issue())["alg"], "ES256");
    issuer.sign_with(&next);
    assert_eq!(forge::header(&issuer.token().issue())["alg"], "EdDSA");
    let secret = SigningKey::es256();
    issuer.sign_with(&secret);
    assert_eq!(key_set(&issuer).await, jwks([&first, &next]));
    issuer.publish_jwk(json!("junk"));
    assert_eq!(key_set(&issuer).await["keys"][2], "junk");
}

// --- caching ---

#[tokio::test]
async fn an_etag_is_answered_with_304_until_the_set_changes() {
    let issuer = issuer().await;
    let bare = send(get(&issuer.jwks_url())).await.unwrap();
    assert!(!bare.headers().contains_key(ETAG) && !bare.headers().contains_key(CACHE_CONTROL));

    issuer.etag(true);
    issuer.cache_control(Some("public, max-age=600"));
    let first = send(get(&issuer.jwks_url())).await.unwrap();
    assert_eq!(first.headers()[CACHE_CONTROL], "public, max-age=600");
    let tag = first.headers()[ETAG].clone();
    let ask = |tags: &str| {
        let mut request = get(&issuer.jwks_url());
        request
            .headers_mut()
            .insert(IF_NONE_MATCH, tags.parse().unwrap());
        send(request)
    };
    for same in [
        tag.to_str().unwrap().to_owned(),
        format!("\"x\", W/{}", tag.to_str().unwrap()),
        "*".to_owned(),
    ] {
        let response = ask(&same).await.unwrap();
        assert_eq!(response.status(), 304);
        assert_eq!(response.headers()[ETAG], tag);
        assert!(
            response
                .into_body()
                .collect()
                .await
                .unwrap()
                .to_bytes()
                .is_empty()
        );
    }
    assert_eq!(issuer.not_modified(), 3);
    assert_eq!(
        issuer.last_headers(Endpoint::Jwks).unwrap()[IF_NONE_MATCH],
        "*"
    );
    issuer.rotate();
    let changed = ask(tag.to_str().unwrap()).await.unwrap();
    assert_eq!(changed.status(), 200);
    assert_ne!(changed.headers()[ETAG], tag);
    issuer.cache_control(None);
    assert!(
        !send(get(&issuer.jwks_url()))
            .await
            .unwrap()
            .headers()
            .contains_key(CACHE_CONTROL)
    );
}

// --- the token endpoint ---

#[tokio::test]
async fn client_credentials_get_a_token_for_the_client() {
    let issuer = issuer().await;
    let url = issuer.url_of(Endpoint::Token);
    let answer = json_of(post(
        &url,
        "grant_type=client_credentials&client_id=work%20er&client_secret=s&scope=a+b",
    ))
    .await;
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["expires_in"], 300);
    assert_eq!(answer["scope"], "a b");
    let claims = forge::claims(answer["access_token"].as_str().unwrap());
    assert_eq!(claims["sub"], "work er");
    assert_eq!(claims["client_id"], "work er");
    assert_eq!(claims["scope"], "a b");
    assert_eq!(claims["iss"], issuer.issuer());
}

#[tokio::test]
async fn a_registered_client_needs_its_secret_by_header_or_form() {
    let issuer = issuer().await;
    issuer.register_client("worker", "p:ss");
    let url = issuer.url_of(Endpoint::Token);
    let basic = |pair: &str| {
        let mut request = post(&url, "grant_type=client_credentials");
        let value = format!("Basic {}", STANDARD.encode(pair));
        request
            .headers_mut()
            .insert(AUTHORIZATION, value.parse().unwrap());
        send(request)
    };
    assert_eq!(basic("worker:p%3Ass").await.unwrap().status(), 200);
    for wrong in ["worker:nope", "stranger:p%3Ass", "worker"] {
        let refused = basic(wrong).await.unwrap();
        assert_eq!(refused.status(), 401, "{wrong}");
        assert_eq!(refused.headers()[WWW_AUTHENTICATE], "Basic");
        assert_eq!(refused.headers()[CACHE_CONTROL], "no-store");
    }
    let form = "grant_type=client_credentials&client_id=worker&client_secret=p%3Ass";
    assert_eq!(send(post(&url, form)).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_bad_token_request_is_refused_as_rfc_6749_says() {
    let issuer = issuer().await;
    let url = issuer.url_of(Endpoint::Token);
    for (form, status, error) in [
        ("client_id=a&client_secret=b", 400, "invalid_request"),
        (
            "grant_type=password&client_id=a&client_secret=b",
            400,
            "unsupported_grant_type",
        ),
        ("grant_type=client_credentials", 401, "invalid_client"),
        (
            "grant_type=client_credentials&grant_type=x&client_id=a&client_secret=b",
            400,
            "invalid_request",
        ),
        ("grant_type=%ff", 400, "invalid_request"),
    ] {
        let response = send(post(&url, form)).await.unwrap();
        assert_eq!(response.status(), status, "{form}");
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let answer: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(answer["error"], error, "{form}");
    }
    let huge = Request::post(&url)
        .body(Full::from(vec![b'a'; 70 << 10]))
        .unwrap();
    assert_eq!(send(huge).await.unwrap().status(), 413);
}

// --- what happened ---

#[tokio::test]
#[should_panic(expected = "Jwks was asked 0 times within 10ms, not 1")]
async fn waiting_for_requests_that_do_not_come_fails_at_the_deadline() {
    let issuer = issuer().await;
    issuer
        .wait_for_requests(Endpoint::Jwks, 1, Duration::from_millis(10))
        .await;
}

#[tokio::test]
async fn a_head_request_has_the_headers_and_no_body() {
    let issuer = issuer().await;
    let mut request = get(&issuer.jwks_url());
    *request.method_mut() = Method::HEAD;
    let response = send(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let length: usize = response.headers()[CONTENT_LENGTH]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(length, issuer.jwks().to_string().len());
    assert!(
        response
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .is_empty()
    );
}

#[tokio::test]
async fn tokens_and_date_go_by_the_clock_of_the_issuer() {
    let clock = TestClock::new();
    let issuer = FakeIssuer::builder()
        .algorithm(Algorithm::Es256)
        .clock(clock.clone())
        .start()
        .await;
    clock.advance_sync(Duration::from_secs(61));
    let response = send(get(&issuer.jwks_url())).await.unwrap();
    assert_eq!(response.headers()[DATE], "Tue, 01 Jan 2030 00:01:01 GMT");
    let claims = forge::claims(&issuer.token().issue());
    assert_eq!(claims["iat"], TestClock::START.as_secs() + 61);
}

// --- its life ---

#[tokio::test]
async fn the_port_closes_and_the_tasks_end_with_the_last_handle() {
    let issuer = issuer().await;
    let address = issuer.address().unwrap();
    let mut sender = connect(address).await.unwrap();
    let url = issuer.jwks_url();
    let response = sender.send_request(get(&url)).await.unwrap();
    response.into_body().collect().await.unwrap();

    let second = issuer.clone();
    drop(issuer);
    assert_eq!(key_set(&second).await, second.jwks());
    drop(second);
    let error = connect(address).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    assert!(sender.send_request(get(&url)).await.is_err());
    // Nothing of it is left in the runtime but what this test spawned itself.
    let metrics = tokio::runtime::Handle::current().metrics();
    let start = Instant::now();
    while metrics.num_alive_tasks() > 0 && start.elapsed() < DEADLINE {
        tokio::task::yield_now().await;
    }
    assert_eq!(metrics.num_alive_tasks(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_switch_works_from_other_threads_while_requests_run() {
    let issuer = issuer().await;
    let asking: Vec<_> = (0..4)
        .map(|_| {
            let issuer = issuer.clone();
            tokio::spawn(async move {
                for _ in 0..50 {
                    let Ok(mut sender) = connect(issuer.address().unwrap()).await else {
                        continue;
                    };
                    // Whatever comes comes in time, and an answer is one of the two that exist.
                    let sent = sender.send_request(get(&issuer.jwks_url()));
                    if let Ok(response) = tokio::time::timeout(DEADLINE, sent).await.unwrap() {
                        assert!([200, 500].contains(&response.status().as_u16()));
                    }
                }
            })
        })
        .collect();
    for _ in 0..20 {
        for mode in [Mode::Refuse, Mode::Error500, Mode::Reset, Mode::Ok] {
            let issuer = issuer.clone();
            std::thread::spawn(move || issuer.mode(mode))
                .join()
                .unwrap();
            tokio::task::yield_now().await;
        }
    }
    for task in asking {
        task.await.unwrap();
    }
    assert_eq!(key_set(&issuer).await, issuer.jwks());
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error() {
    let first = issuer().await;
    let second = FakeIssuer::builder()
        .algorithm(Algorithm::Es256)
        .listen_on(first.address().unwrap())
        .try_start()
        .await;
    assert_eq!(second.unwrap_err().kind(), io::ErrorKind::AddrInUse);
}

// --- without sockets ---

#[tokio::test(start_paused = true)]
async fn in_memory_every_mode_works_in_paused_time() {
    let issuer = FakeIssuer::builder()
        .algorithm(Algorithm::Es256)
        .without_sockets();
    assert_eq!(issuer.address(), None);
    let ask = || {
        let mut client = issuer.client();
        tokio::time::timeout(DEADLINE, client.call(get(&issuer.jwks_url())))
    };
    let answer = ask().await.unwrap().unwrap();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(
        serde_json::from_slice::<Value>(&bytes).unwrap(),
        issuer.jwks()
    );

    issuer.mode(Mode::Slow(Duration::from_secs(3)));
    let start = tokio::time::Instant::now();
    assert_eq!(ask().await.unwrap().unwrap().status(), 200);
    // Tokio rounds timers up to the millisecond.
    assert!(start.elapsed() >= Duration::from_secs(3));
    assert!(start.elapsed() < Duration::from_millis(3_010));

    issuer.mode(Mode::Hang);
    assert!(ask().await.is_err());
    issuer.mode(Mode::Refuse);
    let refused = ask().await.unwrap().unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    assert_eq!(issuer.requests(Endpoint::Jwks), 3);
    issuer.mode(Mode::Reset);
    let reset = ask().await.unwrap().unwrap_err();
    assert_eq!(reset.kind(), io::ErrorKind::ConnectionReset);
    issuer.mode(Mode::Oversize);
    let flood = ask().await.unwrap().unwrap().into_body();
    assert!(Limited::new(flood, 1 << 20).collect().await.is_err());
    issuer.mode(Mode::Error500);
    assert_eq!(ask().await.unwrap().unwrap().status(), 500);
}

#[test]
fn debug_shows_no_token_and_no_key() {
    let issuer = FakeIssuer::builder()
        .algorithm(Algorithm::Es256)
        .without_sockets();
    let text = format!("{issuer:?} {:?}", issuer.client());
    assert!(text.contains("idp.example.com"), "{text}");
    assert!(!text.contains(issuer.key().kid().unwrap()), "{text}");
}
