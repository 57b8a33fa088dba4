//! Both middlewares round a tonic server, called by a tonic client over a real socket.
#![allow(clippy::unwrap_used, reason = "in a test it is an assertion")]

use std::time::Duration;

use portcullis_auth::{AuthLayer, Challenge, Degrade, Outage, Reason, RequireLayer, Verdict};
use portcullis_core::{OutageCause, RequestExt as _};
use portcullis_testing::{StubVerifier, identity};
use tokio::net::TcpListener;
use tonic::codegen::tokio_stream::{self, StreamExt as _};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

/// Serves whoever is known, and says NOT_FOUND with the name that it saw to who asks for one.
struct Desk;

type Answer = Result<HealthCheckResponse, Status>;

fn serving() -> HealthCheckResponse {
    let mut answer = HealthCheckResponse::default();
    answer.set_status(ServingStatus::Serving);
    answer
}

#[tonic::async_trait]
impl Health for Desk {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let subject = request.extensions().identity().and_then(|it| it.subject());
        match request.get_ref().service.as_str() {
            "whoami" => Err(Status::not_found(subject.unwrap_or("nobody"))),
            _ => Ok(Response::new(serving())),
        }
    }

    type WatchStream = tokio_stream::Once<Answer>;

    async fn watch(
        &self,
        _: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        Ok(Response::new(tokio_stream::once(Ok(serving()))))
    }
}

fn verifier() -> StubVerifier {
    let alice = || identity("alice").scopes("desk").build();
    let outage = || {
        let outage = Outage::new(OutageCause::KeyUnavailable);
        outage.retry_after(Duration::from_secs(8))
    };
    StubVerifier::new()
        .valid("good", alice())
        .valid("narrow", identity("bob").scopes("other").build())
        .invalid("expired", Reason::Expired)
        .invalid("twice", Reason::ManyCredentials)
        .indeterminate("lost", outage())
        .slow("slow-good", Verdict::Valid(alice()))
        .slow("slow-expired", Verdict::Invalid(Reason::Expired))
        .slow("slow-lost", Verdict::Indeterminate(outage()))
}

fn challenge() -> Challenge {
    Challenge::new().with_realm("desk").unwrap()
}

/// A server with the layers round it, until the test ends; and a client of it.
async fn client(auth: AuthLayer<StubVerifier>) -> HealthClient<Channel> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let require = RequireLayer::new()
        .with_scopes(["desk"])
        .unwrap()
        .with_challenge(challenge());
    let server = Server::builder()
        .layer(auth.with_challenge(challenge()))
        .layer(require)
        .add_service(HealthServer::new(Desk))
        .serve_with_incoming(TcpIncoming::from(listener));
    tokio::spawn(server);
    let channel = Endpoint::try_from(format!("http://{address}"))
        .unwrap()
        .timeout(Duration::from_secs(10));
    HealthClient::new(channel.connect().await.unwrap())
}

fn ask(service: &str, token: Option<&str>) -> Request<HealthCheckRequest> {
    let mut request = Request::new(HealthCheckRequest {
        service: service.into(),
    });
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    request
}

fn metadata<'a>(status: &'a Status, name: &str) -> Option<&'a str> {
    status
        .metadata()
        .get(name)
        .map(|value| value.to_str().unwrap())
}

const EXPIRED: &str =
    "Bearer realm=\"desk\", error=\"invalid_token\", error_description=\"The token has expired.\"";

#[tokio::test]
async fn a_good_token_reaches_the_service_with_its_identity() {
    let mut client = client(AuthLayer::new(verifier())).await;
    for token in ["good", "slow-good"] {
        let answer = client.check(ask("", Some(token))).await.unwrap();
        assert_eq!(answer.get_ref().status(), ServingStatus::Serving);
        let status = client.check(ask("whoami", Some(token))).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::NotFound, "alice"));
        let stream = client.watch(ask("", Some(token))).await.unwrap();
        let items: Vec<_> = stream.into_inner().collect().await;
        assert_eq!(items.len(), 1);
        assert_eq!(items[0].as_ref().unwrap().status(), ServingStatus::Serving);
    }
}

