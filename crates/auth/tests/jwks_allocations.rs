//! Reading the keys allocates nothing.
#![allow(clippy::unwrap_used, reason = "unwrap in a test is an assertion")]

mod jwks_support;

use std::hint::black_box;

use jwks_support::{ALGORITHM, Rig, unknown};
use portcullis_auth::jwks::Missing;

#[tokio::test(start_paused = true)]
async fn a_look_at_the_keys_allocates_nothing() {
    let mut rig = Rig::new();
    let jwks = rig.warm().await;
    let key = rig.issuer.key();
    let material = jwks.load().keys()[0].material_id();
    let look = || {
        let set = jwks.load();
        black_box(set.find(key.kid(), ALGORITHM).is_ok());
        black_box((set.generation(), set.is_cold(), set.is_live(&material)));
    };
    // The first look sets up what arc-swap keeps for each thread.
    look();
    let info = allocation_counter::measure(|| (0..100).for_each(|_| look()));
    assert_eq!(info.count_total, 0);
}

#[tokio::test(start_paused = true)]
async fn a_missing_key_that_was_seen_before_allocates_nothing() {
    let mut rig = Rig::new();
    let jwks = rig.warm().await;
    rig.issuer.mode(portcullis_testing::Mode::Refuse);
    let ask = || {
        let missing = jwks.miss_now(&unknown("none"));
        assert!(matches!(missing, None | Some(Missing::Outage(_))));
    };
    ask();
    let info = allocation_counter::measure(|| (0..100).for_each(|_| ask()));
    assert_eq!(info.count_total, 0);
}
