//! An upstream that takes down every byte, and reads them as strictly as the standard allows.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::stand::PATIENCE;

/// An upstream that answers 200 to each request and keeps every byte that it was sent.
pub(crate) struct Tape {
    pub(crate) address: SocketAddr,
    connections: Arc<Mutex<Vec<Side>>>,
    _task: JoinSet<()>,
}

/// What came over one connection.
#[derive(Default)]
struct Side {
    /// Not complete yet, or not taken yet.
    bytes: Vec<u8>,
    closed: bool,
}

/// A request, read strictly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    pub(crate) trailers: Vec<(String, String)>,
}

// === impl Tape ===

impl Tape {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let connections = Arc::<Mutex<Vec<Side>>>::default();
        let memory = Arc::clone(&connections);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut sides = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let index = {
                    let mut memory = memory.lock().expect("no panic");
                    memory.push(Side::default());
                    memory.len() - 1
                };
                sides.spawn(record(stream, Arc::clone(&memory), index));
            }
        });
        Self {
            address,
            connections,
            _task: task,
        }
    }

    /// Every request that came since it was last asked. What is no complete request must be the
    /// beginning of one, on a connection that was closed upon it: nothing may follow.
    pub(crate) async fn take(&self) -> Vec<Recorded> {
        let mut taken = Vec::new();
        let settled = async {
            while !self.drain(&mut taken) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let settled = tokio::time::timeout(PATIENCE, settled).await;
        settled.expect("a request that is never completed ends its connection");
        taken
    }

    /// Takes what is complete; says whether nothing is left that could become so.
    fn drain(&self, taken: &mut Vec<Recorded>) -> bool {
        let mut connections = self.connections.lock().expect("no panic");
        for side in connections.iter_mut() {
            while let Some((request, length)) = read(&side.bytes) {
                taken.push(request);
                side.bytes.drain(..length);
            }
            if side.closed {
                side.bytes.clear();
            }
        }
        connections.iter().all(|side| side.bytes.is_empty())
    }
}

async fn record(mut stream: TcpStream, memory: Arc<Mutex<Vec<Side>>>, index: usize) {
    let mut unanswered = Vec::new();
    let mut buffer = [0; 16 << 10];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        memory.lock().expect("no panic")[index]
            .bytes
            .extend(&buffer[..length]);
        unanswered.extend(&buffer[..length]);
        while let Some((_, length)) = read(&unanswered) {
            unanswered.drain(..length);
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            if stream.write_all(answer).await.is_err() {
                return;
            }
        }
    }
    memory.lock().expect("no panic")[index].closed = true;
}

/// The first request, and how many bytes it has; nothing while it is not complete.
///
/// # Panics
/// If it is no request as RFC 9112 has it: other line ends than CRLF, folded lines, odd names, two
/// statements of its length.
fn read(bytes: &[u8]) -> Option<(Recorded, usize)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).expect("a head of text");
    let plain = !head.replace("\r\n", "").contains(['\r', '\n', '\0']);
    assert!(plain, "{head:?}");
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap_or_default().to_owned();
    let headers: Vec<_> = lines.map(field).collect();
    let of = |name: &str| -> Vec<&str> {
        let lines = headers.iter().filter(|(other, _)| other == name);
        lines.map(|(_, value)| &**value).collect()
    };
    let rest = &bytes[end + 4..];
    let content = match (&of("content-length")[..], &of("transfer-encoding")[..]) {
        ([], []) => Content::default(),
        ([length], []) => {
            let length: usize = length.parse().expect("a length");
            Content {
                body: rest.get(..length)?.to_vec(),
                length,
                ..Content::default()
            }
        }
        ([], ["chunked"]) => chunked(rest)?,
        both => panic!("{both:?}"),
    };
    let request = Recorded {
        line,
        headers,
        body: String::from_utf8(content.body).expect("text"),
        trailers: content.trailers,
    };
    Some((request, end + 4 + content.length))
}

fn field(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').expect("a colon");
    let odd = |c: char| c.is_whitespace() || c.is_control();
    assert!(!name.is_empty() && !name.contains(odd), "{line:?}");
    (name.to_ascii_lowercase(), value.trim().to_owned())
}

#[derive(Default)]
struct Content {
    body: Vec<u8>,
    trailers: Vec<(String, String)>,
    length: usize,
}

fn chunked(bytes: &[u8]) -> Option<Content> {
    let mut content = Content::default();
    let line = |at: usize| {
        let length = bytes.get(at..)?.windows(2).position(|two| two == b"\r\n")?;
        let text = std::str::from_utf8(&bytes[at..at + length]).expect("text");
        Some((text, at + length + 2))
    };
    let mut at = 0;
    loop {
        let (size, next) = line(at)?;
        let size = usize::from_str_radix(size, 16).expect("a size and nothing else");
        at = next;
        if size == 0 {
            break;
        }
        content.body.extend(bytes.get(at..at + size)?);
        assert_eq!(bytes.get(at + size..at + size + 2)?, b"\r\n");
        at += size + 2;
    }
    loop {
        let (text, next) = line(at)?;
        at = next;
        if text.is_empty() {
            content.length = at;
            return Some(content);
        }
        content.trailers.push(field(text));
    }
}

#[test]
fn what_is_taken_down_is_read_strictly() {
    let whole = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nx: 1\r\n\r\n";
    let (request, length) = read(whole).expect("complete");
    assert_eq!((&*request.body, length), ("hi", whole.len()));
    assert_eq!(request.trailers, [("x".to_owned(), "1".to_owned())]);
    assert!(read(&whole[..whole.len() - 1]).is_none());
    for wrong in [
        &b"GET / HTTP/1.1\r\nhost : a\r\n\r\n"[..],
        b"GET / HTTP/1.1\r\nhost: a\nx: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\n x: b\r\n\r\n",
        b"GET / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\nx",
        b"GET / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\nx",
        b"GET / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1;x\r\nx\r\n0\r\n\r\n",
    ] {
        let read = std::panic::catch_unwind(|| read(wrong).is_some());
        assert!(read.is_err(), "{}", String::from_utf8_lossy(wrong));
    }
}
