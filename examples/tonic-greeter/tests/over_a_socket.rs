//! The example as a process, called by a tonic client: directly, and through the gateway.

use std::process::Stdio;
use std::time::Duration;

use portcullis_gateway::{Config, Gateway, Running};
use portcullis_testing::{Algorithm, FakeIssuer, Mode, SigningKey};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tonic::codegen::tokio_stream::StreamExt as _;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_greeter::greeter_client::GreeterClient;
use tonic_greeter::{GreetManyRequest, GreetRequest};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

const PATIENCE: Duration = Duration::from_secs(20);
const GREETER: &str = "greeter.v1.Greeter";

struct Stand {
    issuer: FakeIssuer,
    greeter: String,
    gateway: Running,
    _process: Child,
}

/// Which way a call takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Direct,
    Gateway,
}

const WAYS: [Way; 2] = [Way::Direct, Way::Gateway];

// === impl Stand ===

impl Stand {
    async fn start() -> Self {
        let issuer = FakeIssuer::builder()
            .algorithm(Algorithm::Es256)
            .start()
            .await;
        let mut process = Command::new(env!("CARGO_BIN_EXE_tonic-greeter"))
            .env("ISSUER", issuer.issuer())
            .env("AUDIENCE", issuer.audience())
            .env("LISTEN", "127.0.0.1:0")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the built example starts");
        let stdout = process.stdout.take().expect("piped");
        let mut lines = BufReader::new(stdout).lines();
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
        let line = line.expect("in time").expect("read").expect("a line");
        let greeter = line.strip_prefix("listening on ").expect("an address");
        Self {
            gateway: gateway(&issuer, greeter).await,
            greeter: greeter.to_owned(),
            issuer,
            _process: process,
        }
    }

    async fn channel(&self, way: Way) -> Channel {
        let url = match way {
            Way::Direct => self.greeter.clone(),
            Way::Gateway => format!("http://{}", self.gateway.address()),
        };
        let endpoint = Endpoint::try_from(url).expect("a URL").timeout(PATIENCE);
        endpoint.connect().await.expect("a connection")
    }

    /// The greeting, or the status in its place.
    async fn greet(&self, way: Way, token: Option<&str>) -> Result<String, Status> {
        let mut client = GreeterClient::new(self.channel(way).await);
        let name = "bob".to_owned();
        let reply = client.greet(with(token, GreetRequest { name })).await?;
        Ok(reply.into_inner().greeting)
    }

    fn token(&self, scope: &str) -> String {
        self.issuer.token().subject("alice").scope(scope).issue()
    }
}

/// The gateway of the README.
async fn gateway(issuer: &FakeIssuer, greeter: &str) -> Running {
    let readme = include_str!("../README.md");
    let block = readme.split("```toml\n").nth(1).expect("a configuration");
    let block = block.split("```").next().expect("its end");
    let mut config = block.to_owned();
    for (written, here) in [
        ("127.0.0.1:8080", "127.0.0.1:0"),
        ("https://idp.example.com", issuer.issuer()),
        ("https://api.example.com", issuer.audience()),
        ("http://127.0.0.1:50051", greeter),
    ] {
        assert!(config.contains(written), "{written} in\n{config}");
        config = config.replace(written, here);
    }
    let config = Config::parse(&config).unwrap_or_else(|error| panic!("{error}"));
    Gateway::start(config).await.expect("a gateway")
}

fn with<T>(token: Option<&str>, message: T) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().expect("a value");
        request.metadata_mut().insert("authorization", value);
    }
    request
}

fn challenge(status: &Status) -> &str {
    let value = status.metadata().get("www-authenticate");
    value.map_or("", |value| value.to_str().expect("text"))
}

#[tokio::test]
async fn a_good_token_is_known_to_the_service_either_way() {
    let stand = Stand::start().await;
    let token = stand.token("greet");
    for way in WAYS {
        let greeting = stand.greet(way, Some(&token)).await;
        assert_eq!(greeting.expect("a greeting"), "alice greets bob", "{way:?}");
    }
}

#[tokio::test]
async fn a_call_without_token_is_unauthenticated_either_way() {
    let stand = Stand::start().await;
    for way in WAYS {
        let refused = stand.greet(way, None).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated, "{way:?}");
        assert_eq!(challenge(&refused), "Bearer", "{way:?}");
        let refused = stand.greet(way, Some("garbage")).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated, "{way:?}");
        assert!(challenge(&refused).contains("invalid_token"), "{way:?}");
    }
}

