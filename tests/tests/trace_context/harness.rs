//! Who asks the service, and where it calls.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use portcullis_gateway::{Config, Gateway, Running};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use trace_echo::{Limits, router};

/// The trace of a caller, and its span.
pub(crate) const T: &str = "7d1c0b5e9f3a48268e64d2a1b0c9f7e3";
pub(crate) const S: &str = "a1b2c3d4e5f60718";
/// A `traceparent` of it.
pub(crate) const PARENT: (&str, &str) = (
    "traceparent",
    "00-7d1c0b5e9f3a48268e64d2a1b0c9f7e3-a1b2c3d4e5f60718-01",
);

const PATIENCE: Duration = Duration::from_secs(20);

/// A `traceparent` of the caller with these flags.
pub(crate) fn flagged(flags: &str) -> String {
    format!("00-{T}-{S}-{flags}")
}

/// The service, and the place where it calls.
pub(crate) struct Harness {
    pub(crate) service: SocketAddr,
    place: SocketAddr,
    arrived: UnboundedReceiver<Arrived>,
    _gateway: Option<Running>,
}

/// A request that arrived, as it was on the wire.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) path: String,
    /// Without the blanks round the values, which belong to nobody.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// A `traceparent` that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parent {
    pub(crate) trace: String,
    pub(crate) span: String,
    pub(crate) flags: u8,
}

// === impl Harness ===

impl Harness {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let service = listener.local_addr().unwrap();
        let app = router(Limits::default());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let gateway = match crate::BY_GATEWAY {
            true => Some(gateway(service).await),
            false => None,
        };

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = listener.local_addr().unwrap();
        let (sender, arrived) = unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(hear(stream, sender.clone()));
            }
        });
        Self {
            service: gateway.as_ref().map_or(service, Running::address),
            place,
            arrived,
            _gateway: gateway,
        }
    }

    /// An item that has the service call here.
    pub(crate) fn call(&self, path: &str) -> Value {
        json!({"url": format!("http://{}{path}", self.place), "arguments": []})
    }

    /// Has the service call once in a request with these headers.
    pub(crate) async fn sent(&mut self, headers: &[(&str, &str)]) -> Arrived {
        self.sent_lines(lines(headers).as_bytes()).await
    }

    /// The same, with the header lines as they are.
    pub(crate) async fn sent_lines(&mut self, lines: &[u8]) -> Arrived {
        let items = Value::from(vec![self.call("/callback")]);
        let mut arrived = self.sent_all(lines, &items, 1).await;
        arrived.remove(0)
    }

    /// Has the service do what the items say, and waits for so many calls.
    pub(crate) async fn sent_all(
        &mut self,
        lines: &[u8],
        items: &Value,
        calls: usize,
    ) -> Vec<Arrived> {
        let status = ask(self.service, lines, items).await;
        assert_eq!(status, "HTTP/1.1 200 OK", "{items}");
        let all = self.arrived();
        assert_eq!(all.len(), calls, "it answers when all calls are answered");
        all
    }

    /// The calls so far, each told of once.
    pub(crate) fn arrived(&mut self) -> Vec<Arrived> {
        std::iter::from_fn(|| self.arrived.try_recv().ok()).collect()
    }
}

async fn gateway(service: SocketAddr) -> Running {
    let config = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[trace]\ntrust = \"internal\"\n\
         [[route]]\npath = \"/\"\nauth = \"none\"\nupstream = [\"http://{service}\"]\n"
    );
    let config = Config::parse(&config).unwrap();
    Gateway::start(config).await.unwrap()
}

/// Header lines, with each value as it is.
pub(crate) fn lines(headers: &[(&str, &str)]) -> String {
    headers
        .iter()
        .fold(String::new(), |mut lines, (name, value)| {
            write!(lines, "{name}: {value}\r\n").unwrap();
            lines
        })
}

