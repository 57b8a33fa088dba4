//! Other proxies ask whether a request may pass, each as it does by its own documentation.

use std::time::Duration;

use http::header::HOST;
use http::request::Builder;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use portcullis_gateway::{Config, Gateway};
use portcullis_testing::{Mode, SigningKey};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::stand::{Answer, PATIENCE, Stand, gateway, issuer, send, send_http2};

/// An endpoint that believes this machine, beside the routes of the stand.
const ENDPOINT: &str = "[forward_auth]\nlisten = \"127.0.0.1:0\"\npeers = [\"127.0.0.1\"]\n";

/// A route that lets anonymous callers through while the issuer is down.
const NEWS: &str = "[[route]]\npath = \"/news/\"\nupstream = [\"UPSTREAM\"]\nauth = \"optional\"\non_idp_outage = \"anonymous\"\n";

/// Who asks.
#[derive(Clone, Copy, Debug)]
enum Proxy {
    Nginx,
    Traefik,
    Envoy,
}

const ALL: [Proxy; 3] = [Proxy::Nginx, Proxy::Traefik, Proxy::Envoy];

const IDENTITY: [&str; 5] = [
    "x-auth-subject",
    "x-auth-issuer",
    "x-auth-client",
    "x-auth-scopes",
    "x-auth-degraded",
];

// === impl Proxy ===

impl Proxy {
    /// The question about a request of a client of `api.example.com`, without the headers of the client.
    ///
    /// - nginx as in `docs/forward-auth.md`; the real one asks in `nginx_asks.rs`.
    /// - Traefik (<https://doc.traefik.io/traefik/reference/routing-configuration/http/middlewares/forwardauth/>):
    ///   a GET of the configured address with the headers of the client but those of one hop, and five
    ///   `X-Forwarded-` headers of its own, which take the place of the client's.
    /// - Envoy (<https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/filters/http/ext_authz/v3/ext_authz.proto>):
    ///   method, host, `authorization` and what `allowed_headers` names, `path_prefix` before path and
    ///   query, `content-length: 0`.
    fn asks(self, stand: &Stand, method: &Method, target: &str) -> Builder {
        let address = stand.gateway.forward_auth_address().expect("an endpoint");
        match self {
            Self::Nginx => Request::get(format!("http://{address}/nginx"))
                .header("host", "api.example.com")
                .header("x-original-method", method.as_str())
                .header("x-original-uri", target)
                .header("x-forwarded-for", "192.0.2.7"),
            Self::Traefik => Request::get(format!("http://{address}/traefik"))
                .header("user-agent", "curl/8")
                .header("accept-encoding", "gzip")
                .header("x-forwarded-for", "192.0.2.7")
                .header("x-forwarded-host", "api.example.com")
                .header("x-forwarded-method", method.as_str())
                .header("x-forwarded-port", "443")
                .header("x-forwarded-proto", "https")
                .header("x-forwarded-server", "edge-1")
                .header("x-forwarded-uri", target)
                .header("x-real-ip", "192.0.2.7"),
            Self::Envoy => Request::builder()
                .method(method.clone())
                .uri(format!("http://{address}/envoy{target}"))
                .header("host", "api.example.com")
                .header("content-length", "0")
                .header("x-envoy-internal", "true")
                .header("x-forwarded-for", "10.0.0.9")
                .header("x-envoy-expected-rq-timeout-ms", "5000"),
        }
    }

    async fn ask(self, stand: &Stand, method: Method, target: &str, token: Option<&str>) -> Answer {
        let mut question = self.asks(stand, &method, target);
        if let Some(token) = token {
            question = question.header("authorization", format!("Bearer {token}"));
        }
        put(question).await
    }

    async fn get(self, stand: &Stand, target: &str, token: Option<&str>) -> Answer {
        self.ask(stand, Method::GET, target, token).await
    }
}