#[tokio::test]
async fn a_token_without_the_scope_is_denied_either_way() {
    let stand = Stand::start().await;
    let token = stand.token("other");
    for way in WAYS {
        let refused = stand.greet(way, Some(&token)).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{way:?}");
        let challenge = challenge(&refused);
        assert!(challenge.contains("scope=\"greet\""), "{way:?} {challenge}");
    }
}

#[tokio::test]
async fn an_outage_of_the_issuer_is_unavailable_either_way_and_known_keys_go_on() {
    let stand = Stand::start().await;
    for way in WAYS {
        let greeting = stand.greet(way, Some(&stand.token("greet"))).await;
        assert!(greeting.is_ok(), "{way:?} {greeting:?}");
    }
    stand.issuer.mode(Mode::Refuse);
    let unknown = stand.issuer.token().scope("greet");
    let unknown = unknown.sign(&SigningKey::es256());
    for way in WAYS {
        let greeting = stand.greet(way, Some(&stand.token("greet"))).await;
        assert!(greeting.is_ok(), "{way:?} {greeting:?}");
        let refused = stand.greet(way, Some(&unknown)).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unavailable, "{way:?} {refused:?}");
        assert_eq!(challenge(&refused), "", "{way:?}");
        let pushback = refused.metadata().get("grpc-retry-pushback-ms");
        assert!(pushback.is_some(), "{way:?} {refused:?}");
    }
}

#[tokio::test]
async fn a_stream_arrives_whole_and_its_error_comes_in_the_trailers() {
    let stand = Stand::start().await;
    let token = stand.token("greet");
    let names = ["bob", "carol", "", "dave"].map(str::to_owned).to_vec();
    for way in WAYS {
        let mut client = GreeterClient::new(stand.channel(way).await);
        let request = GreetManyRequest {
            names: names.clone(),
        };
        let stream = client.greet_many(with(Some(&token), request)).await;
        let items: Vec<_> = stream.expect("a stream").into_inner().collect().await;
        let [Ok(first), Ok(second), Err(last)] = &items[..] else {
            panic!("{way:?}: two greetings and an error: {items:?}");
        };
        assert_eq!(first.greeting, "alice greets bob");
        assert_eq!(second.greeting, "alice greets carol");
        assert_eq!(
            (last.code(), last.message()),
            (Code::InvalidArgument, "whom?")
        );
    }
}

#[tokio::test]
async fn health_is_watched_without_a_token_either_way_and_a_bad_one_is_refused() {
    let stand = Stand::start().await;
    for way in WAYS {
        let mut client = HealthClient::new(stand.channel(way).await);
        let request = || HealthCheckRequest {
            service: GREETER.to_owned(),
        };
        let stream = client.watch(with(None, request())).await;
        let mut stream = stream.expect("a stream").into_inner();
        let first = tokio::time::timeout(PATIENCE, stream.message()).await;
        let first = first.expect("in time, though the stream goes on");
        let first = first.expect("no error").expect("a message");
        assert_eq!(first.status(), ServingStatus::Serving, "{way:?}");

        let refused = client.watch(with(Some("garbage"), request())).await;
        let refused = refused.expect_err("a bad token");
        assert_eq!(refused.code(), Code::Unauthenticated, "{way:?}");
    }
}

#[tokio::test]
async fn what_the_gateway_has_no_route_for_is_unimplemented() {
    let stand = Stand::start().await;
    let channel = stand.channel(Way::Gateway).await;
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.expect("ready");
    let path = tonic::codegen::http::uri::PathAndQuery::from_static("/other.v1.Other/Do");
    let codec = tonic_prost::ProstCodec::<GreetRequest, GreetRequest>::default();
    let request = with(Some(&stand.token("greet")), GreetRequest::default());
    let refused = client.unary(request, path, codec).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
}

#[tokio::test]
async fn what_is_not_set_is_named() {
    let ended = Command::new(env!("CARGO_BIN_EXE_tonic-greeter"))
        .env_remove("ISSUER")
        .output()
        .await
        .unwrap();
    assert!(!ended.status.success());
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(said.contains("set ISSUER"), "{said}");
}
