//! The port: a listener that can be closed and opened again, and the connections behind it.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::answer::answer;
use super::state::State;

/// A port of the loopback interface, and every task that serves it.
pub(super) struct Port {
    address: SocketAddr,
    runtime: Handle,
    door: Mutex<Door>,
    /// The acceptor and one task for each connection; dropped, they end.
    tasks: Mutex<JoinSet<()>>,
}

struct Door {
    state: DoorState,
    /// The acceptor, to be woken when the listener changes under it.
    acceptor: Option<Waker>,
}

enum DoorState {
    Open(TcpListener),
    /// Bound but not listening: a connect is refused, and nobody else gets the port.
    Shut(Option<TcpSocket>),
}

// === impl Port ===

impl Port {
    /// Binds `address`; port 0 takes a free one. Nothing is served before [`serve`](Self::serve).
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = listen(bind(address)?)?;
        Ok(Self {
            address: listener.local_addr()?,
            runtime: Handle::current(),
            door: Mutex::new(Door {
                state: DoorState::Open(listener),
                acceptor: None,
            }),
            tasks: Mutex::default(),
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts and serves, until [`end`](Self::end).
    pub(super) fn serve(self: &Arc<Self>, state: &Arc<State>) {
        let acceptor = accept(Arc::clone(self), Arc::clone(state));
        self.tasks().spawn_on(acceptor, &self.runtime);
    }

    /// Closes the listener and cuts every connection. On return a connect is refused.
    pub(super) fn shut(self: &Arc<Self>, state: &Arc<State>) {
        {
            let mut door = self.door();
            if matches!(door.state, DoorState::Shut(_)) {
                return;
            }
            door.state = DoorState::Shut(None);
            let _entered = self.runtime.enter();
            // Failing that, the port is bound again when it is opened.
            door.state = DoorState::Shut(hold(self.address).ok());
        }
        self.tasks().abort_all();
        self.serve(state);
    }

    /// Listens again, on the same port.
    ///
    /// # Panics
    /// If another process took the port.
    pub(super) fn open(&self) {
        let mut door = self.door();
        let DoorState::Shut(held) = &mut door.state else {
            return;
        };
        let _entered = self.runtime.enter();
        let listener = held
            .take()
            .map_or_else(|| bind(self.address), Ok)
            .and_then(listen)
            .unwrap_or_else(|error| panic!("{} cannot be opened again: {error}", self.address));
        door.state = DoorState::Open(listener);
        if let Some(acceptor) = door.acceptor.take() {
            acceptor.wake();
        }
    }

    /// Gives the port back and ends every task.
    pub(super) fn end(&self) {
        self.door().state = DoorState::Shut(None);
        self.tasks().abort_all();
    }

    async fn accept(&self) -> io::Result<TcpStream> {
        poll_fn(|cx| {
            let mut door = self.door();
            door.acceptor = Some(cx.waker().clone());
            match &door.state {
                DoorState::Open(listener) => listener.poll_accept(cx).map_ok(|(stream, _)| stream),
                DoorState::Shut(_) => Poll::Pending,
            }
        })
        .await
    }

    fn door(&self) -> MutexGuard<'_, Door> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const BACKLOG: u32 = 1024;

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    share(&socket, true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Binds without listening, and lets nobody bind beside: such a port refuses, and stays ours.
fn hold(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = bind(address)?;
    share(&socket, false)?;
    Ok(socket)
}

fn listen(socket: TcpSocket) -> io::Result<TcpListener> {
    share(&socket, true)?;
    socket.listen(BACKLOG)
}

/// Whether the port may have connections of an earlier time in TIME_WAIT. (On Windows the option means
/// something else, and they may anyway.)
fn share(socket: &TcpSocket, shared: bool) -> io::Result<()> {
    if cfg!(windows) {
        return Ok(());
    }
    socket.set_reuseaddr(shared)
}

async fn accept(port: Arc<Port>, state: Arc<State>) {
    loop {
        let Ok(stream) = port.accept().await else {
            // A connection that was gone before it was taken, or no file descriptor left.
            tokio::task::yield_now().await;
            continue;
        };
        let mut tasks = port.tasks();
        while tasks.try_join_next().is_some() {}
        tasks.spawn_on(serve(stream, Arc::clone(&state)), &port.runtime);
    }
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    let _ = stream.set_nodelay(true);
    let broken = Arc::new(AtomicBool::new(false));
    let socket = Socket {
        stream,
        broken: Arc::clone(&broken),
    };
    let service = service_fn(move |request| {
        let (state, broken) = (Arc::clone(&state), Arc::clone(&broken));
        async move {
            answer(&state, request)
                .await
                .inspect_err(|_| broken.store(true, Ordering::Release))
        }
    });
    // An error is a client that left, or a mode that broke the connection.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(socket), service)
        .await;
}

/// A connection that, once `broken`, closes with a reset.
struct Socket {
    stream: TcpStream,
    broken: Arc<AtomicBool>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.broken.load(Ordering::Acquire) {
            // With no time to linger, closing sends RST instead of FIN.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
