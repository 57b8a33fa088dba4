//! gRPC through the gateway, by tonic on both ends.

use std::pin::Pin;
use std::time::Duration;

use portcullis_core::{Clock, SystemClock, UnixTime};
use portcullis_gateway::{Config, Running};
use portcullis_testing::FakeIssuer;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tonic::codegen::tokio_stream::{self, Stream, StreamExt as _};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::stand::{PATIENCE, gateway, issuer};

/// Answers a check with who asks, and lets a watch go on as its name says.
struct Desk;

type Answer = Result<HealthCheckResponse, Status>;

fn serving(status: ServingStatus) -> HealthCheckResponse {
    let mut answer = HealthCheckResponse::default();
    answer.set_status(status);
    answer
}

#[tonic::async_trait]
impl Health for Desk {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let subject = request.metadata().get("x-auth-subject").cloned();
        let mut response = Response::new(serving(ServingStatus::Serving));
        response
            .metadata_mut()
            .insert("x-seen", subject.expect("a subject"));
        match request.get_ref().service.as_str() {
            "lost" => Err(Status::with_details(
                Code::NotFound,
                "no such: döner",
                "\0\x01".into(),
            )),
            _ => Ok(response),
        }
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Answer> + Send>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let known = [ServingStatus::Serving, ServingStatus::NotServing];
        let known = tokio_stream::iter(known.map(|status| Ok(serving(status))));
        Ok(Response::new(match request.get_ref().service.as_str() {
            "breaks" => {
                let broken = Err(Status::data_loss("half of it"));
                Box::pin(known.chain(tokio_stream::once(broken)))
            }
            "endless" => Box::pin(known.chain(tokio_stream::pending())),
            _ => Box::pin(known),
        }))
    }
}

/// The gateway, with one guarded route to tonic.
struct Called {
    gateway: Running,
    issuer: FakeIssuer,
    config: String,
    task: JoinHandle<()>,
}

impl Called {
    async fn start() -> Self {
        let issuer = issuer().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let upstream = listener.local_addr().expect("an address");
        let task = tokio::spawn(async move {
            let server = Server::builder().add_service(HealthServer::new(Desk));
            let _ = server
                .serve_with_incoming(TcpIncoming::from(listener))
                .await;
        });
        let config = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n\
             [[issuer]]\nurl = \"{}\"\naudiences = [\"{}\"]\nleeway = \"1s\"\n\
             [[route]]\npath = \"/grpc.health.v1.Health\"\nupstream = [\"http://{upstream}\"]\nprotocol = \"http2\"\n\
             scopes = [\"desk\"]",
            issuer.issuer(),
            issuer.audience(),
        );
        Self {
            gateway: gateway(&config).await,
            issuer,
            config,
            task,
        }
    }

    async fn client(&self) -> HealthClient<Channel> {
        let endpoint = Endpoint::try_from(format!("http://{}", self.gateway.address()));
        let channel = endpoint.expect("an endpoint").connect().await;
        HealthClient::new(channel.expect("a channel"))
    }

    fn token(&self) -> String {
        self.issuer.token().subject("alice").scope("desk").issue()
    }
}

impl Drop for Called {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn about(service: &str, token: &str) -> Request<HealthCheckRequest> {
    let mut request = Request::new(HealthCheckRequest {
        service: service.to_owned(),
    });
    let value = format!("Bearer {token}").parse().expect("a value");
    request.metadata_mut().insert("authorization", value);
    request
}

#[tokio::test]
async fn a_unary_call_goes_through_with_its_metadata() {
    let called = Called::start().await;
    let mut client = called.client().await;
    let answer = client.check(about("", &called.token())).await.unwrap();
    assert_eq!(answer.metadata().get("x-seen").unwrap(), "alice");
    assert_eq!(answer.get_ref().status(), ServingStatus::Serving);
}

#[tokio::test]
async fn an_error_comes_with_its_message_and_details() {
    let called = Called::start().await;
    let mut client = called.client().await;
    let status = client
        .check(about("lost", &called.token()))
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), status.message(), status.details()),
        (Code::NotFound, "no such: döner", &b"\0\x01"[..])
    );
}

