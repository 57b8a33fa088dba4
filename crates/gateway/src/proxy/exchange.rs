//! One request and its answer, while they go through.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::Waker;
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::time::Instant;

use super::stream_end::StreamEnd;
use crate::server::watch::{MOMENT, Watched};

/// One request and its answer, while they go through: whose turn it is, and when that has to end.
///
/// | while | it ends | as |
/// |---|---|---|
/// | the upstream has what there is of the request, and no head of an answer came | `timeout` after the last byte | [`Cause::UpstreamLate`] |
/// | the client is waited for, for more of the request | `idle_timeout` after the last byte | [`Cause::Idle`] |
/// | the answer, or an upgraded connection, goes through | `idle_timeout` after the last byte in either direction | [`Cause::Idle`] |
/// | the request or the answer is a stream | at its [`StreamEnd`] | [`Cause::Expired`] |
/// | the same | when a look finds that the token was revoked, or that nobody knows | [`Cause::Revoked`], [`Cause::Uncertain`] |
///
/// A request that was sent completely is no stream: it was admitted, and gets its answer. So a slow client
/// does not make an upstream look late, and a token that expires meanwhile takes nobody's answer away.
#[derive(Debug)]
pub(super) struct Exchange {
    begun: Instant,
    patience: Duration,
    idle: Duration,
    end: Option<StreamEnd>,
    /// When the last byte came, in milliseconds from `begun`.
    last_ms: AtomicU64,
    /// When the head of the answer came, likewise, and one more; 0 before.
    head_ms: AtomicU64,
    /// When the caller was last looked at, likewise; 0 before.
    looked_ms: AtomicU64,
    clients_turn: AtomicBool,
    request_done: AtomicBool,
    response_done: AtomicBool,
    over: AtomicU8,
    /// Who sends the request: the connection to the upstream.
    request: AtomicWaker,
    /// Who waits for the answer, and then sends it: the connection to the client.
    response: AtomicWaker,
}

/// Why an exchange is over although it is not complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Cause {
    UpstreamLate = 1,
    Idle,
    Expired,
    /// The token was revoked.
    Revoked,
    /// For too long nobody knew whether it was.
    Uncertain,
    /// The body of the request is larger than the route allows.
    TooLarge,
    /// The client broke off the body of its request, or made no sense in it.
    Broken,
}

// === impl Exchange ===

impl Exchange {
    /// An exchange that begins at `begun`.
    pub(super) fn new(
        begun: Instant,
        patience: Duration,
        idle: Duration,
        end: Option<StreamEnd>,
    ) -> Self {
        Self {
            begun,
            patience,
            idle,
            end,
            last_ms: AtomicU64::new(0),
            head_ms: AtomicU64::new(0),
            looked_ms: AtomicU64::new(0),
            clients_turn: AtomicBool::new(false),
            request_done: AtomicBool::new(false),
            response_done: AtomicBool::new(false),
            over: AtomicU8::new(0),
            request: AtomicWaker::new(),
            response: AtomicWaker::new(),
        }
    }

    /// What follows an upgrade: the request and its answer are done, and bytes go both ways.
    pub(super) fn after_upgrade(&self) -> Self {
        let upgraded = Self::new(Instant::now(), self.patience, self.idle, self.end.clone());
        upgraded.head_came();
        upgraded
    }

    /// Why it is over, if it is.
    pub(super) fn over(&self) -> Option<Cause> {
        Cause::of(self.over.load(Ordering::Acquire))
    }

    /// Ends it, from anywhere: both sides hear of it. The first cause stays.
    pub(super) fn end_as(&self, cause: Cause) {
        let ended = self
            .over
            .compare_exchange(0, cause as u8, Ordering::AcqRel, Ordering::Relaxed);
        if ended.is_ok() {
            self.touch();
            self.request.wake();
            self.response.wake();
        }
    }

