//! The script joins records as the library does.
#![cfg(all(unix, feature = "revocation"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod support;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use portcullis_revocation::log::{Anchor, RevocationLog as _};
use portcullis_revocation::{Id, Kind, Record, ServerTime, Stamp, State};
use portcullis_testing::RedisServer;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Runtime;

use self::support::{log_on, poll, set};

/// Later than any of these tests.
const FAR: u64 = 4_000_000_000_000;

fn record() -> impl Strategy<Value = Record> {
    let state = prop_oneof![
        (0_u64..6).prop_map(|at| State::Revoked {
            at: ServerTime::from_millis(at)
        }),
        Just(State::Lifted),
    ];
    let stamp = prop_oneof![0_u64..6, Just(Stamp::MAX.as_micros())];
    let expires = prop_oneof![FAR..FAR + 6, Just(Stamp::MAX.as_micros())];
    let kind = 0..Kind::ALL.len();
    (kind, state, stamp, expires).prop_map(|(kind, state, stamp, expires)| Record {
        kind: Kind::ALL[kind],
        state,
        stamp: Stamp::from_micros(stamp),
        expires: ServerTime::from_millis(expires),
    })
}

#[test]
fn the_script_joins_records_as_the_library_does() {
    let runtime = Runtime::new().unwrap();
    let (_server, log) = runtime.block_on(async {
        let server = RedisServer::start().await;
        let log = log_on(&server).await;
        poll(&log, None).await.unwrap();
        (server, log)
    });
    // Ids of their own for every case; whoever reads everything then has all cases at once.
    let case = AtomicU64::new(1);
    let batches = prop::collection::vec(prop::collection::vec((0_u64..3, record()), 1..6), 1..6);
    let mut runner = TestRunner::new(Config::with_cases(120));
    let ran = runner.run(&batches, |batches| {
        let number = case.fetch_add(1, Ordering::Relaxed);
        let id = |n| Id::from_bytes((u128::from(number) << 64 | u128::from(n)).to_be_bytes());
        let mut oracle: BTreeMap<Id, Record> = BTreeMap::new();
        runtime.block_on(async {
            for batch in batches {
                let before = poll(&log, None).await.unwrap().head;
                let records: Vec<_> = batch.into_iter().map(|(n, one)| (id(n), one)).collect();
                log.reassert(records.clone()).await.unwrap();
                let mut news = Vec::new();
                for (id, record) in records {
                    let known = oracle.get(&id).copied();
                    // A lift has no time, in text.
                    let joined = known.map_or(record, |known| known.join(record));
                    if known != Some(joined) {
                        oracle.insert(id, joined);
                        news.push((id, joined));
                    }
                }
                let page = poll(&log, Some(before)).await.unwrap();
                let skip = usize::from(before != Anchor::default());
                let tail = page.changes.iter().skip(skip).map(|one| one.entry.unwrap());
                let tail: Vec<_> = tail.collect();
                assert_eq!(tail, news, "what changed is in the tail, and nothing else");
            }
            let all: BTreeMap<_, _> = set(&log, 50).await.unwrap().into_iter().collect();
            for (id, record) in &oracle {
                assert_eq!(all.get(id), Some(record));
            }
        });
        Ok(())
    });
    ran.unwrap();
}
