//! One connection through the proxy.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::{Fault, Shared};

/// One connection through the proxy.
#[derive(Debug)]
pub(super) struct Connection {
    shared: Arc<Shared>,
    number: u64,
    /// It lost something, so nothing that follows can be understood.
    lost: AtomicBool,
}

/// So many pieces may be under way in one direction.
const PIECES: usize = 64;

// === impl Connection ===

impl Connection {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        shared.open.fetch_add(1, Ordering::Relaxed);
        Self {
            number: shared.accepted.fetch_add(1, Ordering::Relaxed),
            shared,
            lost: AtomicBool::new(false),
        }
    }

    pub(super) async fn run(self, mut client: TcpStream) {
        let server = *self.shared.server.borrow();
        let Ok(mut server) = TcpStream::connect(server).await else {
            return reset(&client);
        };
        for stream in [&client, &server] {
            let _ = stream.set_nodelay(true);
        }
        let ended = {
            let (from_client, to_client) = client.split();
            let (from_server, to_server) = server.split();
            let both = async {
                tokio::join!(
                    self.carry(from_client, to_server),
                    self.carry(from_server, to_client)
                )
            };
            tokio::select! {
                _ = both => true,
                () = self.is_reset() => false,
            }
        };
        if !ended {
            reset(&client);
            reset(&server);
        }
    }

    async fn is_reset(&self) {
        let mut reset = self.shared.reset.subscribe();
        if reset.wait_for(|below| self.number < *below).await.is_err() {
            pending().await
        }
    }

    fn is_silent(&self) -> bool {
        self.lost.load(Ordering::Relaxed) || self.number < *self.shared.silent.borrow()
    }

    /// Carries one direction until it ends.
    async fn carry(&self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) {
        let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(PIECES);
        let read = async move {
            let mut buffer = vec![0; 16 * 1024];
            while let Ok(count @ 1..) = from.read(&mut buffer).await {
                let piece = (Instant::now(), buffer[..count].to_vec());
                if sender.send(piece).await.is_err() {
                    break;
                }
            }
        };
        let write = async {
            while let Some((read, piece)) = receiver.recv().await {
                let count = u64::try_from(piece.len()).unwrap_or(u64::MAX);
                if self.may_pass(read).await {
                    self.shared.passed.fetch_add(count, Ordering::Relaxed);
                    if to.write_all(&piece).await.is_err() {
                        return;
                    }
                } else {
                    self.shared.dropped.fetch_add(count, Ordering::Relaxed);
                }
            }
            // A farewell is lost like everything else.
            if self.may_pass(Instant::now()).await {
                let _ = to.shutdown().await;
            } else {
                pending().await
            }
        };
        tokio::join!(read, write);
    }

    /// Waits until what was read then may arrive; false if it never does.
    async fn may_pass(&self, read: Instant) -> bool {
        let mut fault = self.shared.fault.subscribe();
        loop {
            let now = *fault.borrow_and_update();
            if self.is_silent() {
                return false;
            }
            match now {
                Fault::Pass | Fault::Refuse => return true,
                Fault::Delay(span) if Instant::now() >= read + span => return true,
                Fault::Delay(span) => tokio::select! {
                    () = sleep_until(read + span) => {}
                    _ = fault.changed() => {}
                },
                Fault::Stall => {
                    if fault.changed().await.is_err() {
                        return false;
                    }
                }
                Fault::BlackHole => {
                    self.lost.store(true, Ordering::Relaxed);
                    return false;
                }
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shared.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Makes the end of a connection a reset.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}
