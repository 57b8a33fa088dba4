//! The directory of sessions on Redis.

use std::time::Duration;

use portcullis_core::ConfigError;
use portcullis_revocation::sessions::{
    DirectoryError, Presence, SessionDirectory, SessionFuture, SessionKey,
};
use redis::{Cmd, Value};
use tokio::time::Instant;

use self::error::{directory_error, unquoted};
use crate::RedisConfig;
use crate::link::{Link, LinkError, LinkHealth};

mod error;

/// The directory of sessions on Redis, for allow-list mode: a session is open while its key exists, whatever is
/// stored under it.
///
/// | the server | [`exists`](SessionDirectory::exists) | how soon |
/// |---|---|---|
/// | has the key | `Present`, with the time that is left | one round trip |
/// | has it not | `Absent` | one round trip |
/// | is a replica, or a primary that lacks the replicas that it must have to write | `Unavailable`, never what it has | one round trip; then the name is resolved again |
/// | is down, or silent for three questions in a row | `Unavailable` | at once |
/// | does not answer | `Timeout` | the deadline of the configuration: 50 ms unless set |
/// | refuses the password, the user or the command | `Refused` | at once, or one round trip |
///
/// Whoever records sessions with [`SessionKeys::hashed`] or [`hashed_by_token`] opens and closes them here, too;
/// a layout of somebody else's is written by them, in whatever way they do.
///
/// [`SessionKeys::hashed`]: portcullis_revocation::sessions::SessionKeys::hashed
/// [`hashed_by_token`]: portcullis_revocation::sessions::SessionKeys::hashed_by_token
///
/// ```no_run
/// use std::time::Duration;
///
/// use portcullis_core::Secret;
/// use portcullis_redis::{RedisConfig, RedisSessions};
/// use portcullis_revocation::sessions::{SessionFacts, SessionKeys};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let config = RedisConfig::parse("redis://redis.internal:6379/0")?;
/// let sessions = RedisSessions::start(config)?;
///
/// // Whoever logs somebody in, before the token is handed out:
/// let secret = Secret::from("32 random bytes, the same wherever sessions are opened and checked");
/// let keys = SessionKeys::hashed("sessions:", &secret)?;
/// let mut facts = SessionFacts::new("https://idp.example.com", b"");
/// facts.session = Some("s-4711");
/// let key = keys.key(&facts).ok_or("no session")?;
/// sessions.open(&key, Some(Duration::from_secs(8 * 3600))).await?;
///
/// // And out:
/// sessions.close(&key).await?;
/// # Ok(()) }
/// ```
///
/// # Clone
/// Clones share the connection. It ends with the last.
///
/// # Limitations
/// The store is the truth, and what it loses is lost: all data, and everybody is logged out; the last moments, by
/// a failover or an old snapshot, and a session that was closed in them is open again until it expires. Where that
/// must not be, revoke the session in the log too.
#[derive(Clone, Debug)]
pub struct RedisSessions {
    link: Link,
}

const EXISTS: &str = include_str!("lua/exists.lua");
const OPEN: &str = include_str!("lua/open.lua");
/// The last millisecond that a script can count to.
const LAST: u64 = (1 << 53) - 1;

// === impl RedisSessions ===

impl RedisSessions {
    /// A directory on the server of this configuration. Begins to connect; the server may be down.
    ///
    /// # Errors
    /// If a value of the configuration is out of its bounds, or this is not inside a Tokio runtime with timers.
    pub fn start(config: RedisConfig) -> Result<Self, ConfigError> {
        let link = Link::start(config)?;
        Ok(Self { link })
    }

    /// How the connection is doing.
    #[must_use]
    pub fn health(&self) -> LinkHealth {
        self.link.health()
    }

    /// Waits until it is connected, at most so long. Tells whether it is. For the start of a program.
    pub async fn connected_within(&self, span: Duration) -> bool {
        self.link.connected_within(span).await
    }

    /// Opens a session, or sets anew how long it lasts: without a span, until it is closed.
    ///
    /// It never lasts longer than said, by the clock of the server, in whole milliseconds: less than two of them
    /// are none, and close the session. Both round trips together take no longer than the deadline.
    ///
    /// # Errors
    /// See [`LinkError`] for what may have been done. Nothing is done later than twice the deadline after the call
    /// was made, so a session that is closed after that is not opened again. Hand out no token for a session that
    /// may not be open: try again.
    ///
    /// # Cancel safety
    /// It may be done although the future was dropped. Opening again, or closing, is safe.
    pub async fn open(&self, key: &SessionKey, lasts: Option<Duration>) -> Result<(), LinkError> {
        let deadline = self.link.config().deadline;
        let begun = Instant::now();
        // By the server's own clock, and read before: the end is that of the first of two that arrive, and what
        // arrives when nobody waits any more is known by it.
        let now = self.call(&redis::cmd("TIME"), deadline).await?;
        let now = millis(&now).ok_or(LinkError::Nonsense)?;
        let mut command = script(OPEN, key);
        command.arg(now.saturating_add(whole_millis(deadline)));
        command.arg(lasts.map_or_else(String::new, |lasts| end(now, lasts).to_string()));
        let left = deadline.saturating_sub(begun.elapsed());
        match self.call(&command, left).await? {
            Value::Int(1) => Ok(()),
            Value::Int(0) => Err(LinkError::Timeout),
            _ => Err(LinkError::Nonsense),
        }
    }

