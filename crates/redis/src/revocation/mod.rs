//! The log of revocations on Redis.

use std::fmt;
use std::time::Duration;

use portcullis_core::ConfigError;
use portcullis_revocation::log::{
    Append, Appended, Cursor, Edit, HintSender, Hints, LogFuture, Page, Poll, Refused,
    SnapshotPage, hints,
};
use portcullis_revocation::{
    Horizon, Id, LogError, Record, RevocationLog, ServerTime, Stamp, State,
};
use redis::Value;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

pub use self::builder::RedisLogBuilder;

use self::error::{evicts, log_error, no_quorum};
use self::keys::Keys;
use self::replicas::Replicas;
use self::reply::Reply;
use self::script::{Script, Scripts};
use crate::RedisConfig;
use crate::link::info::Info;
use crate::link::{Demand, Link, LinkError, LinkHealth, subscription};

mod builder;
mod error;
mod keys;
mod replicas;
mod reply;
mod script;

/// The log of revocations on one Redis, or on a primary with replicas.
///
/// Every call is one script on one hash slot, so it is done wholly or not at all, at one point in time.
///
/// | of the server | is checked | otherwise |
/// |---|---|---|
/// | it is a primary | when connecting, and by every write | [`Refused::ReadOnly`], and the name is resolved again |
/// | its `maxmemory-policy` drops nothing that has no expiry | when connecting, and by every poll | [`Refused::EvictionPolicy`] |
/// | half of the configured replicas, rounded up, are in step | by every poll | the page says so, and does not count |
/// | `min-replicas-to-write`, if it is set there | by every call but reading the set | [`Refused::NoQuorum`] |
/// | it has memory for more | by every call but reading the set | [`Refused::OutOfMemory`] |
///
/// There are three connections: one for polls; one for revocations, so that the server can tell how many
/// replicas have what *this* connection wrote; one for hints. They end with the log.
#[derive(Debug)]
pub struct RedisLog {
    link: Link,
    /// `WAIT` counts the writes of its own connection, and holds up whatever comes after it there.
    durable: Link,
    turn: Mutex<()>,
    scripts: Scripts,
    keys: Keys,
    replicas: Replicas,
    hints: HintSender,
    deadline: Duration,
    durable_within: Duration,
    _listening: Listening,
}

/// A task that ends when this is dropped.
struct Listening(JoinHandle<()>);

// === impl RedisLog ===

impl RedisLog {
    /// A log on the server of this configuration.
    pub fn builder(config: RedisConfig) -> RedisLogBuilder {
        RedisLogBuilder::new(config)
    }

    fn start(
        builder: RedisLogBuilder,
        keys: Keys,
        replicas: Replicas,
    ) -> Result<Self, ConfigError> {
        let link = Link::demanding(builder.config.clone(), Demand::Keeping)?;
        let durable = Link::demanding(builder.config.clone(), Demand::Keeping)?;
        let (hints, _) = hints();
        let hint = hints.clone();
        let channel = keys.channel().to_owned();
        let listening =
            subscription::listen(builder.config, channel, link.up(), move || hint.send());
        Ok(Self {
            link,
            durable,
            turn: Mutex::new(()),
            scripts: Scripts::new(),
            keys,
            replicas,
            hints,
            deadline: builder.deadline,
            durable_within: builder.durable_within,
            _listening: Listening(tokio::spawn(listening)),
        })
    }

    /// How the connection for polls is doing.
    #[must_use]
    pub fn health(&self) -> LinkHealth {
        self.link.health()
    }

    /// How the connection for revocations is doing.
    #[must_use]
    pub fn durable_health(&self) -> LinkHealth {
        self.durable.health()
    }

    /// Waits until it is connected, at most so long. Tells whether it is. For the start of a program.
    pub async fn connected_within(&self, span: Duration) -> bool {
        let both = async {
            tokio::join!(
                self.link.connected_within(span),
                self.durable.connected_within(span)
            )
        };
        both.await == (true, true)
    }

