//! The ready client, against servers that are wrong in ways of their own.

use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::time::{Duration, Instant};

use portcullis_auth::client;
use portcullis_auth::jwks::{
    FetchError, Freshness, HttpClient, Jwks, JwksLimits, JwksStatus, JwksTimes,
};
use portcullis_testing::{Algorithm, Endpoint, FakeIssuer, Mode};
use portcullis_tests::outage::{http_client, issuer, until};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

const SOON: Duration = Duration::from_secs(10);
/// What a busy machine adds to a deadline.
const SLACK: Duration = Duration::from_millis(500);

/// One attempt, and a long pause before the next.
fn one_attempt(deadline: Duration) -> JwksTimes {
    let mut times = JwksTimes::default();
    times.attempt = deadline;
    times.retry_first = Duration::from_secs(15);
    times
}

fn fetch_from(url: &str, http: HttpClient, times: JwksTimes, limits: JwksLimits) -> Jwks {
    Jwks::builder("the issuer")
        .with_jwks_url(url)
        .with_http_client(http)
        .with_times(times)
        .with_limits(limits)
        .build()
        .expect("a good configuration")
}

/// How the first attempt ends, and after what time.
async fn outcome(jwks: &Jwks) -> (JwksStatus, Duration) {
    until("the end of an attempt", SOON, || {
        let status = jwks.status();
        let ended = status.last_error.is_some() || status.freshness == Freshness::Fresh;
        ended.then_some(status)
    })
    .await
}

async fn failure_of(url: &str, deadline: Duration) -> (Option<FetchError>, Duration) {
    let limits = JwksLimits::default();
    let jwks = fetch_from(url, http_client(), one_attempt(deadline), limits);
    let (status, took) = outcome(&jwks).await;
    assert_eq!(status.freshness, Freshness::Cold);
    (status.last_error, took)
}

fn url_of(address: SocketAddr) -> String {
    format!("http://{address}/jwks")
}

#[tokio::test]
async fn a_server_that_accepts_and_never_answers_costs_one_deadline() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a port");
    let url = url_of(listener.local_addr().expect("an address"));
    let black_hole = tokio::spawn(async move {
        let mut held: Vec<TcpStream> = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    let deadline = Duration::from_secs(1);
    let (error, took) = failure_of(&url, deadline).await;
    assert_eq!(error, Some(FetchError::Timeout));
    assert!(took < deadline + SLACK, "{took:?}");
    black_hole.abort();
}

/// A port whose queue is full, so that a new connection is neither made nor refused.
struct Full {
    address: SocketAddr,
    _listener: TcpListener,
    _queued: Vec<TcpStream>,
}

impl Full {
    async fn start() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket
            .bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .expect("a port");
        let listener = socket.listen(1).expect("a queue");
        let address = listener.local_addr().expect("an address");
        let mut queued = Vec::new();
        // A connect that is not done after this is not going to be.
        while let Ok(stream) =
            tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await
        {
            queued.push(stream.expect("room in the queue"));
            assert!(queued.len() < 100, "this system has no full queue");
        }
        Self {
            address,
            _listener: listener,
            _queued: queued,
        }
    }
}

#[tokio::test]
async fn a_server_that_never_accepts_costs_the_deadline_of_an_address_not_of_the_attempt() {
    let full = Full::start().await;
    // 1 s for an address, by default.
    let (error, took) = failure_of(&url_of(full.address), Duration::from_secs(5)).await;
    assert_eq!(error, Some(FetchError::Connect));
    assert!(took > Duration::from_millis(900), "{took:?}");
    assert!(took < Duration::from_secs(1) + SLACK, "{took:?}");
}

#[tokio::test]
async fn a_server_that_never_accepts_costs_the_deadline_of_the_attempt_if_that_is_shorter() {
    let full = Full::start().await;
    let (error, took) = failure_of(&url_of(full.address), Duration::from_millis(400)).await;
    assert_eq!(error, Some(FetchError::Timeout));
    assert!(took < Duration::from_millis(400) + SLACK, "{took:?}");
}

#[tokio::test]
async fn a_server_that_sends_head_and_nothing_more_costs_one_deadline() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a port");
    let url = url_of(listener.local_addr().expect("an address"));
    let dribble = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut request = [0; 1024];
        let _ = stream.read(&mut request).await;
        let head =
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
        let _ = stream.write_all(head).await;
        // One byte at a time is progress, and no excuse.
        while stream.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let deadline = Duration::from_secs(1);
    let (error, took) = failure_of(&url, deadline).await;
    assert_eq!(error, Some(FetchError::Timeout));
    assert!(took < deadline + SLACK, "{took:?}");
    // The connection goes with the attempt.
    tokio::time::timeout(SOON, dribble)
        .await
        .expect("it is cut")
        .expect("no panic");
}

#[tokio::test]
async fn a_connection_cut_in_the_middle_is_told_from_one_that_was_never_made() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    let cut = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut request = [0; 1024];
        let _ = stream.read(&mut request).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"keys\":")
            .await;
    });
    let (error, _) = failure_of(&url_of(address), SOON).await;
    assert_eq!(error, Some(FetchError::Interrupted));
    cut.await.expect("no panic");
    // Nobody listens any longer.
    let (error, took) = failure_of(&url_of(address), SOON).await;
    assert_eq!(error, Some(FetchError::Connect));
    assert!(took < SLACK, "{took:?}");
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_not_read_to_its_end() {
    let issuer = issuer().await;
    issuer.mode(Mode::Oversize);
    let (error, _) = failure_of(&issuer.jwks_url(), SOON).await;
    assert_eq!(error, Some(FetchError::TooLarge));
}