#[tokio::test]
async fn a_stream_goes_through_up_to_the_error_in_its_trailers() {
    let called = Called::start().await;
    let mut client = called.client().await;
    for (service, ends_with) in [("ends", None), ("breaks", Some(Code::DataLoss))] {
        let stream = client.watch(about(service, &called.token())).await.unwrap();
        let mut stream = stream.into_inner();
        for status in [ServingStatus::Serving, ServingStatus::NotServing] {
            assert_eq!(stream.message().await.unwrap().unwrap().status(), status);
        }
        match (stream.message().await, ends_with) {
            (Ok(None), None) => {}
            (Err(status), Some(code)) => assert_eq!(status.code(), code),
            other => panic!("{service}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_stream_that_outlives_its_token_is_ended_as_unauthenticated() {
    let called = Called::start().await;
    let mut client = called.client().await;
    // Keys come first, so that the token has all of its second.
    client.check(about("", &called.token())).await.unwrap();
    let expires_at = UnixTime::from_secs((SystemClock.wall() + Duration::from_secs(1)).as_secs());
    let token = called
        .issuer
        .token()
        .scope("desk")
        .expires_at(expires_at)
        .issue();
    let mut stream = client
        .watch(about("endless", &token))
        .await
        .unwrap()
        .into_inner();
    for _ in 0..2 {
        stream.message().await.unwrap().unwrap();
    }
    let ended = timeout(PATIENCE, stream.message()).await.unwrap();
    let now = SystemClock.wall() + Duration::from_millis(20);
    assert!(
        now >= expires_at + Duration::from_secs(1),
        "not before it expired"
    );
    let status = ended.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::Unauthenticated, "the token has expired")
    );
    // The connection is as good as it was.
    client.check(about("", &called.token())).await.unwrap();
}

#[tokio::test]
async fn hundreds_of_streams_do_not_keep_each_other_from_the_upstream() {
    let called = Called::start().await;
    let mut clients = [called.client().await, called.client().await];
    let mut open = Vec::new();
    // More than tonic takes on one connection by default, and than most servers do.
    for index in 0..300 {
        let client = &mut clients[index % 2];
        let stream = client
            .watch(about("endless", &called.token()))
            .await
            .unwrap();
        open.push(stream);
    }
    let check = clients[0].check(about("", &called.token()));
    timeout(PATIENCE, check).await.unwrap().unwrap();
    // And where they go by is known to every later configuration: it uses the same connections.
    let config = Config::parse(&called.config).unwrap();
    called.gateway.reload(config).await.unwrap();
    let mut client = called.client().await;
    for _ in 0..150 {
        let watch = client.watch(about("endless", &called.token()));
        open.push(timeout(PATIENCE, watch).await.unwrap().unwrap());
    }
}

#[tokio::test]
async fn a_call_that_the_client_gives_up_ends_at_the_upstream() {
    let (dropped, mut told) = mpsc::channel::<()>(1);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(tcp).await.unwrap();
        let (_request, mut respond) = connection.accept().await.unwrap().unwrap();
        let reset = std::future::poll_fn(|cx| respond.poll_reset(cx));
        tokio::select! {
            reason = reset => assert_eq!(reason.unwrap(), h2::Reason::CANCEL),
            _ = connection.accept() => panic!("the connection ended"),
        }
        drop(dropped);
    });
    let gateway = gateway(&format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[[route]]\npath = \"/\"\nauth = \"none\"\n\
         upstream = [\"http://{upstream}\"]\nprotocol = \"http2\""
    ))
    .await;
    let channel = Endpoint::try_from(format!("http://{}", gateway.address())).unwrap();
    let mut client = HealthClient::new(channel.connect().await.unwrap());
    let call = client.check(HealthCheckRequest::default());
    assert!(timeout(Duration::from_millis(300), call).await.is_err());
    assert!(timeout(PATIENCE, told.recv()).await.unwrap().is_none());
    serving.await.unwrap();
}