    /// Ends a session. One that is not open has ended.
    ///
    /// # Errors
    /// See [`LinkError`] for what may have been done.
    ///
    /// # Cancel safety
    /// It may be done although the future was dropped. Closing again is safe.
    pub async fn close(&self, key: &SessionKey) -> Result<(), LinkError> {
        let mut command = redis::cmd("DEL");
        command.arg(key.expose());
        let deadline = self.link.config().deadline;
        match self.call(&command, deadline).await? {
            Value::Int(0 | 1) => Ok(()),
            _ => Err(LinkError::Nonsense),
        }
    }

    async fn presence(&self, key: &SessionKey) -> Result<Presence, DirectoryError> {
        let deadline = self.link.config().deadline;
        match self.call(&script(EXISTS, key), deadline).await {
            Ok(answer) => presence(&answer).ok_or(DirectoryError::Malformed),
            Err(error) => Err(directory_error(&error)),
        }
    }

    async fn call(&self, command: &Cmd, within: Duration) -> Result<Value, LinkError> {
        let answer = self.link.call_within(command, within).await;
        if let Err(LinkError::Down(_) | LinkError::Silent) = answer {
            // This call waits for nothing, and the next finds the server sooner.
            self.link.wake();
        }
        answer.map_err(unquoted)
    }
}

impl SessionDirectory for RedisSessions {
    fn exists<'a>(&'a self, key: &'a SessionKey) -> SessionFuture<'a> {
        Box::pin(self.presence(key))
    }
}

/// A script on one key. As a whole: it is hardly longer than its hash, and known to every server.
fn script(text: &str, key: &SessionKey) -> Cmd {
    let mut command = redis::cmd("EVAL");
    command.arg(text).arg(1).arg(key.expose());
    command
}

/// What the script answered: `PTTL` counts whole milliseconds, rounded down.
fn presence(answer: &Value) -> Option<Presence> {
    match answer {
        Value::Int(-2) => Some(Presence::Absent),
        Value::Int(-1) => Some(Presence::Present { expires_in: None }),
        Value::Int(left) => {
            let expires_in = Some(Duration::from_millis(u64::try_from(*left).ok()?));
            Some(Presence::Present { expires_in })
        }
        _ => None,
    }
}

/// What `TIME` answered, in whole milliseconds.
fn millis(time: &Value) -> Option<u64> {
    let Value::Array(parts) = time else {
        return None;
    };
    let number = |part: &Value| match part {
        Value::BulkString(digits) => str::from_utf8(digits).ok()?.parse::<u64>().ok(),
        _ => None,
    };
    let [seconds, micros] = &parts[..] else {
        return None;
    };
    number(seconds)?
        .checked_mul(1000)?
        .checked_add(number(micros)? / 1000)
}

/// The last millisecond of a session that lasts so long from `now` on. It is a whole one.
fn end(now: u64, lasts: Duration) -> u64 {
    now.saturating_add(whole_millis(lasts))
        .saturating_sub(1)
        .min(LAST)
}

fn whole_millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whatever_is_answered_is_a_presence_an_absence_or_nonsense() {
        let present = |expires_in| Some(Presence::Present { expires_in });
        for (answer, expected) in [
            (Value::Int(-2), Some(Presence::Absent)),
            (Value::Int(-1), present(None)),
            (Value::Int(0), present(Some(Duration::ZERO))),
            (Value::Int(7), present(Some(Duration::from_millis(7)))),
            (Value::Int(-3), None),
            (Value::Int(i64::MIN), None),
            (Value::Nil, None),
            (Value::BulkString(b"-2".to_vec()), None),
            (Value::Array(vec![Value::Int(-2)]), None),
        ] {
            assert_eq!(presence(&answer), expected, "{answer:?}");
        }
    }

    #[test]
    fn a_time_is_two_numbers_of_text() {
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let time =
            |parts: &[&str]| millis(&Value::Array(parts.iter().copied().map(text).collect()));
        assert_eq!(time(&["12", "34999"]), Some(12_034));
        for bad in [&[][..], &["1"], &["1", "2", "3"], &["1", ""], &["-1", "2"]] {
            assert_eq!(time(bad), None, "{bad:?}");
        }
        assert_eq!(time(&[&u64::MAX.to_string(), "0"]), None);
        assert_eq!(millis(&Value::Int(1)), None);
    }

    proptest! {
        /// A server keeps a key until the millisecond of its end is over.
        #[test]
        fn a_session_never_lasts_longer_than_said(
            now in 0_u64..1 << 53,
            seconds in prop_oneof![0_u64..3, any::<u64>()],
            nanos in 0_u32..1_000_000_000,
        ) {
            let lasts = Duration::new(seconds, nanos);
            let end = end(now, lasts);
            prop_assert!(end <= LAST);
            // What ends by now is not opened at all.
            if end > now {
                let kept = u128::from(end + 1 - now) * 1_000_000;
                prop_assert!(kept <= lasts.as_nanos());
            }
        }
    }
}
