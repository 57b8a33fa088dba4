//! Wake-up calls, of which only the last counts.

use std::fmt;

use tokio::sync::watch;

/// Makes a pair to tell that there may be news. However many hints are sent, one is kept.
#[must_use]
pub fn hints() -> (HintSender, Hints) {
    let (sender, receiver) = watch::channel(());
    (HintSender(sender), Hints(receiver))
}

/// Tells that there may be news.
#[derive(Clone)]
pub struct HintSender(watch::Sender<()>);

/// Wakes up when there may be news. Clones are told on their own.
#[derive(Clone)]
pub struct Hints(watch::Receiver<()>);

// === impl HintSender ===

impl HintSender {
    /// Tells everybody. Never waits.
    pub fn send(&self) {
        self.0.send_replace(());
    }

    /// Another one to be told, from now on.
    #[must_use]
    pub fn subscribe(&self) -> Hints {
        Hints(self.0.subscribe())
    }
}

impl fmt::Debug for HintSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HintSender").finish_non_exhaustive()
    }
}

// === impl Hints ===

impl Hints {
    /// Waits for a hint that came since the last one. Never ends when the sender is gone.
    ///
    /// # Cancel safety
    /// A hint is not lost with the future.
    pub async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending().await
        }
    }
}

impl fmt::Debug for Hints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hints").finish_non_exhaustive()
    }
}
