//! HTTP/1.1 with as little as can be, so that most of the processor is left to what is measured.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::{HOST, TARGET, Times};

/// A kept connection and the request that is sent on it again and again.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    received: Vec<u8>,
}

pub(super) async fn load(
    address: SocketAddr,
    tokens: &[String],
    from: Instant,
    until: Instant,
) -> Vec<Times> {
    let mut callers = JoinSet::new();
    for token in tokens {
        let token = token.clone();
        callers.spawn(async move {
            let opened = Connection::open(address, &token).await;
            let mut connection = opened.expect("the server accepts");
            let mut times = Times::new(from, until);
            loop {
                let asked = Instant::now();
                connection.exchange().await.expect("the server answers 200");
                if !times.add(asked) {
                    return times;
                }
            }
        });
    }
    callers.join_all().await
}

// === impl Connection ===

impl Connection {
    pub(crate) async fn open(address: SocketAddr, token: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let request = format!(
            "GET {TARGET} HTTP/1.1\r\nhost: {HOST}\r\nuser-agent: bench\r\naccept: application/json\r\n\
             accept-encoding: gzip\r\nauthorization: Bearer {token}\r\n\r\n"
        );
        Ok(Self {
            stream,
            request: request.into_bytes(),
            received: Vec::with_capacity(2048),
        })
    }

    /// Whether the server has not closed it.
    pub(crate) fn is_open(&self) -> bool {
        let nothing = self.stream.try_read(&mut [0]);
        matches!(nothing, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Sends the request, and reads the answer to its end.
    ///
    /// # Errors
    /// If it is not 200 with a length.
    pub(crate) async fn exchange(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.request).await?;
        self.received.clear();
        loop {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(whole) = length(&self.received)?
                && self.received.len() >= whole
            {
                return Ok(());
            }
        }
    }
}

/// How long the whole answer is, once its head is there.
fn length(received: &[u8]) -> io::Result<Option<usize>> {
    let Some(head) = received.windows(4).position(|end| end == b"\r\n\r\n") else {
        return Ok(None);
    };
    let (head, wrong) = (&received[..head + 4], |what: &str| {
        let received = String::from_utf8_lossy(received);
        io::Error::other(format!("{what}: {received}"))
    });
    if !head.starts_with(b"HTTP/1.1 200 ") {
        return Err(wrong("not 200"));
    }
    let content = head.split(|byte| *byte == b'\n').find_map(|line| {
        let (name, value) = line.split_at_checked(b"content-length:".len())?;
        let value = str::from_utf8(value).ok()?.trim().parse::<usize>().ok()?;
        name.eq_ignore_ascii_case(b"content-length:")
            .then_some(value)
    });
    let content = content.ok_or_else(|| wrong("no length"))?;
    Ok(Some(head.len() + content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_that_of_head_and_content() {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nx: y\r\n\r\n";
        assert_eq!(length(head).expect("understood"), Some(head.len() + 5));
        assert_eq!(length(&head[..30]).expect("understood"), None);
    }

    #[test]
    fn anything_but_200_with_a_length_is_an_error() {
        assert!(length(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n").is_err());
        assert!(length(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    }
}
