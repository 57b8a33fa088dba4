//! What a check allocates: nothing.
#![allow(clippy::unwrap_used, reason = "unwrap in a test is an assertion")]

mod common;

use std::time::Duration;

use common::{ISSUER, S, builder, token};
use portcullis_revocation::{Check, MemoryLog, Moment, Order, Target};
use portcullis_testing::TestClock;
use tokio::time::sleep;

#[tokio::test(start_paused = true)]
async fn a_check_allocates_nothing_whether_or_not_something_was_revoked_since() {
    let clock = TestClock::following_tokio();
    let node = builder(MemoryLog::with_clock(clock.clone(), 10_000), &clock);
    let node = node.start().unwrap();
    let (view, revoker) = (node.view(), node.revoker());
    let ids = token(&view, &clock, "clear");
    for round in 0..5 {
        let names = (0..100).map(|n| Target::session(ISSUER, &format!("{round} {n}")));
        revoker.submit(&Order::revoke(names)).await.unwrap();
        sleep(Duration::from_secs(1)).await;
        let now = Moment::of(&clock);
        let revoked = token(&view, &clock, &format!("{round} 7"));
        let counted = allocation_counter::measure(|| {
            for _ in 0..10 {
                assert_eq!(view.check(&ids, now, S), Check::Clear);
                assert!(matches!(view.check(&revoked, now, S), Check::Revoked(_)));
            }
        });
        assert_eq!(counted.count_total, 0, "{counted:?}");
    }
}