async fn put(question: Builder) -> Answer {
    send(question.body(Full::default()).expect("a question")).await
}

fn lost(stand: &Stand) -> String {
    let token = stand.issuer.token().subject("alice").scope("api:read");
    token.sign(&SigningKey::es256())
}

#[tokio::test]
async fn good_token_is_200_with_all_identity_headers() {
    let stand = Stand::with(ENDPOINT).await;
    for proxy in ALL {
        let answer = proxy
            .get(&stand, "/api/orders?x=%2f", Some(&stand.token()))
            .await;
        assert_eq!(answer.status, 200, "{proxy:?} {answer:?}");
        assert_eq!(answer.header("x-auth-subject"), "alice");
        assert_eq!(answer.header("x-auth-issuer"), stand.issuer.issuer());
        assert_eq!(answer.header("x-auth-client"), "web");
        assert_eq!(answer.header("x-auth-scopes"), "api:read api:write");
        assert_eq!(answer.headers["x-auth-degraded"], "");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(answer.body.is_empty());
    }
    assert_eq!(stand.upstream.calls(), 0, "nothing is forwarded");
}

#[tokio::test]
async fn nobody_is_told_by_empty_headers_and_claims_are_not_echoed() {
    let stand = Stand::with(ENDPOINT).await;
    for (proxy, target) in ALL
        .into_iter()
        .flat_map(|one| [(one, "/mixed/x"), (one, "/open/x")])
    {
        let question = proxy.asks(&stand, &Method::GET, target);
        let answer = put(question.header("x-auth-subject", "mallory")).await;
        assert_eq!(answer.status, 200, "{proxy:?} {target}");
        for name in IDENTITY {
            let values: Vec<_> = answer.headers.get_all(name).iter().collect();
            assert_eq!(values, [""], "{proxy:?} {target} {name}");
        }
    }
}

#[tokio::test]
async fn refusals_are_those_of_the_proxy() {
    let stand = Stand::with(ENDPOINT).await;
    let expired = stand.issuer.token().scope("api:read");
    let expired = expired.expired(Duration::from_secs(600)).issue();
    let narrow = stand.issuer.token().scope("profile").issue();
    for (token, status) in [
        (None, 401),
        (Some("garbage"), 401),
        (Some(&*expired), 401),
        (Some(&*narrow), 403),
    ] {
        let forwarded = match token {
            Some(token) => stand.get("/api/x", token).await,
            None => stand.get_bare("/api/x").await,
        };
        assert_eq!(forwarded.status.as_u16(), status);
        for proxy in ALL {
            let asked = proxy.get(&stand, "/api/x", token).await;
            assert_eq!(asked.status, forwarded.status, "{proxy:?}");
            assert_eq!(asked.reason(), forwarded.reason(), "{proxy:?}");
            let challenge = asked.header("www-authenticate");
            assert!(challenge.starts_with("Bearer"), "{proxy:?} {challenge}");
            assert_eq!(challenge, forwarded.header("www-authenticate"));
            assert_eq!(asked.header("x-auth-subject"), "");
        }
    }
}

#[tokio::test]
async fn outage_is_503_with_retry_after_and_known_keys_go_on() {
    let stand = Stand::with(ENDPOINT).await;
    let known = Proxy::Nginx
        .get(&stand, "/api/x", Some(&stand.token()))
        .await;
    assert_eq!(known.status, 200);
    stand.issuer.mode(Mode::Refuse);
    for proxy in ALL {
        let answer = proxy.get(&stand, "/api/x", Some(&lost(&stand))).await;
        assert_eq!(answer.status, 503, "{proxy:?} {answer:?}");
        assert!(
            answer
                .header("retry-after")
                .parse::<u64>()
                .expect("seconds")
                > 0
        );
        assert_eq!(answer.header("www-authenticate"), "");
        let known = proxy.get(&stand, "/api/x", Some(&stand.token())).await;
        assert_eq!(known.status, 200, "{proxy:?}");
    }
}

