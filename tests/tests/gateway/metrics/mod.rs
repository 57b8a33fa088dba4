//! `/metrics`.

mod docs;
mod page;
mod revocation;

use std::time::Duration;

use http::{Method, Request};
use http_body_util::Full;
use portcullis_gateway::{Config, Running};
use portcullis_testing::{Mode, SigningKey};
use portcullis_tests::outage::until_async;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

pub(crate) use self::page::Page;
use crate::stand::{Answer, PATIENCE, Stand, Upstream, gateway, issuer, send};

pub(crate) async fn scrape(gateway: &Running) -> Page {
    Page::of(gateway.admin_address().expect("an admin listener")).await
}

pub(crate) async fn until(gateway: &Running, what: &str, good: impl Fn(&Page) -> bool) -> Page {
    let wait = until_async(what, PATIENCE, || async {
        let page = scrape(gateway).await;
        good(&page).then_some(page)
    });
    wait.await.0
}

async fn ask(gateway: &Running, method: Method, target: &str) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(format!("http://{}{target}", gateway.address()));
    send(request.body(Full::default()).expect("a request")).await
}

/// One open route to an upstream.
fn open(upstream: &str, server: &str, route: &str) -> String {
    format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n{server}\n\
         [[route]]\npath = \"/\"\nauth = \"none\"\nupstream = [\"{upstream}\"]\n{route}\n"
    )
}

#[tokio::test]
async fn what_was_asked_is_what_is_counted() {
    let stand = Stand::start().await;
    let token = stand.token();
    for _ in 0..3 {
        assert_eq!(stand.get("/api/x", &token).await.status, 200);
    }
    for _ in 0..2 {
        assert_eq!(stand.get_bare("/api/x").await.status, 401);
    }
    let bare = stand.issuer.token().scope("other").issue();
    assert_eq!(stand.get("/api/x", &bare).await.status, 403);
    assert_eq!(stand.get_bare("/mixed/x").await.status, 200);
    let junk = Method::from_bytes(b"JUNK").unwrap();
    for (method, target, status) in [
        (Method::POST, "/open/x", 200),
        (junk, "/open/x", 200),
        (Method::GET, "/nowhere", 404),
        (Method::GET, "/open/%2e%2e/x", 400),
    ] {
        let answer = ask(&stand.gateway, method, target).await;
        assert_eq!(answer.status, status, "{target}");
    }

    let page = scrape(&stand.gateway).await;
    let requests = |route, method, status| {
        let labels = [
            ("listener", "public"),
            ("route", route),
            ("method", method),
            ("status", status),
        ];
        page.count("portcullis_requests", &labels)
    };
    let counted = [
        ("/api/", "GET", "2xx", 3.0),
        ("/api/", "GET", "4xx", 3.0),
        ("/mixed/", "GET", "2xx", 1.0),
        ("/open/", "POST", "2xx", 1.0),
        ("/open/", "other", "2xx", 1.0),
        ("-", "GET", "4xx", 2.0),
    ];
    for (route, method, status, count) in counted {
        assert_eq!(requests(route, method, status), count, "{}", page.text);
    }
    let samples = page.families["portcullis_requests"].samples.len();
    assert_eq!(samples, counted.len(), "and nothing else");
    for (route, count) in [("/api/", 6.0), ("-", 2.0)] {
        let took = page.sum(
            "portcullis_request_duration_seconds",
            "_count",
            &[("route", route)],
        );
        assert_eq!(took, count, "{route}");
    }
    let took = page.sum("portcullis_request_duration_seconds", "_sum", &[]);
    assert!(took > 0.0 && took < PATIENCE.as_secs_f64(), "{took}");
    for (reason, count) in [
        ("missing_token", 2.0),
        ("insufficient_scope", 1.0),
        ("no_route", 1.0),
        ("ambiguous_path", 1.0),
    ] {
        let refusals = page.count("portcullis_refusals", &[("reason", reason)]);
        assert_eq!(refusals, count, "{reason}");
    }
    assert_eq!(page.count("portcullis_refusals", &[]), 5.0);
    for (outcome, provenance, count) in [
        ("valid", "fresh", 2.0),
        ("valid", "cached", 2.0),
        ("absent", "none", 3.0),
    ] {
        let labels = [("outcome", outcome), ("provenance", provenance)];
        let verdicts = page.count("portcullis_auth_verdicts", &labels);
        assert_eq!(verdicts, count, "{outcome} {provenance}\n{}", page.text);
    }
    let insufficient = page.count("portcullis_auth_verdicts", &[("outcome", "insufficient")]);
    assert_eq!(insufficient, 1.0);
    assert_eq!(page.count("portcullis_degraded_admissions", &[]), 0.0);
}

