//! TCP that breaks at the word of the test.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use self::connection::Connection;

mod connection;

/// What a proxy does to connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing.
    #[default]
    Pass,
    /// Everything arrives so much later, in each direction.
    Delay(Duration),
    /// Nothing arrives; what was sent arrives when this ends. As if a cable were out for a while.
    Stall,
    /// Connections are accepted, and what is said vanishes. A connection that lost something stays silent
    /// for good, also when this ends.
    BlackHole,
    /// New connections are refused. Those that are there stay.
    Refuse,
}

/// A proxy for one TCP server that breaks at the word of the test.
///
/// It ends, with all connections, when it is dropped.
///
/// # Example
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// use portcullis_testing::{Fault, FaultProxy};
/// use tokio::net::{TcpListener, TcpStream};
///
/// let server = TcpListener::bind("127.0.0.1:0").await?;
/// let proxy = FaultProxy::start(server.local_addr()?).await;
/// let client = TcpStream::connect(proxy.address()).await?;
/// server.accept().await?;
/// proxy.set(Fault::Refuse).await;
/// assert!(TcpStream::connect(proxy.address()).await.is_err());
/// # drop(client);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

/// What all connections look at.
#[derive(Debug)]
struct Shared {
    server: watch::Sender<SocketAddr>,
    fault: watch::Sender<Fault>,
    /// Connections with a lower number are silent for good.
    silent: watch::Sender<u64>,
    /// Connections with a lower number are reset.
    reset: watch::Sender<u64>,
    accepted: AtomicU64,
    open: AtomicU64,
    passed: AtomicU64,
    dropped: AtomicU64,
}

// === impl FaultProxy ===

impl FaultProxy {
    /// A proxy for this server that breaks nothing yet.
    ///
    /// # Panics
    /// If no port is free.
    pub async fn start(server: SocketAddr) -> Self {
        let listener = listen(([127, 0, 0, 1], 0).into()).await;
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            server: watch::Sender::new(server),
            fault: watch::Sender::new(Fault::Pass),
            silent: watch::Sender::new(0),
            reset: watch::Sender::new(0),
            accepted: AtomicU64::new(0),
            open: AtomicU64::new(0),
            passed: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        });
        let (told, listening) = watch::channel(true);
        let task = tokio::spawn(serve(address, listener, Arc::clone(&shared), told));
        Self {
            address,
            shared,
            listening,
            task,
        }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Breaks something, or nothing. It is so when this returns.
    pub async fn set(&self, fault: Fault) {
        self.shared.fault.send_replace(fault);
        let wanted = fault != Fault::Refuse;
        let mut listening = self.listening.clone();
        // It ends only if the task has ended, and then nobody listens.
        let _ = listening.wait_for(|listens| *listens == wanted).await;
    }

    /// From now on connections go to another server. Those that are there stay.
    pub fn redirect(&self, server: SocketAddr) {
        self.shared.server.send_replace(server);
    }

    /// The connections that are there are silent for good, in both directions, and stay open. New ones work.
    pub fn half_open(&self) {
        self.shared.silent.send_replace(self.accepted());
    }

    /// Resets the connections that are there.
    pub fn reset(&self) {
        self.shared.reset.send_replace(self.accepted());
    }

    /// How many connections came.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.shared.accepted.load(Ordering::Relaxed)
    }

    /// How many connections are open.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.shared.open.load(Ordering::Relaxed)
    }

    /// How many bytes arrived, in both directions.
    #[must_use]
    pub fn passed(&self) -> u64 {
        self.shared.passed.load(Ordering::Relaxed)
    }

    /// How many bytes vanished, in both directions.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(address: SocketAddr) -> TcpListener {
    TcpListener::bind(address).await.expect("a port")
}

async fn serve(
    address: SocketAddr,
    listener: TcpListener,
    shared: Arc<Shared>,
    told: watch::Sender<bool>,
) {
    let mut listener = Some(listener);
    let mut fault = shared.fault.subscribe();
    let mut connections = JoinSet::new();
    loop {
        let refuse = *fault.borrow_and_update() == Fault::Refuse;
        if refuse {
            // Without a listener the kernel itself refuses.
            listener = None;
        } else if listener.is_none() {
            listener = Some(listen(address).await);
        }
        told.send_replace(!refuse);
        tokio::select! {
            client = accept(listener.as_ref()) => {
                let connection = Connection::new(Arc::clone(&shared));
                connections.spawn(connection.run(client));
            }
            changed = fault.changed() => {
                if changed.is_err() { return }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    if let Some(listener) = listener {
        loop {
            if let Ok((client, _)) = listener.accept().await {
                return client;
            }
        }
    }
    std::future::pending().await
}