    async fn run(
        &self,
        link: &Link,
        script: &Script,
        arguments: &[String],
    ) -> Result<Value, LogError> {
        let answer = script.run(link, &self.keys, arguments, self.deadline).await;
        match answer {
            Ok(answer) => Ok(answer),
            Err(error) if no_quorum(&error) => Err(self.no_quorum(link).await),
            Err(error) => {
                // Whoever asks is no request that waits: an attempt to connect is due, the next call may find it.
                if matches!(error, LinkError::Down(_) | LinkError::Silent) {
                    link.wake();
                }
                Err(log_error(error))
            }
        }
    }

    /// How many replicas are in step, when the server refuses for want of them.
    async fn no_quorum(&self, link: &Link) -> LogError {
        let mut command = redis::cmd("INFO");
        command.arg("replication");
        let said = link.call(&command).await;
        let info = match &said {
            Ok(Value::BulkString(info)) => String::from_utf8_lossy(info),
            _ => "".into(),
        };
        let info = Info::new(&info);
        let required = self.replicas.required(info).max(1);
        // It counts by another lag than we, perhaps, and it is the one that refuses.
        let good = self.replicas.good(info).min(required - 1);
        LogError::Refused(Refused::NoQuorum { good, required })
    }

    async fn poll_now(&self, poll: Poll) -> Result<Page, LogError> {
        let mut arguments = opening(poll.epoch.to_string(), poll.horizon, poll.floor);
        arguments.push(
            poll.anchor
                .map_or_else(String::new, |at| at.seq.to_string()),
        );
        arguments.push(poll.limit.max(2).to_string());
        for claim in &poll.claims {
            arguments.push(claim.fingerprint.to_string());
            let since = claim.since.map(|since| whole(since).to_string());
            arguments.push(since.unwrap_or_default());
        }
        let answer = self.run(&self.link, &self.scripts.poll, &arguments).await?;
        let polled = Reply::of(answer, "page")?.polled()?;
        let info = Info::new(&polled.info);
        if let Some(policy) = info.evicts() {
            return Err(evicts(policy));
        }
        let quorum = self.replicas.quorum(info);
        let mut page = Page::new(polled.epoch, polled.server_time, polled.horizon, quorum);
        page.head = polled.head;
        page.stamp = polled.stamp;
        page.fingerprints = polled.fingerprints;
        page.changes = polled.changes;
        Ok(page)
    }