/// Requests of which no two are alike, and all of which are bad, with a mark.
async fn junk(stand: &Stand, from: u32) {
    for number in from..from + 20 {
        let mark = format!("SPOTTED{number}");
        let token = stand
            .issuer
            .token()
            .subject(&mark)
            .client(&mark)
            .scope(&format!("api:read {mark}"))
            .issue();
        let forged = format!("{}{mark}", token.rsplit_once('.').expect("a signature").0);
        for (method, target, host, token) in [
            ("GET", format!("/{mark}"), "a".to_owned(), &token),
            ("GET", format!("/api/{mark}?{mark}"), "a".to_owned(), &token),
            ("GET", format!("/api/{mark}"), "a".to_owned(), &mark),
            ("GET", format!("/api/{mark}"), "a".to_owned(), &forged),
            ("GET", "/open/".to_owned(), mark.to_lowercase(), &mark),
            (&mark, "/open/".to_owned(), "a".to_owned(), &mark),
        ] {
            let request = Request::builder()
                .method(method)
                .uri(stand.url(&target))
                .header("host", host)
                .header("user-agent", &mark)
                .header("x-request-id", &mark)
                .header("authorization", format!("Bearer {token}"));
            send(request.body(Full::default()).expect("a request")).await;
        }
    }
}

#[tokio::test]
async fn nothing_that_clients_say_becomes_a_label() {
    let stand = Stand::start().await;
    junk(&stand, 0).await;
    let first = scrape(&stand.gateway).await;
    junk(&stand, 1000).await;
    let second = scrape(&stand.gateway).await;
    assert_eq!(first.series(), second.series());
    let asked = |page: &Page| page.count("portcullis_requests", &[]);
    assert_eq!((asked(&first), asked(&second)), (120.0, 240.0));
    let text = second.text.to_lowercase();
    assert!(!text.contains("spotted"), "{text}");
    assert!(
        !text.contains("127.0.0.1:0") && !text.contains("eyj"),
        "{text}"
    );
    // Issuers and upstreams are configured: each is there as it is written, and no other.
    let shown = text.matches("upstream=\"").count();
    let ours = format!("upstream=\"{}\"", stand.upstream.url());
    assert_eq!(text.matches(&ours).count(), shown, "{text}");
}

#[tokio::test]
async fn it_is_read_on_the_admin_listener_and_nowhere_else() {
    let questions = "[forward_auth]\nlisten = \"127.0.0.1:0\"\npeers = [\"127.0.0.1\"]\n";
    let stand = Stand::with(questions).await;
    let admin = stand.gateway.admin_address().unwrap();
    let asked = stand.gateway.forward_auth_address().unwrap();
    for (address, method, status) in [
        (admin, Method::GET, 200),
        (admin, Method::HEAD, 200),
        (admin, Method::POST, 404),
        (admin, Method::DELETE, 404),
        (stand.gateway.address(), Method::GET, 404),
        (asked, Method::GET, 404),
    ] {
        let request = Request::builder()
            .method(&method)
            .uri(format!("http://{address}/metrics"))
            .body(Full::default());
        let answer = send(request.unwrap()).await;
        assert_eq!(answer.status, status, "{method} {address}");
        let read = method == Method::GET && status == 200;
        let text = String::from_utf8_lossy(&answer.body);
        assert_eq!(text.contains("portcullis_requests"), read, "{text}");
    }
}

