//! From what the log said to an answer.

use std::time::Duration;

use super::answer::Answer;
use crate::{Order, RevokeError, Revoker};

/// Submits an order. Good is only what outlives the loss of the primary: whoever is told 200 forgets the
/// token, and nobody would revoke it again.
pub(super) async fn submit(revoker: &Revoker, order: &Order) -> Result<(), Answer> {
    match revoker.submit(order).await {
        Ok(ack) if ack.is_durable() => Ok(()),
        Ok(_) => Err(Answer::unavailable("not_durable", None)),
        Err(RevokeError::Unknown(_)) => {
            Err(Answer::unavailable("unknown", Some(Duration::from_secs(1))))
        }
        Err(_) => Err(Answer::unavailable("log_unavailable", None)),
    }
}

/// Puts the answer of a feed on record.
pub(super) fn report(feed: &'static str, answer: &Answer) {
    let (status, outcome) = (answer.status.as_u16(), answer.label);
    if answer.status.is_server_error() {
        tracing::warn!(target: "portcullis::revocation::feeds", feed, status, outcome);
    } else {
        tracing::info!(target: "portcullis::revocation::feeds", feed, status, outcome);
    }
}
