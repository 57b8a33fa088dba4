//! WebSockets by a library that nobody here wrote, on both ends.

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::stand::{gateway, issuer};

/// A server that says who its first client is, then what it hears.
async fn echo() -> (String, JoinHandle<Option<CloseFrame>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        let mut subject = String::new();
        #[expect(clippy::result_large_err, reason = "the library has it so")]
        let choose = |request: &Request, mut response: Response| {
            subject = request.headers()["x-auth-subject"]
                .to_str()
                .expect("text")
                .into();
            let chosen = "chat.v2".parse().expect("a value");
            response
                .headers_mut()
                .insert("sec-websocket-protocol", chosen);
            Ok(response)
        };
        let mut socket = tokio_tungstenite::accept_hdr_async(stream, choose)
            .await
            .expect("a handshake");
        socket.send(Message::text(subject)).await.expect("sent");
        while let Some(message) = socket.next().await {
            match message.expect("a message") {
                Message::Close(frame) => return frame,
                message @ (Message::Text(_) | Message::Binary(_)) => {
                    socket.send(message).await.expect("sent");
                }
                _ => {}
            }
        }
        None
    });
    (url, task)
}

async fn guarded(upstream: &str) -> (portcullis_gateway::Running, portcullis_testing::FakeIssuer) {
    let issuer = issuer().await;
    let gateway = gateway(&format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[[issuer]]\nurl = \"{}\"\naudiences = [\"{}\"]\n\
         [[route]]\npath = \"/\"\nupstream = [\"{upstream}\"]\nscopes = [\"chat\"]",
        issuer.issuer(),
        issuer.audience()
    ))
    .await;
    (gateway, issuer)
}

async fn connect(
    gateway: &portcullis_gateway::Running,
    token: &str,
) -> Result<WebSocketStream<TcpStream>, Error> {
    let mut request = format!("ws://{}/chat?room=7", gateway.address())
        .into_client_request()
        .expect("a request");
    let headers = request.headers_mut();
    headers.insert(
        "authorization",
        format!("Bearer {token}").parse().expect("a value"),
    );
    let offered = "chat.v1, chat.v2".parse().expect("a value");
    headers.insert("sec-websocket-protocol", offered);
    let stream = TcpStream::connect(gateway.address())
        .await
        .expect("a connection");
    let (socket, response) = tokio_tungstenite::client_async(request, stream).await?;
    assert_eq!(response.headers()["sec-websocket-protocol"], "chat.v2");
    Ok(socket)
}

#[tokio::test]
async fn a_websocket_library_talks_through_the_gateway() {
    let (upstream, served) = echo().await;
    let (gateway, issuer) = guarded(&upstream).await;
    let token = issuer.token().subject("alice").scope("chat").issue();
    let mut socket = connect(&gateway, &token).await.unwrap();
    let hello = socket.next().await.unwrap().unwrap();
    assert_eq!(hello.to_text().unwrap(), "alice");
    for message in [
        Message::text("grüße"),
        Message::binary(vec![7; 1 << 20]),
        Message::text(""),
    ] {
        socket.send(message.clone()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), message);
    }
    socket
        .send(Message::Ping("are you there".into()))
        .await
        .unwrap();
    assert_eq!(
        socket.next().await.unwrap().unwrap(),
        Message::Pong("are you there".into())
    );
    let farewell = CloseFrame {
        code: CloseCode::Normal,
        reason: "done".into(),
    };
    socket.close(Some(farewell.clone())).await.unwrap();
    assert_eq!(served.await.unwrap(), Some(farewell));
}

#[tokio::test]
async fn a_websocket_library_understands_a_refusal() {
    let (upstream, served) = echo().await;
    let (gateway, issuer) = guarded(&upstream).await;
    for (token, status) in [
        (
            issuer
                .token()
                .expired(std::time::Duration::from_secs(600))
                .issue(),
            401,
        ),
        (issuer.token().scope("other").issue(), 403),
    ] {
        let Err(Error::Http(response)) = connect(&gateway, &token).await else {
            panic!("it was let in");
        };
        assert_eq!(response.status(), status);
    }
    served.abort();
}
