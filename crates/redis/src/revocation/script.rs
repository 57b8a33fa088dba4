//! Scripts, sent by their hash and loaded again where a server does not know them.

use std::time::Duration;

use redis::{Cmd, Value};

use super::keys::Keys;
use crate::link::{Link, LinkError};

/// A script that every server learns when it is first asked.
#[derive(Debug)]
pub(super) struct Script(redis::Script, String);

/// The scripts of the log.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) poll: Script,
    pub(super) snapshot: Script,
    pub(super) append: Script,
    pub(super) reassert: Script,
}

const COMMON: &str = include_str!("lua/common.lua");
const WRITE: &str = include_str!("lua/write.lua");
const SECRETS: &str = include_str!("lua/secrets.lua");

// === impl Scripts ===

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            poll: Script::new(&[COMMON, WRITE, SECRETS, include_str!("lua/poll.lua")]),
            snapshot: Script::new(&[COMMON, include_str!("lua/snapshot.lua")]),
            append: Script::new(&[COMMON, WRITE, SECRETS, include_str!("lua/append.lua")]),
            reassert: Script::new(&[COMMON, WRITE, include_str!("lua/reassert.lua")]),
        }
    }
}

// === impl Script ===

impl Script {
    fn new(parts: &[&str]) -> Self {
        let text = parts.concat();
        Self(redis::Script::new(&text), text)
    }

    /// Runs it, within so long in all.
    pub(super) async fn run(
        &self,
        link: &Link,
        keys: &Keys,
        arguments: &[String],
        within: Duration,
    ) -> Result<Value, LinkError> {
        let begun = tokio::time::Instant::now();
        let known = invocation("EVALSHA", self.0.get_hash(), keys, arguments);
        match link.call_within(&known, within).await {
            // Restarted, flushed, or another server. Nothing was done.
            Err(LinkError::Refused(error)) if error.code() == "NOSCRIPT" => {
                let left = within.saturating_sub(begun.elapsed());
                let whole = invocation("EVAL", &self.1, keys, arguments);
                link.call_within(&whole, left).await
            }
            answer => answer,
        }
    }
}

fn invocation(how: &str, script: &str, keys: &Keys, arguments: &[String]) -> Cmd {
    let mut command = redis::cmd(how);
    command
        .arg(script)
        .arg(keys.all().len())
        .arg(keys.all())
        .arg(arguments);
    command
}

#[cfg(test)]
mod tests {
    use portcullis_revocation::log::OPS_REMEMBERED;

    use super::*;

    #[test]
    fn an_order_is_remembered_as_long_as_the_port_says() {
        let span = format!("digits(now - {})", OPS_REMEMBERED.as_millis());
        assert!(WRITE.contains(&span), "{span}");
    }
}
