//! The log in memory does what every log must do.
#![cfg(feature = "conformance")]

use portcullis_revocation::{MemoryLog, conformance};

#[tokio::test]
async fn the_log_in_memory_keeps_the_contract() {
    conformance::all(async || MemoryLog::new()).await;
}