    async fn snapshot_now(
        &self,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Result<SnapshotPage, LogError> {
        let cursor = cursor.as_ref().map(|cursor| {
            let (score, id) = cursor.0.split_once(' ')?;
            let number = score.bytes().all(|digit| digit.is_ascii_digit()) && !score.is_empty();
            number.then_some((score, id))
        });
        let (score, id) = match cursor {
            None => ("", ""),
            Some(Some(after)) => after,
            Some(None) => return Err(LogError::Malformed("cursor")),
        };
        let arguments = [score.to_owned(), id.to_owned(), limit.max(1).to_string()];
        let answer = self
            .run(&self.link, &self.scripts.snapshot, &arguments)
            .await?;
        Reply::of(answer, "part of the set")?.snapshot()
    }

    async fn append_now(&self, append: Append) -> Result<Appended, LogError> {
        let mut arguments = opening(append.epoch.to_string(), append.horizon, append.floor);
        arguments.push(append.op.to_string());
        arguments.push(chance());
        arguments.push(self.keys.channel().to_owned());
        arguments.push(append.fingerprints.len().to_string());
        arguments.extend(append.fingerprints.iter().map(ToString::to_string));
        for (id, edit) in &append.changes {
            arguments.push(id.to_string());
            arguments.extend(said(*edit));
        }
        // One at a time: a change must not wait behind the replicas of another on the connection itself,
        // where its deadline would take the server for silent.
        let end =
            Instant::now() + self.durable.config().deadline + self.deadline + self.durable_within;
        let turn = timeout_at(end, self.turn.lock()).await;
        let busy = |_| LogError::Unavailable("too many revocations wait for replicas".into());
        let _turn = turn.map_err(busy)?;
        let answer = self
            .run(&self.durable, &self.scripts.append, &arguments)
            .await?;
        let mut reply = Reply::of(answer, "acknowledgement")?;
        let (info, lines) = (reply.text()?, reply.text()?);
        let records = reply::appended(&lines)?;
        let required = self.replicas.required(Info::new(&info));
        let replicas = self.wait_for(required).await;
        Ok(Appended::new(records, replicas, required))
    }

    /// How many replicas have all that was written on this connection.
    async fn wait_for(&self, replicas: u32) -> u32 {
        if replicas == 0 {
            return 0;
        }
        let mut wait = redis::cmd("WAIT");
        wait.arg(replicas).arg(whole_millis(self.durable_within));
        let within = self.durable_within + self.deadline;
        // It is appended: whoever cannot tell who has it says that nobody has.
        match self.durable.call_within(&wait, within).await {
            Ok(Value::Int(count)) => u32::try_from(count).unwrap_or(0),
            _ => 0,
        }
    }

    async fn reassert_now(&self, records: Vec<(Id, Record)>) -> Result<(), LogError> {
        let mut arguments = vec![chance(), self.keys.channel().to_owned()];
        for (id, record) in records {
            arguments.push(id.to_string());
            arguments.push(countable(record).encode());
        }
        let answer = self
            .run(&self.link, &self.scripts.reassert, &arguments)
            .await?;
        Reply::of(answer, "answer").map(|_| ())
    }
}

impl RevocationLog for RedisLog {
    fn poll(&self, poll: Poll) -> LogFuture<'_, Page> {
        Box::pin(self.poll_now(poll))
    }

    fn snapshot(&self, cursor: Option<Cursor>, limit: usize) -> LogFuture<'_, SnapshotPage> {
        Box::pin(self.snapshot_now(cursor, limit))
    }

    fn append(&self, append: Append) -> LogFuture<'_, Appended> {
        Box::pin(self.append_now(append))
    }

    fn reassert(&self, records: Vec<(Id, Record)>) -> LogFuture<'_, ()> {
        Box::pin(self.reassert_now(records))
    }

    fn hints(&self) -> Option<Hints> {
        Some(self.hints.subscribe())
    }
}

// === impl Listening ===

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl fmt::Debug for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listening").finish_non_exhaustive()
    }
}

/// What polls and appends begin with.
fn opening(epoch: String, horizon: Horizon, floor: Stamp) -> Vec<String> {
    vec![
        epoch,
        horizon.max_token_lifetime().as_secs().to_string(),
        whole_millis(horizon.keep()).to_string(),
        floor.to_string(),
    ]
}

/// 24 hexadecimal digits of chance, for the marks of one call.
fn chance() -> String {
    let bits = fastrand::u128(..) & ((1 << 96) - 1);
    format!("{bits:024x}")
}

/// Kind, state and the time to keep it until, as the script expects them.
fn said(edit: Edit) -> [String; 3] {
    // The letters are those of a record.
    let record = edit
        .record(Stamp::default(), ServerTime::ZERO, Horizon::DEFAULT)
        .encode();
    let mut letters = record.split(' ').skip(1);
    let mut letter = || letters.next().unwrap_or_default().to_owned();
    let (kind, state) = (letter(), letter());
    let expires = match edit {
        Edit::Revoke { expires, .. } => expires.map(|expires| whole(expires).to_string()),
        Edit::Lift { .. } => None,
    };
    [kind, state, expires.unwrap_or_default()]
}

/// A time that a script can count to.
fn whole(time: ServerTime) -> u64 {
    time.as_millis().min(Stamp::MAX.as_micros())
}

fn whole_millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// A record with times that a script can count to.
fn countable(mut record: Record) -> Record {
    record.expires = ServerTime::from_millis(whole(record.expires));
    if let State::Revoked { at } = &mut record.state {
        *at = ServerTime::from_millis(whole(*at));
    }
    record
}
