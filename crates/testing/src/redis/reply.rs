//! As much of the protocol as a test needs to look into a server behind everybody's back.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// What a server answered. Compares with text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// Nothing.
    Nil,
    /// A text, or a number.
    Text(String),
    /// Several.
    List(Vec<Reply>),
    /// The server says that it cannot.
    Error(String),
}

// === impl Reply ===

impl Reply {
    /// The text, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a line `name:value`, as in the answer to `INFO`.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<String> {
        let mut lines = self.text()?.lines();
        lines.find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.to_owned()))
    }
}

impl PartialEq<str> for Reply {
    fn eq(&self, other: &str) -> bool {
        self.text() == Some(other)
    }
}

impl PartialEq<&str> for Reply {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

/// Says one command on a new connection.
pub(super) async fn ask(
    server: SocketAddr,
    password: Option<&str>,
    words: &[&str],
) -> io::Result<Reply> {
    let mut stream = BufReader::new(TcpStream::connect(server).await?);
    if let Some(password) = password {
        say(&mut stream, &["AUTH", password]).await?;
        hear(&mut stream).await?;
    }
    say(&mut stream, words).await?;
    hear(&mut stream).await
}

async fn say(stream: &mut BufReader<TcpStream>, words: &[&str]) -> io::Result<()> {
    let mut said = format!("*{}\r\n", words.len());
    for word in words {
        said.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    stream.get_mut().write_all(said.as_bytes()).await
}

async fn hear(stream: &mut BufReader<TcpStream>) -> io::Result<Reply> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let line = line.trim_end();
    let Some((kind, rest)) = line.split_at_checked(1) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let count = || rest.parse::<i64>().map_err(|_| io::ErrorKind::InvalidData);
    Ok(match kind {
        "+" | ":" => Reply::Text(rest.to_owned()),
        "-" => Reply::Error(rest.to_owned()),
        "$" | "*" if count()? < 0 => Reply::Nil,
        "$" => {
            let mut bytes = vec![0; usize::try_from(count()?).unwrap_or(0) + 2];
            stream.read_exact(&mut bytes).await?;
            bytes.truncate(bytes.len() - 2);
            Reply::Text(String::from_utf8_lossy(&bytes).into_owned())
        }
        "*" => {
            let mut list = Vec::new();
            for _ in 0..count()? {
                list.push(Box::pin(hear(stream)).await?);
            }
            Reply::List(list)
        }
        _ => return Err(io::ErrorKind::InvalidData.into()),
    })
}
