//! A view of revocations as in use: full of others, and revocations arriving.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use portcullis_auth::Revocations;
use portcullis_core::Secret;
use portcullis_revocation::{MemoryLog, Order, Revocation, Revoker, Secrets, Target};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::tokens::ISSUER;

/// Sessions of others that were ended.
const TOMBSTONES: usize = 100_000;
/// Subjects of others that were logged out everywhere.
const WATERMARKS: usize = 1_000;
/// Ten revocations a second.
const PACE: Duration = Duration::from_millis(100);

/// A node with a log in memory, on a thread of its own until it is dropped.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) revocations: Revocations,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

// === impl Node ===

impl Node {
    /// A node whose view is full.
    ///
    /// # Panics
    /// If it cannot be filled.
    pub(crate) fn start() -> Self {
        let (ready, filled) = std::sync::mpsc::channel();
        let over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .expect("a runtime of one thread");
            runtime.block_on(async {
                let secrets = Secrets::new(&Secret::new(vec![1; 32])).expect("a long secret");
                let revocation = Revocation::builder(secrets, MemoryLog::new())
                    .start()
                    .expect("a good configuration");
                let revoker = revocation.revoker();
                fill(&revoker).await;
                // What is revoked here is known here at once; that the log was read is another matter.
                let entries = TOMBSTONES + WATERMARKS;
                while !revocation.health().synced || revocation.health().entries < entries {
                    sleep(Duration::from_millis(10)).await;
                }
                let _ = ready.send(Revocations::new(revocation.view()));
                go_on(&revoker, &ends).await;
            });
        });
        Self {
            revocations: filled.recv().expect("a view that was filled"),
            over,
            thread: Some(thread),
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

async fn fill(revoker: &Revoker) {
    let sessions = (0..TOMBSTONES).map(|n| Target::session(ISSUER, &format!("gone-{n}")));
    let subjects = (0..WATERMARKS).map(|n| Target::subject(ISSUER, &format!("out-{n}")));
    let targets: Vec<_> = sessions.chain(subjects).collect();
    for some in targets.chunks(Order::MOST) {
        let done = revoker.submit(&Order::revoke(some.to_vec())).await;
        done.expect("a log in memory takes it");
    }
}

/// Goes on revoking what nobody presents.
async fn go_on(revoker: &Revoker, over: &AtomicBool) {
    let mut ticks = interval(PACE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0_u64.. {
        ticks.tick().await;
        if over.load(Ordering::Relaxed) {
            return;
        }
        let target = Target::session(ISSUER, &format!("going-{number}"));
        revoker
            .revoke(target)
            .await
            .expect("a log in memory takes it");
    }
}
