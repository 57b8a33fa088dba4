//! One connection: how it is made, and when it is over.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use redis::aio::{MultiplexedConnection, PubSub};
use redis::{
    AsyncConnectionConfig, Cmd, ErrorKind, ProtocolVersion, RedisConnectionInfo, RedisError, Value,
};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::error::{Cause, LinkError, ServerError};
use super::info::Info;
use crate::RedisConfig;

/// A connection that has shaken hands. It is closed when this is dropped.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) number: u64,
    inner: MultiplexedConnection,
    over: watch::Receiver<bool>,
    driver: JoinHandle<()>,
}

/// What a server must be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    /// A primary.
    Primary,
    /// A primary that drops nothing to make room.
    Keeping,
}

/// So many commands may wait to be written.
const BUFFER: usize = 512;
/// When the other end of an idle connection is asked whether it is there, how often, how many times.
const KEEP_ALIVE: (Duration, Duration, u32) = (Duration::from_secs(10), Duration::from_secs(3), 3);
/// How long something sent may stay without an acknowledgement of the other kernel.
#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
const USER_TIMEOUT: Duration = Duration::from_secs(10);

// === impl Connection ===

impl Connection {
    /// Connects and shakes hands, within the deadline of connecting.
    pub(super) async fn open(config: &RedisConfig, demand: Demand) -> Result<Self, Cause> {
        let deadline = Instant::now() + config.connect_deadline;
        let stream = dial(config, deadline).await?;
        let shaken = timeout_at(deadline, Self::shake_hands(config, stream, demand));
        shaken.await.map_err(|_| Cause::Timeout)?
    }

    async fn shake_hands(
        config: &RedisConfig,
        stream: TcpStream,
        demand: Demand,
    ) -> Result<Self, Cause> {
        // Deadlines are ours: the library's own leave out what is not a command.
        let settings = AsyncConnectionConfig::new()
            .set_response_timeout(None)
            .set_pipeline_buffer_size(BUFFER);
        let info = info(config);
        let made = MultiplexedConnection::new_with_config(&info, stream, settings);
        let (inner, driver) = made.await.map_err(|error| cause(&error))?;
        let (tell, over) = watch::channel(false);
        let driver = tokio::spawn(async move {
            driver.await;
            tell.send_replace(true);
        });
        let connection = Self {
            number: 0,
            inner,
            over,
            driver,
        };
        let said = connection
            .ask(&redis::cmd("INFO"))
            .await
            .map_err(|error| match error {
                Ask::Refused(error) => refused(error),
                Ask::Ended => Cause::Closed,
                Ask::Nonsense => Cause::Nonsense,
            })?;
        let Value::BulkString(said) = said else {
            return Err(Cause::Nonsense);
        };
        let said = String::from_utf8_lossy(&said);
        let server = Info::new(&said);
        if server.is_replica() {
            return Err(Cause::Replica);
        }
        match server.evicts() {
            Some(policy) if demand == Demand::Keeping => Err(Cause::Evicts(policy.into())),
            _ => Ok(connection),
        }
    }

    /// Says a command and waits for the answer, however long.
    ///
    /// # Cancel safety
    /// Whoever stops waiting does not take the command back: it may be done later.
    pub(super) async fn ask(&self, command: &Cmd) -> Result<Value, Ask> {
        let answer = self.inner.clone().send_packed_command(command).await;
        answer
            .and_then(Value::extract_error)
            .map_err(|error| ask(&error))
    }

