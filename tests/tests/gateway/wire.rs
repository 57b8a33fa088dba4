//! Connections by hand: clients and upstreams that do exactly what a test says.

use std::net::SocketAddr;

use portcullis_gateway::Running;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::stand::{PATIENCE, gateway};

/// One end of a connection. Everything on it is done in time, or the test fails.
pub(crate) struct Wire {
    stream: TcpStream,
    /// What was read and not asked for yet.
    ahead: Vec<u8>,
}

/// A gateway with one open route, before an upstream that is played by hand.
pub(crate) struct ByHand {
    pub(crate) gateway: Running,
    pub(crate) upstream: TcpListener,
}

// === impl ByHand ===

impl ByHand {
    pub(crate) async fn start() -> Self {
        Self::with("", "").await
    }

    /// With more keys of `[server]`, and of the route.
    pub(crate) async fn with(server: &str, route: &str) -> Self {
        let upstream = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = upstream.local_addr().expect("an address");
        let gateway = gateway(&format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n{server}\n\
             [[route]]\npath = \"/\"\nauth = \"none\"\nupstream = [\"http://{address}\"]\n{route}"
        ))
        .await;
        Self { gateway, upstream }
    }

    /// A client of the gateway.
    pub(crate) async fn client(&self) -> Wire {
        Wire::to(self.gateway.address()).await
    }

    /// The next connection that the gateway makes.
    pub(crate) async fn behind(&self) -> Wire {
        let accepted = timeout(PATIENCE, self.upstream.accept()).await;
        let (stream, _) = accepted.expect("a connection in time").expect("accepted");
        Wire::new(stream)
    }

    /// A client that sent `request`, and the upstream that has its head.
    pub(crate) async fn asked(&self, request: &str) -> (Wire, Wire, String) {
        let mut client = self.client().await;
        client.send(request).await;
        let mut behind = self.behind().await;
        let head = behind.head().await;
        (client, behind, head)
    }
}

// === impl Wire ===

impl Wire {
    pub(crate) async fn to(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).await.expect("a connection"))
    }

    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("no delay");
        Self {
            stream,
            ahead: Vec::new(),
        }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let sent = timeout(PATIENCE, self.stream.write_all(bytes.as_ref())).await;
        sent.expect("sent in time").expect("sent");
    }

    /// Sends, whether the other end listens or not; says if it did.
    pub(crate) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        let sent = timeout(PATIENCE, self.stream.write_all(bytes.as_ref())).await;
        sent.expect("sent or failed in time").is_ok()
    }

    /// Says that nothing more will be sent.
    pub(crate) async fn finish(&mut self) {
        self.stream.shutdown().await.expect("shut down");
    }

    /// Everything up to `end`, and that.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        let found = self.find(end.as_bytes()).await;
        let length = found.unwrap_or_else(|| {
            let so_far = String::from_utf8_lossy(&self.ahead);
            panic!("closed before {end:?} came: {so_far:?}")
        });
        let rest = self.ahead.split_off(length);
        let text = std::mem::replace(&mut self.ahead, rest);
        String::from_utf8_lossy(&text).into_owned()
    }

    /// The head of a message, names in lower case.
    pub(crate) async fn head(&mut self) -> String {
        let head = self.until("\r\n\r\n").await;
        let lines = head.split("\r\n").map(|line| match line.split_once(':') {
            Some((name, value)) => format!("{}:{value}", name.to_ascii_lowercase()),
            None => line.to_owned(),
        });
        lines.collect::<Vec<_>>().join("\r\n")
    }

    /// Everything that still comes, until the other end closes or resets.
    pub(crate) async fn rest(&mut self) -> String {
        while self.more().await {}
        String::from_utf8_lossy(&std::mem::take(&mut self.ahead)).into_owned()
    }

    /// How many bytes were read and not asked for yet.
    pub(crate) fn ahead(&self) -> usize {
        self.ahead.len()
    }

    /// Leaves the connection as it is.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream
    }

    async fn find(&mut self, end: &[u8]) -> Option<usize> {
        loop {
            let found = self.ahead.windows(end.len()).position(|part| part == end);
            if let Some(start) = found {
                return Some(start + end.len());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    async fn more(&mut self) -> bool {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.ahead)).await;
        // A reset is an end too.
        read.expect("something, or the end, in time").unwrap_or(0) > 0
    }
}
