//! Saving a key set, beside everything else.

use std::sync::Arc;

use portcullis_core::Clock;

use super::shared::Shared;
use super::store::StoreError;

/// Keys being saved. Dropped, they are or are not, and the next may be.
struct Saving<C: Clock>(Arc<Shared<C>>);

/// Starts saving what is unsaved, unless something is being saved.
pub(super) fn save_if_due<C: Clock>(shared: &Arc<Shared<C>>) {
    let Some(store) = shared.store.clone() else {
        return;
    };
    let unsaved = {
        let mut state = shared.state();
        if state.saving {
            return;
        }
        let Some(unsaved) = state.unsaved.take() else {
            return;
        };
        state.saving = true;
        unsaved
    };
    let saving = Saving(Arc::clone(shared));
    // Not waited for: a disk that hangs must not keep keys from being refreshed.
    tokio::task::spawn_blocking(move || {
        let result = store.save(&unsaved);
        if let Err(error) = result {
            tracing::warn!(
                target: "portcullis::jwks",
                issuer = &*saving.0.issuer, error = error.as_str(), "keys could not be saved"
            );
        }
        saving.0.state().store_error = result.err().map(StoreError::as_str);
    });
}

// === impl Saving ===

impl<C: Clock> Drop for Saving<C> {
    fn drop(&mut self) {
        self.0.state().saving = false;
        // Something newer may have come meanwhile.
        self.0.wake.notify_one();
    }
}