#[tokio::test]
async fn questions_of_other_proxies_are_counted_apart() {
    let questions = "[forward_auth]\nlisten = \"127.0.0.1:0\"\npeers = [\"127.0.0.1\"]\n";
    let stand = Stand::with(questions).await;
    let address = stand.gateway.forward_auth_address().unwrap();
    let question = |target: &'static str| async move {
        let request = Request::get(format!("http://{address}/nginx"))
            .header("x-original-method", "DELETE")
            .header("x-original-uri", target);
        send(request.body(Full::default()).unwrap()).await.status
    };
    assert_eq!(question("/open/x").await, 200);
    assert_eq!(question("/api/x").await, 401);
    let unclear = Request::get(format!("http://{address}/nginx")).body(Full::default());
    assert_eq!(send(unclear.unwrap()).await.status, 400);
    let page = scrape(&stand.gateway).await;
    for (route, method, status) in [
        ("/open/", "DELETE", "2xx"),
        ("/api/", "DELETE", "4xx"),
        ("-", "GET", "4xx"),
    ] {
        let labels = [
            ("listener", "forward_auth"),
            ("route", route),
            ("method", method),
            ("status", status),
        ];
        assert_eq!(page.count("portcullis_requests", &labels), 1.0, "{route}");
    }
    assert_eq!(page.count("portcullis_requests", &[]), 3.0);
    for reason in ["missing_token", "unclear_request"] {
        let refusals = page.count("portcullis_refusals", &[("reason", reason)]);
        assert_eq!(refusals, 1.0, "{reason}");
    }
}

#[tokio::test]
async fn a_request_that_its_client_gave_up_is_counted() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = format!("http://{}", silent.local_addr().unwrap());
    let gateway = gateway(&open(&upstream, "", "")).await;
    let mut client = TcpStream::connect(gateway.address()).await.unwrap();
    client
        .write_all(b"PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\nx")
        .await
        .unwrap();
    let asked = silent.accept().await.unwrap();
    let page = scrape(&gateway).await;
    assert_eq!(page.count("portcullis_requests", &[]), 0.0);
    drop(client);
    let given_up = [("method", "PUT"), ("status", "given_up"), ("route", "/")];
    let page = until(&gateway, "it is counted", |page| {
        page.count("portcullis_requests", &given_up) == 1.0
    })
    .await;
    assert_eq!(page.count("portcullis_requests", &[]), 1.0);
    assert_eq!(page.count("portcullis_refusals", &[]), 0.0);
    assert_eq!(page.count("portcullis_upstream_errors", &[]), 0.0);
    drop(asked);
}

#[tokio::test]
async fn faults_of_upstreams_are_told_apart() {
    // Nobody listens at the first, the second hangs up, the third says nothing.
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let rude = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (rude_at, silent_at) = (rude.local_addr().unwrap(), silent.local_addr().unwrap());
    let hangs_up = tokio::spawn(async move {
        while let Ok((stream, _)) = rude.accept().await {
            // What was sent is read, so that it is no failure to connect.
            let _ = stream.readable().await;
            drop(stream);
        }
    });
    let mut config = open(&format!("http://{address}"), "", "");
    for (path, upstream) in [("/rude/", rude_at), ("/silent/", silent_at)] {
        config += &format!(
            "[[route]]\npath = \"{path}\"\nauth = \"none\"\n\
             upstream = [\"http://{upstream}\"]\ntimeout = \"100ms\"\n"
        );
    }
    let gateway = gateway(&config).await;
    for (target, status) in [("/", 502), ("/rude/", 502), ("/silent/", 504)] {
        assert_eq!(
            ask(&gateway, Method::GET, target).await.status,
            status,
            "{target}"
        );
    }
    hangs_up.abort();
    let page = scrape(&gateway).await;
    for (route, kind, reason) in [
        ("/", "connect", "upstream_unreachable"),
        ("/rude/", "failed", "upstream_failed"),
        ("/silent/", "timeout", "upstream_timeout"),
    ] {
        let labels = [("route", route), ("kind", kind)];
        assert_eq!(
            page.count("portcullis_upstream_errors", &labels),
            1.0,
            "{route}"
        );
        let refusals = page.count("portcullis_refusals", &[("reason", reason)]);
        assert_eq!(refusals, 1.0, "{reason}");
        let labels = [("route", route), ("status", "5xx")];
        assert_eq!(page.count("portcullis_requests", &labels), 1.0, "{route}");
    }
    assert_eq!(page.count("portcullis_upstream_errors", &[]), 3.0);
}