#[tokio::test]
async fn the_limit_is_exact() {
    let issuer = issuer().await;
    let size = issuer.jwks().to_string().len();
    for (max_bytes, error) in [(size, None), (size - 1, Some(FetchError::TooLarge))] {
        let mut limits = JwksLimits::default();
        limits.max_bytes = max_bytes;
        let jwks = fetch_from(&issuer.jwks_url(), http_client(), one_attempt(SOON), limits);
        let (status, _) = outcome(&jwks).await;
        assert_eq!(status.last_error, error);
    }
}

#[tokio::test]
async fn a_redirect_to_another_host_is_not_followed() {
    let (one, other) = (issuer().await, issuer().await);
    one.mode(Mode::Redirect(other.url().to_owned()));
    let (error, _) = failure_of(&one.jwks_url(), SOON).await;
    assert_eq!(error, Some(FetchError::Redirect));
    assert_eq!(one.requests(Endpoint::Jwks), 1);
    assert_eq!(other.requests(Endpoint::Jwks), 0);
}

#[tokio::test]
async fn a_redirect_on_the_same_host_is_followed_and_a_circle_is_not() {
    let issuer = issuer().await;
    issuer.mode_at(Endpoint::Jwks, Mode::Redirect(issuer.url().to_owned()));
    let (error, _) = failure_of(&issuer.jwks_url(), SOON).await;
    assert_eq!(error, Some(FetchError::Redirect));
    assert_eq!(
        issuer.requests(Endpoint::Jwks),
        4,
        "three redirects, and no more"
    );

    // Any other path leads to the keys.
    issuer.mode_at(Endpoint::Jwks, Mode::Ok);
    issuer.mode_at(
        Endpoint::Other,
        Mode::Redirect(format!("{}/jwks?from=", issuer.url())),
    );
    let url = format!("{}/moved", issuer.url());
    let jwks = fetch_from(
        &url,
        http_client(),
        one_attempt(SOON),
        JwksLimits::default(),
    );
    let (status, _) = outcome(&jwks).await;
    assert_eq!((status.last_error, status.keys), (None, 1));
}

#[tokio::test]
async fn a_name_without_addresses_is_told_from_a_server_that_is_down() {
    // RFC 6761 section 6.4: this name never has any.
    let jwks = Jwks::builder("the issuer")
        .with_jwks_url("https://keys.invalid/jwks")
        .with_http_client(http_client())
        .with_times(one_attempt(SOON))
        .build()
        .expect("a good configuration");
    let (status, _) = outcome(&jwks).await;
    assert_eq!(status.last_error, Some(FetchError::Dns));
}

#[tokio::test]
async fn a_name_is_resolved_and_every_address_of_it_is_tried() {
    let addresses: Vec<_> = ("localhost", 0)
        .to_socket_addrs()
        .expect("localhost")
        .collect();
    // The last address has a server; those before it, if there are any, refuse.
    let last = *addresses.last().expect("an address");
    let issuer = FakeIssuer::builder()
        .algorithm(Algorithm::Es256)
        .listen_on(last)
        .start()
        .await;
    let port = issuer.address().expect("a port").port();
    let url = format!("http://localhost:{port}/jwks");
    let jwks = fetch_from(
        &url,
        http_client(),
        one_attempt(SOON),
        JwksLimits::default(),
    );
    let (status, _) = outcome(&jwks).await;
    assert_eq!((status.last_error, status.keys), (None, 1));
}

#[tokio::test]
async fn a_plain_text_server_is_told_from_a_secure_one() {
    let issuer = issuer().await;
    let url = issuer.jwks_url().replace("http://", "https://");
    let start = Instant::now();
    let (error, _) = failure_of(&url, SOON).await;
    assert_eq!(error, Some(FetchError::Tls));
    assert!(start.elapsed() < SOON);
    assert_eq!(issuer.requests(Endpoint::Jwks), 0);
}

#[tokio::test]
async fn a_connection_is_kept_and_a_dead_one_is_replaced() {
    let issuer = issuer().await;
    let mut times = JwksTimes::default();
    for soft in [
        &mut times.soft_min,
        &mut times.soft_default,
        &mut times.soft_max,
    ] {
        *soft = Duration::from_millis(100);
    }
    times.retry_first = Duration::from_millis(50);
    let jwks = fetch_from(
        &issuer.jwks_url(),
        http_client(),
        times,
        JwksLimits::default(),
    );
    issuer.wait_for_requests(Endpoint::Jwks, 3, SOON).await;
    // Every connection is cut, and the port is the same.
    issuer.mode(Mode::Refuse);
    let down = || jwks.status().last_error;
    until("the outage", SOON, down).await;
    issuer.mode(Mode::Ok);
    let well = || jwks.status().is_healthy().then_some(());
    let ((), took) = until("the return", SOON, well).await;
    assert!(took < times.retry_max, "{took:?}");
}

#[tokio::test]
async fn deadlines_of_zero_are_configuration_errors_told_at_once() {
    let error = client::Builder::new()
        .without_system_roots()
        .with_ca_pem(b"not a certificate")
        .with_address_deadline(Duration::ZERO)
        .with_connect_deadline(Duration::ZERO)
        .build()
        .expect_err("bad")
        .to_string();
    for path in ["address_deadline", "connect_deadline", "ca_pem[0]"] {
        assert!(error.contains(path), "{path} is not in:\n{error}");
    }
}
