//! Messages of a channel, as hints: of no message is known that it came, or came once.

use std::time::Duration;

use futures_util::StreamExt as _;
use portcullis_core::{Backoff, Jitter};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::connection::subscribe;
use crate::RedisConfig;

/// How often a silent channel is asked whether it is there.
const PING_EVERY: Duration = Duration::from_secs(5);
/// How long it may take to answer.
const PONG_WITHIN: Duration = Duration::from_secs(2);
/// A subscription that ended sooner counts as a failure.
const STABLE: Duration = Duration::from_secs(1);

/// Calls `hint` for each message of a channel, and whenever a message may have been missed. Never ends.
///
/// `up` tells that the link has a new connection: the server may be another, so the subscription is made
/// again.
pub(crate) async fn listen(
    config: RedisConfig,
    channel: String,
    mut up: watch::Receiver<u64>,
    hint: impl Fn(),
) {
    let backoff = Backoff::exponential(Duration::from_millis(50), config.reconnect_cap);
    let mut waits = backoff.with_jitter(Jitter::Equal).delays();
    loop {
        up.borrow_and_update();
        let begun = Instant::now();
        match once(&config, &channel, &mut up, &hint).await {
            // The link sets the pace.
            Ok(()) => {
                hint();
                continue;
            }
            Err(cause) => {
                tracing::debug!(target: "portcullis::redis", server = %config, %cause, "no hints");
            }
        }
        if begun.elapsed() >= STABLE {
            waits.reset();
        }
        tokio::select! {
            () = sleep(waits.next_delay()) => {}
            // The server is there again.
            () = changed(&mut up) => hint(),
        }
    }
}

/// Waits until the link has a new connection.
async fn changed(up: &mut watch::Receiver<u64>) {
    if up.changed().await.is_err() {
        std::future::pending().await
    }
}

/// One subscription, until it ends, or the link has a new connection.
async fn once(
    config: &RedisConfig,
    channel: &str,
    up: &mut watch::Receiver<u64>,
    hint: &impl Fn(),
) -> Result<(), super::Cause> {
    let (mut sink, mut messages) = subscribe(config, channel).await?.split();
    // What was said before is missed.
    hint();
    let mut ping = interval(PING_EVERY);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            message = messages.next() => match message {
                Some(_) => hint(),
                None => return Err(super::Cause::Closed),
            },
            _ = ping.tick() => match timeout(PONG_WITHIN, sink.ping::<redis::Value>()).await {
                Ok(Ok(_)) => {}
                Ok(Err(_)) => return Err(super::Cause::Closed),
                Err(_) => return Err(super::Cause::Timeout),
            },
            () = changed(up) => return Ok(()),
        }
    }
}