    /// Waits until the connection is over.
    pub(super) async fn over(&self) {
        // The sender is gone only with the driver, and then it is over as well.
        let _ = self.over.clone().wait_for(|over| *over).await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Why a command was not answered well.
#[derive(Debug)]
pub(super) enum Ask {
    Refused(ServerError),
    Ended,
    Nonsense,
}

// === impl Ask ===

impl From<Ask> for LinkError {
    fn from(ask: Ask) -> Self {
        match ask {
            Ask::Refused(error) => Self::Refused(error),
            Ask::Ended => Self::Lost,
            Ask::Nonsense => Self::Nonsense,
        }
    }
}

/// Makes a connection for messages, and subscribes to a channel.
pub(super) async fn subscribe(config: &RedisConfig, channel: &str) -> Result<PubSub, Cause> {
    let deadline = Instant::now() + config.connect_deadline;
    let stream = dial(config, deadline).await?;
    let subscribed = timeout_at(deadline, async {
        let mut messages = PubSub::new(&info(config), stream).await?;
        messages.subscribe(channel).await?;
        Ok(messages)
    });
    let subscribed = subscribed.await.map_err(|_| Cause::Timeout)?;
    subscribed.map_err(|error: RedisError| match ask(&error) {
        Ask::Refused(error) => refused(error),
        _ => cause(&error),
    })
}

fn info(config: &RedisConfig) -> RedisConnectionInfo {
    let mut info = RedisConnectionInfo::default()
        .set_db(config.url.database.into())
        .set_protocol(ProtocolVersion::RESP2)
        .set_lib_name("portcullis", env!("CARGO_PKG_VERSION"));
    if let Some(username) = &config.username {
        info = info.set_username(username);
    }
    let password = config.password.as_ref();
    if let Some(password) = password.and_then(portcullis_core::Secret::expose_str) {
        info = info.set_password(password);
    }
    info
}

/// Opens a socket to one of the addresses of the server.
async fn dial(config: &RedisConfig, deadline: Instant) -> Result<TcpStream, Cause> {
    let found = lookup_host((&*config.url.host, config.url.port));
    let found = timeout_at(deadline, found)
        .await
        .map_err(|_| Cause::Timeout)?;
    let addresses: Vec<SocketAddr> = found.map_err(|_| Cause::Unresolved)?.collect();
    let mut failed = Cause::Unresolved;
    let mut left = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    for address in addresses {
        // One address that swallows everything leaves time for the others.
        let share = deadline.saturating_duration_since(Instant::now()) / left.max(1);
        left = left.saturating_sub(1);
        match timeout_at(Instant::now() + share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => match tune(&stream) {
                Ok(()) => return Ok(stream),
                Err(error) => failed = io_cause(&error),
            },
            Ok(Err(error)) => failed = io_cause(&error),
            Err(_) => failed = Cause::Timeout,
        }
    }
    Err(failed)
}

fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    let (idle, interval, retries) = KEEP_ALIVE;
    let keep_alive = TcpKeepalive::new().with_time(idle).with_interval(interval);
    socket.set_tcp_keepalive(&keep_alive.with_retries(retries))?;
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    Ok(())
}

/// What an error of the library means for a command.
fn ask(error: &RedisError) -> Ask {
    match (error.kind(), error.code()) {
        (_, Some(code)) => Ask::Refused(ServerError::new(code, error.detail().unwrap_or_default())),
        (ErrorKind::Io, _) => Ask::Ended,
        _ => Ask::Nonsense,
    }
}

/// What an error of the library means for connecting. Never quotes: a server may quote a password.
fn cause(error: &RedisError) -> Cause {
    match (error.kind(), error.code()) {
        (ErrorKind::AuthenticationFailed, _) => Cause::Authentication("AUTH"),
        (_, Some(code)) => refused(ServerError::new(code, "")),
        (ErrorKind::Io, _) if error.is_connection_dropped() => Cause::Closed,
        (ErrorKind::Io, _) => Cause::Unreachable(io::ErrorKind::Other),
        _ => Cause::Nonsense,
    }
}

fn refused(error: ServerError) -> Cause {
    match error.code() {
        "NOAUTH" => Cause::Authentication("NOAUTH"),
        "WRONGPASS" => Cause::Authentication("WRONGPASS"),
        "NOPERM" => Cause::Authentication("NOPERM"),
        _ => Cause::Refused(error),
    }
}

fn io_cause(error: &io::Error) -> Cause {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Cause::ConnectionRefused,
        kind => Cause::Unreachable(kind),
    }
}
