//! What a server tells of itself.

use std::time::Duration;

/// What a server tells of itself in its answer to `INFO`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Info<'a>(&'a str);

// === impl Info ===

impl<'a> Info<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self(text)
    }

    /// The value of a line `name:value`.
    pub(crate) fn field(self, name: &str) -> Option<&'a str> {
        let mut lines = self.0.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
    }

    pub(crate) fn is_replica(self) -> bool {
        self.field("role") == Some("slave")
    }

    /// The policy by which it may drop keys that never expire, if it may.
    pub(crate) fn evicts(self) -> Option<&'a str> {
        self.field("maxmemory_policy")
            .filter(|policy| policy.starts_with("allkeys-"))
    }

    /// How many replicas are connected, in step or not.
    pub(crate) fn replicas(self) -> u32 {
        let connected = self.field("connected_slaves");
        connected.and_then(|count| count.parse().ok()).unwrap_or(0)
    }

    /// How many replicas are in step: online, and heard of within `max_lag`.
    pub(crate) fn good_replicas(self, max_lag: Duration) -> u32 {
        let good = (0..self.replicas()).filter(|n| {
            let replica = self.field(&format!("slave{n}"));
            replica.is_some_and(|replica| is_good(replica, max_lag))
        });
        u32::try_from(good.count()).unwrap_or(u32::MAX)
    }
}

/// Whether a replica is in step, from `ip=…,port=…,state=online,offset=…,lag=…`.
fn is_good(replica: &str, max_lag: Duration) -> bool {
    let value = |name: &str| {
        let mut parts = replica.split(',');
        parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
    };
    let lag = value("lag").and_then(|lag| lag.parse::<u64>().ok());
    value("state") == Some("online") && lag.is_some_and(|lag| lag <= max_lag.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str = "# Memory\r\nmaxmemory_policy:noeviction\r\n\r\n# Replication\r\nrole:master\r\n\
        connected_slaves:4\r\nslave0:ip=127.0.0.1,port=1,state=online,offset=98,lag=0\r\n\
        slave1:ip=127.0.0.1,port=2,state=online,offset=98,lag=3\r\n\
        slave2:ip=127.0.0.1,port=3,state=wait_bgsave,offset=0,lag=0\r\n\
        slave3:ip=127.0.0.1,port=4,state=online,offset=98,lag=2\r\nmaster_repl_offset:98\r\n";

    #[test]
    fn replicas_in_step_are_online_and_were_heard_of() {
        let info = Info::new(INFO);
        assert!(!info.is_replica());
        assert_eq!(info.replicas(), 4);
        assert_eq!(info.good_replicas(Duration::from_secs(2)), 2);
        assert_eq!(info.good_replicas(Duration::from_secs(3)), 3);
        assert_eq!(info.good_replicas(Duration::ZERO), 1);
    }

    #[test]
    fn what_is_missing_or_garbled_counts_for_nothing() {
        for text in [
            "",
            "connected_slaves:x",
            "connected_slaves:2\r\nslave0:lag=0\r\nslave1:",
        ] {
            assert_eq!(Info::new(text).good_replicas(Duration::MAX), 0, "{text}");
        }
        assert!(Info::new("role:slave\n").is_replica());
    }

    #[test]
    fn a_server_evicts_if_it_may_drop_any_key() {
        let evicts = |policy: &str| {
            let text = format!("maxmemory_policy:{policy}\r\n");
            Info::new(&text).evicts().map(ToOwned::to_owned)
        };
        for policy in ["allkeys-lru", "allkeys-lfu", "allkeys-random"] {
            assert_eq!(evicts(policy).as_deref(), Some(policy));
        }
        for policy in ["noeviction", "volatile-lru", "volatile-ttl"] {
            assert_eq!(evicts(policy), None);
        }
    }
}
