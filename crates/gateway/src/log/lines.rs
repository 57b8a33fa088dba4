//! Lines on their way to standard error, which nobody waits for.

use std::io::{self, Write};
use std::mem;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

/// The bytes that may wait to be written. Lines beyond are dropped, and counted.
const ROOM: usize = 1 << 20;

/// How long lines are gathered, to be written at once: a write for each costs more than all else about it.
const GATHER: Duration = Duration::from_millis(5);

/// How long the end waits until what was said is written.
const PATIENCE: Duration = Duration::from_secs(1);

/// Takes lines, and has them written by a thread of its own.
///
/// Whoever reads our standard error may stop to (a collector that hangs, a full disk, a terminal that is
/// held), and a write waits for it without a bound. Requests must not wait with it.
#[derive(Debug)]
pub(super) struct Lines {
    state: Mutex<State>,
    /// Something is to be done.
    news: Condvar,
    /// The thread has ended.
    written: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    lost: u64,
    /// The thread waits for news. While it gathers or writes it need not be told.
    asleep: bool,
    ending: bool,
    ended: bool,
}

/// Sees to it, when dropped, that what was said until then is written, unless nobody reads it.
#[derive(Debug)]
#[must_use = "what is said after this is dropped may not be written"]
pub(crate) struct Written {
    lines: Arc<Lines>,
}

// === impl Lines ===

impl Lines {
    /// Lines that `sink` is given. Without a thread for them they go nowhere.
    pub(super) fn to(sink: impl Write + Send + 'static) -> io::Result<(Arc<Self>, Written)> {
        let lines = Arc::new(Self {
            state: Mutex::default(),
            news: Condvar::new(),
            written: Condvar::new(),
        });
        let taken = Arc::clone(&lines);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || taken.write_to(sink))?;
        let written = Written {
            lines: Arc::clone(&lines),
        };
        Ok((lines, written))
    }

    fn add(&self, line: &[u8]) {
        let mut state = self.state.lock();
        if state.waiting.len() + line.len() > ROOM {
            state.lost += 1;
            return;
        }
        state.waiting.extend_from_slice(line);
        if mem::take(&mut state.asleep) {
            drop(state);
            self.news.notify_one();
        }
    }

    fn write_to(&self, mut sink: impl Write) {
        let mut batch = Vec::new();
        while let Some(lost) = self.next(&mut batch) {
            // Where standard error is closed there is nobody to tell.
            let _ = sink.write_all(&batch).and_then(|()| sink.flush());
            batch.clear();
            if lost > 0 {
                tracing::warn!(target: "portcullis::log", lost, "lines were not read in time, and dropped");
            }
        }
        self.state.lock().ended = true;
        self.written.notify_all();
    }

    /// Fills `batch` with what has gathered, and tells how many lines found no room. `None` at the end.
    fn next(&self, batch: &mut Vec<u8>) -> Option<u64> {
        let mut state = self.state.lock();
        while state.waiting.is_empty() && !state.ending {
            state.asleep = true;
            self.news.wait(&mut state);
        }
        self.gather(&mut state);
        if state.waiting.is_empty() {
            return None;
        }
        mem::swap(batch, &mut state.waiting);
        Some(mem::take(&mut state.lost))
    }

    fn gather(&self, state: &mut MutexGuard<'_, State>) {
        let until = Instant::now() + GATHER;
        while !state.ending && !self.news.wait_until(state, until).timed_out() {}
    }
}

impl Write for &Lines {
    /// Takes all of it, at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.add(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

// === impl Written ===

impl Drop for Written {
    fn drop(&mut self) {
        let mut state = self.lines.state.lock();
        state.ending = true;
        self.lines.news.notify_one();
        let until = Instant::now() + PATIENCE;
        while !state.ended && !self.lines.written.wait_until(&mut state, until).timed_out() {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Hands on what it is given, and takes the next only when it is let.
    struct Sink {
        given: Sender<Vec<u8>>,
        let_on: Receiver<()>,
    }

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.given.send(bytes.to_vec()).map_err(io::Error::other)?;
            self.let_on.recv().map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn sink() -> (Sink, Receiver<Vec<u8>>, Sender<()>) {
        let ((given, taken), (on, let_on)) = (channel(), channel());
        (Sink { given, let_on }, taken, on)
    }

    #[test]
    fn every_line_is_written_in_order_before_the_end() {
        let (sink, taken, on) = sink();
        let (lines, written) = Lines::to(sink).unwrap();
        let mut said = Vec::new();
        for number in 0..10_000 {
            let line = format!("line {number}\n").into_bytes();
            lines.as_ref().write_all(&line).unwrap();
            said.extend_from_slice(&line);
        }
        for _ in 0..10_000 {
            on.send(()).unwrap();
        }
        drop(written);
        assert_eq!(taken.try_iter().flatten().collect::<Vec<_>>(), said);
    }

    #[test]
    fn a_sink_that_hangs_holds_nobody_up_and_takes_no_more_than_its_room() {
        let (sink, taken, on) = sink();
        let (lines, written) = Lines::to(sink).unwrap();
        lines.as_ref().write_all(b"first").unwrap();
        assert_eq!(taken.recv().unwrap(), b"first");
        let line = [b'x'; 1024];
        for _ in 0..3 * ROOM / line.len() {
            lines.as_ref().write_all(&line).unwrap();
        }
        {
            let state = lines.state.lock();
            assert_eq!(state.waiting.len(), ROOM);
            assert_eq!(state.lost, 2 * (ROOM / line.len()) as u64);
        }
        on.send(()).unwrap();
        on.send(()).unwrap();
        assert_eq!(taken.recv().unwrap().len(), ROOM);
        drop(written);
        assert_eq!(lines.state.lock().lost, 0, "told by then");
    }

    #[test]
    fn the_end_waits_for_a_sink_that_hangs_only_for_a_while() {
        let (sink, taken, _on) = sink();
        let (lines, written) = Lines::to(sink).unwrap();
        lines.as_ref().write_all(b"first").unwrap();
        assert_eq!(taken.recv().unwrap(), b"first");
        let begun = Instant::now();
        drop(written);
        assert!(begun.elapsed() >= PATIENCE);
        assert!(!lines.state.lock().ended);
    }
}