#[tokio::test]
async fn degrade_policy_holds_and_neither_an_upgrade_nor_a_post_is_safe() {
    let stand = Stand::with(&format!("{ENDPOINT}{NEWS}")).await;
    stand.issuer.mode(Mode::Refuse);
    let token = lost(&stand);
    let bearer = format!("Bearer {token}");
    for proxy in ALL {
        let page = proxy.get(&stand, "/news/x", Some(&token)).await;
        assert_eq!(page.status, 200, "{proxy:?} {page:?}");
        assert_eq!(page.header("x-auth-subject"), "");
        let post = proxy
            .ask(&stand, Method::POST, "/news/x", Some(&token))
            .await;
        assert_eq!(post.status, 503, "{proxy:?}");
        // What each passes on of an opening handshake: Traefik keeps `Upgrade` for itself.
        for (name, value) in [
            ("upgrade", "websocket"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-version", "13"),
        ] {
            let socket = proxy.asks(&stand, &Method::GET, "/news/x");
            let socket = socket.header("authorization", &bearer).header(name, value);
            assert_eq!(put(socket).await.status, 503, "{proxy:?} {name}");
        }
    }
}

#[tokio::test]
async fn ambiguous_paths_are_refused_as_by_the_proxy() {
    let stand = Stand::with(ENDPOINT).await;
    for target in [
        "/open/../api/x",
        "/open/%2e%2e/api/x",
        "/open/..;/api/x",
        "/open%2f..%2fapi/x",
        "/open/..%5capi",
        "//api/x",
        "/%61pi/x",
        "/api;x=1/x",
        "/open/%00",
        "/open/./x",
    ] {
        let forwarded = stand.get_bare(target).await;
        assert_eq!(forwarded.reason(), "ambiguous_path", "{target}");
        for proxy in ALL {
            let asked = proxy.get(&stand, target, None).await;
            assert_eq!(asked.status, 400, "{proxy:?} {target}");
            assert_eq!(asked.reason(), "ambiguous_path", "{proxy:?} {target}");
        }
    }
    for target in ["/open/a//b", "/open/%20", "/open?/../api"] {
        assert_eq!(stand.get_bare(target).await.status, 200, "{target}");
        for proxy in ALL {
            let asked = proxy.get(&stand, target, None).await;
            assert_eq!(asked.status, 200, "{proxy:?} {target}");
        }
    }
}

#[tokio::test]
async fn what_no_route_has_is_never_let_through() {
    let only = "[[route]]\npath = \"/read/\"\nupstream = [\"UPSTREAM\"]\nauth = \"none\"\nmethods = [\"GET\"]\n";
    let stand = Stand::with(&format!("{ENDPOINT}{only}")).await;
    for proxy in ALL {
        for target in ["/", "/apix", "/API/x", "/openly"] {
            let answer = proxy.get(&stand, target, Some(&stand.token())).await;
            assert_eq!(answer.status, 404, "{proxy:?} {target}");
            assert_eq!(answer.reason(), "no_route");
        }
        let answer = proxy.ask(&stand, Method::POST, "/read/x", None).await;
        assert_eq!(answer.status, 405, "{proxy:?}");
        assert_eq!(answer.header("allow"), "GET, HEAD");
        assert_eq!(proxy.get(&stand, "/read/x", None).await.status, 200);
    }
}

#[tokio::test]
async fn hosts_that_are_not_served_are_not_let_through() {
    let issuer = issuer().await;
    let config = format!(
        "[server]\nhosts = [\"api.example.com\"]\n{ENDPOINT}\
         [[issuer]]\nurl = \"{}\"\naudiences = [\"a\"]\n[[route]]\npath = \"/\"\nauth = \"none\"\n",
        issuer.issuer()
    );
    let gateway = gateway(&config).await;
    let address = gateway.forward_auth_address().expect("an endpoint");
    for (host, status) in [
        ("api.example.com", 200),
        ("API.example.com:443", 200),
        ("other", 421),
        ("a b", 400),
    ] {
        let nginx = Request::get(format!("http://{address}/nginx"))
            .header(HOST, host)
            .header("x-original-method", "GET")
            .header("x-original-uri", "/");
        let traefik = Request::get(format!("http://{address}/traefik"))
            .header("x-forwarded-host", host)
            .header("x-forwarded-method", "GET")
            .header("x-forwarded-uri", "/");
        for question in [nginx, traefik] {
            assert_eq!(put(question).await.status.as_u16(), status, "{host}");
        }
    }
}

#[tokio::test]
async fn only_configured_peers_are_believed() {
    for (peers, status) in [
        ("\"127.0.0.1\"", 200),
        ("\"127.0.0.0/8\"", 200),
        ("\"127.0.0.2\"", 403),
        ("\"10.0.0.0/8\", \"::1\"", 403),
    ] {
        let stand = Stand::with(&ENDPOINT.replace("\"127.0.0.1\"", peers)).await;
        for proxy in ALL {
            let answer = proxy.get(&stand, "/open/x", None).await;
            assert_eq!(answer.status.as_u16(), status, "{peers} {proxy:?}");
            assert_eq!(answer.headers.contains_key("x-auth-subject"), status == 200);
            if status == 403 {
                assert_eq!(answer.reason(), "untrusted_peer");
                assert_eq!(answer.header("www-authenticate"), "");
            }
        }
    }
}

#[tokio::test]
async fn what_is_not_said_once_and_well_is_refused() {
    let stand = Stand::with(ENDPOINT).await;
    let address = stand.gateway.forward_auth_address().expect("an endpoint");
    let nginx =
        "/nginx HTTP/1.1\r\nhost: a\r\nx-original-method: GET\r\nx-original-uri: /open/x\r\n";
    let traefik = "/traefik HTTP/1.1\r\nhost: a\r\nx-forwarded-method: GET\r\nx-forwarded-uri: /open/x\r\nx-forwarded-host: a\r\n";
    let mut table = vec![
        (nginx.to_owned(), 200),
        (traefik.to_owned(), 200),
        ("/envoy/open/x HTTP/1.1\r\nhost: a\r\n".to_owned(), 200),
        ("/envoy HTTP/1.1\r\nhost: a\r\n".to_owned(), 400),
        ("/envoy?/open HTTP/1.1\r\nhost: a\r\n".to_owned(), 400),
        ("/envoyed/open/x HTTP/1.1\r\nhost: a\r\n".to_owned(), 404),
        ("/nginx/open/x HTTP/1.1\r\nhost: a\r\n".to_owned(), 404),
        ("/open/x HTTP/1.1\r\nhost: a\r\n".to_owned(), 404),
        (nginx.replace("/nginx", "/traefik"), 400),
        (traefik.replace("/traefik", "/nginx"), 400),
        (nginx.replace("/open/x", "open/x"), 400),
        (nginx.replace("/open/x", "http://a/open/x"), 400),
        (nginx.replace("/open/x", "/open/x#/../api"), 400),
        (nginx.replace("/open/x", &"/open".repeat(3300)), 400),
        (nginx.replace(": GET", ": GET GET"), 400),
        (nginx.replace(": GET", ": "), 400),
    ];
    for head in [nginx, traefik] {
        for line in head.lines().skip(1).filter(|line| line.starts_with('x')) {
            let line = format!("{line}\r\n");
            table.push((head.replace(&line, ""), 400));
            table.push((head.replace(&line, &line.repeat(2)), 400));
        }
    }
    for (head, status) in table {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let question = format!("GET {head}connection: close\r\n\r\n");
        stream
            .write_all(question.as_bytes())
            .await
            .expect("written");
        let mut answer = String::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer)).await;
        read.expect("in time").expect("read");
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{head}\n{answer}"
        );
    }
}

