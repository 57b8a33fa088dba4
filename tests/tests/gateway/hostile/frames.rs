//! HTTP/2 written by hand, so that what no client would send can be sent.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::stand::PATIENCE;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// What an HTTP/2 server does about one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It answers.
    Status(u16),
    /// It ends the stream with this code (RFC 9113 section 7).
    Reset(u32),
    /// It ends the connection with this code.
    GoAway(u32),
    /// It closes the connection without a word.
    Closed,
}

/// Frames of stream 1, after preface and settings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frames(Vec<u8>);

// === impl Frames ===

impl Frames {
    /// A request without content.
    pub(crate) fn request(fields: &[(&str, &str)]) -> Self {
        Self::default().headers(fields, END_STREAM)
    }

    /// A request with this content.
    pub(crate) fn with_content(fields: &[(&str, &str)], content: &str) -> Self {
        Self::default()
            .headers(fields, 0)
            .frame(DATA, END_STREAM, 1, content.as_bytes())
    }

    /// The same, with trailers behind it.
    pub(crate) fn with_trailers(
        fields: &[(&str, &str)],
        content: &str,
        trailers: &[(&str, &str)],
    ) -> Self {
        Self::default()
            .headers(fields, 0)
            .frame(DATA, 0, 1, content.as_bytes())
            .headers(trailers, END_STREAM)
    }

    /// A head in this many frames more than it needs, all but the last one empty.
    pub(crate) fn continued(fields: &[(&str, &str)], frames: usize) -> Self {
        let mut whole = Self::default().frame(HEADERS, END_STREAM, 1, &block(fields));
        for _ in 0..frames {
            whole = whole.frame(CONTINUATION, 0, 1, &[]);
        }
        whole.frame(CONTINUATION, END_HEADERS, 1, &[])
    }

    fn headers(mut self, fields: &[(&str, &str)], flags: u8) -> Self {
        let block = block(fields);
        // No frame may be longer unless the server says so (RFC 9113 section 4.2).
        let mut parts = block.chunks(1 << 14).peekable();
        let (mut kind, mut flags) = (HEADERS, flags);
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                flags |= END_HEADERS;
            }
            self = self.frame(kind, flags, 1, part);
            (kind, flags) = (CONTINUATION, 0);
        }
        self
    }

    fn frame(mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Self {
        let length = u32::try_from(payload.len()).expect("short");
        self.0.extend(&length.to_be_bytes()[1..]);
        self.0.extend([kind, flags]);
        self.0.extend(stream.to_be_bytes());
        self.0.extend(payload);
        self
    }

    /// Sends them on a connection of their own.
    pub(crate) async fn send(self, address: SocketAddr) -> Outcome {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        bytes.extend(Self::default().frame(SETTINGS, 0, 0, &[]).0);
        bytes.extend(self.0);
        let _ = stream.write_all(&bytes).await;
        tokio::time::timeout(PATIENCE, outcome(&mut stream))
            .await
            .expect("an outcome in time")
    }
}

async fn outcome(stream: &mut TcpStream) -> Outcome {
    let code = |payload: &[u8], at: usize| {
        let bytes = payload.get(at..at + 4).expect("a code");
        u32::from_be_bytes(bytes.try_into().expect("four"))
    };
    let mut head = [0; 9];
    loop {
        if stream.read_exact(&mut head).await.is_err() {
            return Outcome::Closed;
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        if stream.read_exact(&mut payload).await.is_err() {
            return Outcome::Closed;
        }
        match (head[3], head[4]) {
            (HEADERS, _) => return Outcome::Status(status(&payload)),
            (RST_STREAM, _) => return Outcome::Reset(code(&payload, 0)),
            (GOAWAY, _) => return Outcome::GoAway(code(&payload, 4)),
            (SETTINGS | WINDOW_UPDATE, _) => {}
            (kind, flags) => panic!("frame {kind} with {flags}"),
        }
    }
}

/// Fields as literals that are not indexed, names and values as they are (RFC 7541 section 6.2.2).
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            integer(&mut block, text.len());
            block.extend(text.as_bytes());
        }
    }
    block
}

/// A length with a prefix of seven bits (RFC 7541 section 5.1).
fn integer(block: &mut Vec<u8>, mut number: usize) {
    if number < 127 {
        block.push(number as u8);
        return;
    }
    block.push(127);
    number -= 127;
    while number >= 128 {
        block.push((number % 128) as u8 | 128);
        number /= 128;
    }
    block.push(number as u8);
}

/// The status that an answer begins with: from the static table, or as a literal with an indexed name.
fn status(block: &[u8]) -> u16 {
    match *block {
        [first @ 0x88..=0x8e, ..] => [200, 204, 206, 304, 400, 404, 500][usize::from(first - 0x88)],
        [0x48 | 0x08, length, ref rest @ ..] => {
            let text = &rest[..usize::from(length & 0x7f)];
            if length & 0x80 == 0 {
                std::str::from_utf8(text)
                    .expect("digits")
                    .parse()
                    .expect("a status")
            } else {
                huffman(text)
            }
        }
        _ => panic!("{block:?}"),
    }
}

/// Three digits: 0 to 2 have five bits, from `00000`, the others six, from `011001` (RFC 7541
/// appendix B).
fn huffman(text: &[u8]) -> u16 {
    let mut bits = text
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
    let mut take = |count: usize| {
        bits.by_ref()
            .take(count)
            .fold(0, |sum, bit| sum * 2 + u16::from(bit))
    };
    (0..3).fold(0, |status, _| {
        let five = take(5);
        let digit = if five <= 2 {
            five
        } else {
            five * 2 + take(1) - 0b01_1001 + 3
        };
        status * 10 + digit
    })
}

#[test]
fn statuses_are_read_in_all_their_forms() {
    assert_eq!(status(&[0x8c]), 400);
    assert_eq!(status(&[0x48, 3, b'4', b'2', b'1']), 421);
    // RFC 7541 appendix C.6.1 has 302.
    assert_eq!(status(&[0x48, 0x82, 0x64, 0x02]), 302);
}