#[tokio::test]
async fn an_outage_shows_in_keys_verdicts_and_admissions() {
    let issuer = issuer().await;
    issuer.mode(Mode::Error500);
    let routes = "[[route]]\npath = \"/news/\"\nupstream = [\"UPSTREAM\"]\nauth = \"optional\"\n\
                  on_idp_outage = \"anonymous\"\n";
    let stand = Stand::between(issuer, Upstream::start().await, routes).await;
    let name = stand.issuer.issuer().to_owned();
    let labels = [("issuer", &*name), ("state", "cold")];
    let page = scrape(&stand.gateway).await;
    assert_eq!(page.gauge("portcullis_issuer_keys_state", &labels), 1.0);
    assert_eq!(page.gauge("portcullis_issuer_keys", &[]), 0.0);
    let ages = &page.families["portcullis_issuer_keys_age_seconds"].samples;
    assert!(ages.is_empty(), "{ages:?}");
    let token = stand.token();
    assert_eq!(stand.get("/api/x", &token).await.status, 503);
    assert_eq!(stand.get("/news/x", &token).await.status, 200);
    let page = scrape(&stand.gateway).await;
    let labels = [("cause", "key_unavailable"), ("as", "anonymous")];
    assert_eq!(page.count("portcullis_degraded_admissions", &labels), 1.0);
    assert_eq!(page.count("portcullis_degraded_admissions", &[]), 1.0);
    let labels = [("outcome", "indeterminate")];
    assert_eq!(page.count("portcullis_auth_verdicts", &labels), 2.0);
    let labels = [("reason", "key_unavailable")];
    assert_eq!(page.count("portcullis_refusals", &labels), 1.0);
}

#[tokio::test]
async fn the_keys_of_an_issuer_are_shown_as_they_are() {
    let stand = Stand::start().await;
    assert_eq!(stand.get("/api/x", &stand.token()).await.status, 200);
    let forged = stand.issuer.token().sign(&SigningKey::es256());
    assert_ne!(stand.get("/api/x", &forged).await.status, 200);
    let page = scrape(&stand.gateway).await;
    let name = stand.issuer.issuer().to_owned();
    let labels = [("issuer", &*name), ("state", "fresh")];
    assert_eq!(page.gauge("portcullis_issuer_keys_state", &labels), 1.0);
    let labels = [("issuer", &*name)];
    assert_eq!(page.gauge("portcullis_issuer_keys", &labels), 1.0);
    let age = page.gauge("portcullis_issuer_keys_age_seconds", &labels);
    assert!(age < PATIENCE.as_secs_f64(), "{age}");
    assert_eq!(
        page.families["portcullis_issuer_keys_age_seconds"]
            .samples
            .len(),
        1
    );
}

