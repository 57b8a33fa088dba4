//! The outage switch.

use super::*;

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
