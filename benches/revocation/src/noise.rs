//! How late this machine wakes threads up: what no program can be faster than.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::report::Spans;

/// A thread that sleeps, over and over, and notes for how much too long.
#[derive(Debug)]
pub(crate) struct Noise {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Duration>>,
}

const SLEEP: Duration = Duration::from_millis(1);

// === impl Noise ===

impl Noise {
    pub(crate) fn begin() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&over);
        let thread = thread::spawn(move || {
            let mut late = Vec::new();
            while !ends.load(Ordering::Relaxed) {
                let begun = Instant::now();
                thread::sleep(SLEEP);
                late.push(begun.elapsed().saturating_sub(SLEEP));
            }
            late
        });
        Self { over, thread }
    }

    pub(crate) fn end(self) -> Spans {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default().into_iter().collect()
    }
}