#[tokio::test]
async fn numbers_go_on_through_a_reload() {
    let upstream = Upstream::start().await;
    let config = |more| Config::parse(&open(&upstream.url(), "", more)).unwrap();
    let gateway = gateway(&open(&upstream.url(), "", "")).await;
    let asked = |page: &Page| page.count("portcullis_requests", &[("route", "/")]);
    assert_eq!(ask(&gateway, Method::GET, "/x").await.status, 200);
    let page = scrape(&gateway).await;
    assert_eq!(
        (
            asked(&page),
            page.gauge("portcullis_config_generation", &[])
        ),
        (1.0, 1.0)
    );

    gateway.reload(config("timeout = \"5s\"")).await.unwrap();
    assert_eq!(ask(&gateway, Method::GET, "/x").await.status, 200);
    let page = scrape(&gateway).await;
    assert_eq!(
        (
            asked(&page),
            page.gauge("portcullis_config_generation", &[])
        ),
        (2.0, 2.0)
    );
    assert_eq!(page.count("portcullis_config_failures", &[]), 0.0);
    assert_eq!(page.gauge("portcullis_config_refused", &[]), 0.0);

    let moved = open(&upstream.url(), "", "").replacen("127.0.0.1:0", "127.0.0.1:1", 1);
    gateway
        .reload(Config::parse(&moved).unwrap())
        .await
        .unwrap_err();
    assert_eq!(ask(&gateway, Method::GET, "/x").await.status, 200);
    let page = scrape(&gateway).await;
    assert_eq!(
        (
            asked(&page),
            page.gauge("portcullis_config_generation", &[])
        ),
        (3.0, 2.0)
    );
    assert_eq!(page.count("portcullis_config_failures", &[]), 1.0);
    assert_eq!(page.gauge("portcullis_config_refused", &[]), 1.0);
    assert!(page.gauge("portcullis_config_age_seconds", &[]) < PATIENCE.as_secs_f64());
}

#[tokio::test]
async fn connections_are_counted_up_to_their_bound_and_down_again() {
    let upstream = Upstream::start().await;
    let gateway = gateway(&open(&upstream.url(), "max_connections = 2", "")).await;
    let public = [("listener", "public")];
    let page = scrape(&gateway).await;
    assert_eq!(page.gauge("portcullis_connections", &public), 0.0);
    assert_eq!(page.gauge("portcullis_connections_max", &public), 2.0);
    // The one that it is asked on.
    let admin = [("listener", "admin")];
    assert_eq!(page.gauge("portcullis_connections", &admin), 1.0);

    let connect = || TcpStream::connect(gateway.address());
    let mut two = vec![connect().await.unwrap(), connect().await.unwrap()];
    for client in &mut two {
        // A head that is not complete: who sends one does not have to make room.
        client.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    }
    let open = |page: &Page| page.gauge("portcullis_connections", &public);
    let page = until(&gateway, "two are open", |page| open(page) == 2.0).await;
    assert_eq!(page.count("portcullis_connections_saturated", &public), 0.0);
    two.push(connect().await.unwrap());
    let page = until(&gateway, "there is no room", |page| {
        page.count("portcullis_connections_saturated", &public) == 1.0
    })
    .await;
    assert_eq!(open(&page), 2.0);
    drop(two);
    let page = until(&gateway, "all are gone", |page| open(page) == 0.0).await;
    assert_eq!(page.count("portcullis_connections_accepted", &public), 3.0);
    assert_eq!(page.count("portcullis_connections_saturated", &public), 1.0);
}

#[tokio::test]
async fn a_scrape_beside_requests_adds_up() {
    let stand = Stand::start().await;
    let asking = async {
        for _ in 0..200 {
            assert_eq!(stand.get_bare("/open/x").await.status, 200);
        }
    };
    let scraping = async {
        let mut last = 0.0;
        while last < 200.0 {
            // Each is judged by itself: what a histogram says agrees within it.
            let now = scrape(&stand.gateway)
                .await
                .count("portcullis_requests", &[]);
            assert!(now >= last, "{now} after {last}");
            last = now;
        }
    };
    let both = async { tokio::join!(asking, scraping) };
    tokio::time::timeout(Duration::from_secs(60), both)
        .await
        .expect("in time");
}