#[tokio::test]
async fn a_grpc_refusal_is_an_http_status_and_no_yes() {
    let stand = Stand::with(ENDPOINT).await;
    for proxy in ALL {
        let question = proxy.asks(&stand, &Method::POST, "/api/x.Y/Z");
        let answer = put(question.header("content-type", "application/grpc")).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{proxy:?}");
        assert_eq!(answer.reason(), "missing_token");
    }
}

#[tokio::test]
async fn it_is_asked_over_http_2_too() {
    let stand = Stand::with(ENDPOINT).await;
    let address = stand.gateway.forward_auth_address().expect("an endpoint");
    for (token, status) in [(stand.token(), 200), ("garbage".to_owned(), 401)] {
        let question = Request::get(format!("http://{address}/envoy/api/x"))
            .header("authorization", format!("Bearer {token}"))
            .body(Full::default())
            .expect("a question");
        let answer = send_http2(question).await;
        assert_eq!(answer.status.as_u16(), status);
    }
}

#[tokio::test]
async fn no_body_is_waited_for() {
    let stand = Stand::with(ENDPOINT).await;
    let address = stand.gateway.forward_auth_address().expect("an endpoint");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let question = "POST /nginx HTTP/1.1\r\nhost: a\r\nx-original-method: POST\r\nx-original-uri: /open/x\r\n\
                    content-length: 1000000\r\n\r\nabc";
    stream
        .write_all(question.as_bytes())
        .await
        .expect("written");
    let mut begin = [0; 15];
    let read = tokio::time::timeout(PATIENCE, stream.read_exact(&mut begin)).await;
    read.expect("in time").expect("read");
    assert_eq!(&begin, b"HTTP/1.1 200 OK");
}

