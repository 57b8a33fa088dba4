//! What happened, its life, and doing without sockets.

use super::*;

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