    /// Notes a byte.
    pub(super) fn touch(&self) {
        self.last_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    /// Notes that the client has to say more before the request goes on. Returns why it will not.
    pub(super) fn wait_for_client(&self, waker: &Waker) -> Option<Cause> {
        self.request.register(waker);
        self.clients_turn.store(true, Ordering::Relaxed);
        self.over()
    }

    /// Notes that the upstream has to say more before the answer goes on. Returns why it will not.
    pub(super) fn wait_for_upstream(&self, waker: &Waker) -> Option<Cause> {
        self.response.register(waker);
        self.over()
    }

    /// Notes a byte of the request.
    pub(super) fn client_spoke(&self) {
        self.touch();
        if self.clients_turn.swap(false, Ordering::Relaxed) {
            self.deadline_came_nearer();
        }
    }

    /// Notes that there is no more of the request.
    pub(super) fn request_done(&self) {
        self.touch();
        self.clients_turn.store(false, Ordering::Relaxed);
        self.request_done.store(true, Ordering::Relaxed);
        self.deadline_came_nearer();
    }

    /// The request is sent by the task of one connection, and the deadline is watched by that of another,
    /// which looks at it when it is polled.
    fn deadline_came_nearer(&self) {
        self.response.wake();
    }

    /// Notes the head of the answer.
    pub(super) fn head_came(&self) {
        self.touch();
        let now = self.now_ms().saturating_add(1);
        self.head_ms.store(now, Ordering::Relaxed);
    }

    /// Notes that there is no more of the answer.
    pub(super) fn response_done(&self) {
        self.response_done.store(true, Ordering::Relaxed);
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn head(&self) -> Option<Instant> {
        let ms = self.head_ms.load(Ordering::Relaxed).checked_sub(1)?;
        Some(self.begun + Duration::from_millis(ms))
    }

    fn last(&self) -> Instant {
        self.begun + Duration::from_millis(self.last_ms.load(Ordering::Relaxed))
    }

    /// When it will have been quiet for too long, and as what it ends then.
    fn quiet(&self) -> (Instant, Cause) {
        if self.head().is_some() || self.clients_turn.load(Ordering::Relaxed) {
            (self.last() + self.idle, Cause::Idle)
        } else {
            (self.last() + self.patience, Cause::UpstreamLate)
        }
    }

    /// Since when it is a stream, if it is one.
    fn streams_since(&self) -> Option<Instant> {
        match self.head() {
            Some(head) => Some(head),
            None if self.request_done.load(Ordering::Relaxed) => None,
            None => Some(self.begun),
        }
    }

    /// When its caller has to be gone.
    fn expires(&self) -> Option<Instant> {
        self.end.as_ref()?.at(self.streams_since()?)
    }

    /// When to look at its caller again.
    fn next_look(&self) -> Option<Instant> {
        let looked = self.looked_ms.load(Ordering::Relaxed).checked_sub(1);
        let looked = looked.map(|ms| self.begun + Duration::from_millis(ms));
        let since = self.streams_since()?;
        let last = looked.map_or(since, |looked| looked.max(since));
        self.end.as_ref()?.next_look(last)
    }

    fn look(&self) {
        let now = self.now_ms().saturating_add(1);
        self.looked_ms.store(now, Ordering::Relaxed);
        if let Some(cause) = self.end.as_ref().and_then(StreamEnd::look) {
            self.end_as(cause);
        }
    }
}

impl Watched for Exchange {
    fn deadline(&self) -> Option<Instant> {
        // Before anything else: the connection lives on, and whatever it does next is not ended by this.
        if self.response_done.load(Ordering::Relaxed) && self.request_done.load(Ordering::Relaxed) {
            return None;
        }
        if self.over().is_some() {
            return Some(self.last() + MOMENT);
        }
        let (quiet, _) = self.quiet();
        let ends = self.expires().into_iter().chain(self.next_look());
        Some(ends.fold(quiet, Instant::min))
    }

    fn end(&self) -> bool {
        if self.over().is_some() {
            return false;
        }
        let now = Instant::now();
        let (quiet, cause) = self.quiet();
        if self.expires().is_some_and(|at| at <= now) {
            self.end_as(Cause::Expired);
        } else if quiet <= now {
            self.end_as(cause);
        } else if self.next_look().is_some_and(|at| at <= now) {
            self.look();
        }
        true
    }
}

// === impl Cause ===

impl Cause {
    fn of(number: u8) -> Option<Self> {
        [
            Self::UpstreamLate,
            Self::Idle,
            Self::Expired,
            Self::Revoked,
            Self::Uncertain,
            Self::TooLarge,
            Self::Broken,
        ]
        .into_iter()
        .find(|cause| *cause as u8 == number)
    }

    /// In words, for logs.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::UpstreamLate => "the upstream is late",
            Self::Idle => "nothing came for too long",
            Self::Expired => "the token has expired",
            Self::Revoked => "the token was revoked",
            Self::Uncertain => "nobody knows whether the token was revoked",
            Self::TooLarge => "the body of the request is too large",
            Self::Broken => "the client broke off",
        }
    }
}

#[cfg(test)]
#[path = "exchange_tests.rs"]
mod tests;