#[tokio::test]
async fn it_can_be_all_that_there_is() {
    let issuer = issuer().await;
    let config = format!(
        "{ENDPOINT}[[issuer]]\nurl = \"{}\"\naudiences = [\"{}\"]\n\
         [[route]]\npath = \"/api/\"\nscopes = [\"api:read\"]\n",
        issuer.issuer(),
        issuer.audience()
    );
    let gateway = gateway(&config).await;
    let address = gateway.forward_auth_address().expect("an endpoint");
    let token = issuer.token().subject("alice").scope("api:read").issue();
    for (token, status) in [(&*token, 200), ("garbage", 401)] {
        let question = Request::get(format!("http://{address}/envoy/api/x"))
            .header("authorization", format!("Bearer {token}"));
        assert_eq!(put(question).await.status.as_u16(), status);
    }
    assert!(gateway.shut_down().await);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn questions_are_answered_by_the_configuration_of_now() {
    let config = |peers: &str, auth: &str| {
        let text = format!(
            "[forward_auth]\nlisten = \"127.0.0.1:0\"\npeers = [\"{peers}\"]\n\
             [[issuer]]\nurl = \"https://idp.example.com\"\naudiences = [\"a\"]\n\
             [[route]]\npath = \"/\"\nauth = \"{auth}\"\n"
        );
        Config::parse(&text).unwrap_or_else(|error| panic!("{error}"))
    };
    let gateway = Gateway::start(config("127.0.0.1", "none")).await;
    let gateway = gateway.expect("a gateway");
    let address = gateway.forward_auth_address().expect("an endpoint");
    for (peers, auth, status) in [
        ("127.0.0.1", "none", 200),
        ("127.0.0.1", "required", 401),
        ("10.0.0.1", "none", 403),
        ("127.0.0.1", "none", 200),
    ] {
        gateway.reload(config(peers, auth)).await.expect("taken");
        let answer = put(Request::get(format!("http://{address}/envoy/x"))).await;
        assert_eq!(answer.status.as_u16(), status, "{peers} {auth}");
    }
}