#[tokio::test]
async fn refusals_are_a_status_with_the_challenge_as_metadata() {
    let mut client = client(AuthLayer::new(verifier())).await;
    let cases = [
        (
            None,
            Code::Unauthenticated,
            "A token is required.",
            Some("Bearer realm=\"desk\""),
        ),
        (
            Some("expired"),
            Code::Unauthenticated,
            "The token has expired.",
            Some(EXPIRED),
        ),
        (
            Some("slow-expired"),
            Code::Unauthenticated,
            "The token has expired.",
            Some(EXPIRED),
        ),
        (
            Some("twice"),
            Code::InvalidArgument,
            "Present one credential, in one place.",
            Some(
                "Bearer realm=\"desk\", error=\"invalid_request\", error_description=\"Present one credential, in one place.\"",
            ),
        ),
        (
            Some("narrow"),
            Code::PermissionDenied,
            "The token does not grant the scope that is needed here.",
            Some("Bearer realm=\"desk\", error=\"insufficient_scope\", scope=\"desk\""),
        ),
        (
            Some("lost"),
            Code::Unavailable,
            "The token could not be checked at the moment. Keep it, and try again.",
            None,
        ),
        (
            Some("slow-lost"),
            Code::Unavailable,
            "The token could not be checked at the moment. Keep it, and try again.",
            None,
        ),
    ];
    for (token, code, message, challenge) in cases {
        let unary = client.check(ask("", token)).await.unwrap_err();
        // A streaming call is refused at once too, not by its first item.
        let streaming = client.watch(ask("", token)).await.unwrap_err();
        for status in [unary, streaming] {
            assert_eq!(status.code(), code, "{token:?}");
            assert_eq!(status.message(), message, "{token:?}");
            assert_eq!(
                metadata(&status, "www-authenticate"),
                challenge,
                "{token:?}"
            );
            let pushback = metadata(&status, "grpc-retry-pushback-ms");
            let pushback: Option<u64> = pushback.map(|millis| millis.parse().unwrap());
            assert_eq!(pushback.is_some(), code == Code::Unavailable, "{token:?}");
            assert!(pushback.is_none_or(|millis| (8_000..=10_000).contains(&millis)));
        }
    }
}

#[tokio::test]
async fn anonymous_where_optional_is_unauthenticated_where_required() {
    let mut client = client(AuthLayer::new(verifier()).optional()).await;
    let status = client.check(ask("", None)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!(
        metadata(&status, "www-authenticate"),
        Some("Bearer realm=\"desk\"")
    );
}

#[tokio::test]
async fn a_call_is_an_unsafe_method_so_grace_is_an_explicit_choice() {
    let alice = identity("alice").scopes("desk").build();
    let outage = Outage::new(OutageCause::KeysStale).holding(alice, Duration::from_secs(1));
    let verifier = StubVerifier::new().indeterminate("lost", outage);
    let grace = Degrade::allow_for(Duration::from_secs(60)).unwrap();
    let layer = AuthLayer::new(verifier);

    let mut strict = client(layer.clone().with_degrade(grace.clone())).await;
    let status = strict.check(ask("", Some("lost"))).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    let mut graceful = client(layer.with_degrade(grace.with_unsafe_methods())).await;
    let status = graceful
        .check(ask("whoami", Some("lost")))
        .await
        .unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::NotFound, "alice"));
}

#[tokio::test]
async fn a_connection_outlives_its_refusals() {
    let mut client = client(AuthLayer::new(verifier())).await;
    for _ in 0..20 {
        assert!(client.check(ask("", Some("expired"))).await.is_err());
        assert!(client.check(ask("", Some("good"))).await.is_ok());
    }
}