/// Sends a request whose header ends with these lines, and returns the first line of the answer.
pub(crate) async fn ask(service: SocketAddr, lines: &[u8], items: &Value) -> String {
    let body = items.to_string();
    let mut request = format!(
        "POST /test HTTP/1.1\r\nhost: {service}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(lines);
    request.extend_from_slice(b"\r\n");
    request.extend_from_slice(body.as_bytes());
    let answer = async {
        let mut stream = TcpStream::connect(service).await.unwrap();
        stream.write_all(&request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let answer = tokio::time::timeout(PATIENCE, answer).await.unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

/// Answers the requests of a connection, and passes each on before its answer.
async fn hear(stream: TcpStream, arrived: UnboundedSender<Arrived>) {
    let mut stream = BufReader::new(stream);
    while let Some(one) = read(&mut stream).await {
        arrived.send(one).unwrap();
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer).await.unwrap();
    }
}

/// The next request, unless the connection ends.
async fn read(stream: &mut BufReader<TcpStream>) -> Option<Arrived> {
    let mut line = String::new();
    if stream.read_line(&mut line).await.unwrap() == 0 {
        return None;
    }
    let path = line.split(' ').nth(1).unwrap().to_owned();
    let mut headers = Vec::new();
    let mut length = 0;
    loop {
        line.clear();
        stream.read_line(&mut line).await.unwrap();
        let Some((name, value)) = line.trim_end_matches(['\r', '\n']).split_once(':') else {
            break;
        };
        let value = value.trim_matches([' ', '\t']);
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().unwrap();
        }
        headers.push((name.to_owned(), value.to_owned()));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    Some(Arrived {
        path,
        headers,
        body: String::from_utf8(body).unwrap(),
    })
}

// === impl Arrived ===

impl Arrived {
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let named = |header: &&(String, String)| header.0.eq_ignore_ascii_case(name);
        let values = self.headers.iter().filter(named);
        values.map(|(_, value)| &**value).collect()
    }

    /// Its only `traceparent`, which is valid.
    pub(crate) fn parent(&self) -> Parent {
        let values = self.all("traceparent");
        assert_eq!(values.len(), 1, "{self:?}");
        let fields: Vec<&str> = values[0].split('-').collect();
        let [version, trace, span, flags] = fields[..] else {
            panic!("{self:?}");
        };
        for (field, digits) in [(version, 2), (trace, 32), (span, 16), (flags, 2)] {
            let is_digit = |one: u8| matches!(one, b'0'..=b'9' | b'a'..=b'f');
            assert_eq!(field.len(), digits, "{self:?}");
            assert!(field.bytes().all(is_digit), "{self:?}");
        }
        assert_eq!(version, "00", "{self:?}");
        for id in [trace, span] {
            assert!(id.bytes().any(|digit| digit != b'0'), "{self:?}");
        }
        let flags = u8::from_str_radix(flags, 16).unwrap();
        assert_eq!(
            flags & !3,
            0,
            "no flag that the version does not have: {self:?}"
        );
        Parent {
            trace: trace.to_owned(),
            span: span.to_owned(),
            flags,
        }
    }

    /// Its `tracestate`, member by member. None of its headers is empty.
    pub(crate) fn state(&self) -> Vec<&str> {
        let values = self.all("tracestate");
        assert!(values.iter().all(|value| !value.is_empty()), "{self:?}");
        let members = values.iter().flat_map(|value| value.split(','));
        members
            .map(|member| member.trim_matches([' ', '\t']))
            .collect()
    }

    /// Asserts that the trace of the caller goes on.
    pub(crate) fn assert_goes_on(&self) {
        let parent = self.parent();
        assert_eq!(parent.trace, T, "{self:?}");
        assert_ne!(parent.span, S, "a span of its own: {self:?}");
    }

    /// Asserts that a new trace began, and that nothing of the caller's goes along.
    pub(crate) fn assert_begins(&self) {
        let parent = self.parent();
        assert_ne!(parent.trace, T, "{self:?}");
        assert_ne!(parent.span, S, "{self:?}");
        assert_eq!(parent.flags & 2, 2, "its id is random: {self:?}");
        assert_eq!(self.state(), [""; 0], "{self:?}");
    }
}
