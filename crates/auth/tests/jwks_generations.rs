//! A reader sees the keys of one generation, never a mixture.
#![allow(clippy::unwrap_used, reason = "unwrap in a test is an assertion")]

mod jwks_support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use jwks_support::{ALGORITHM, canned};
use portcullis_auth::jwks::{Jwks, JwksTimes};
use portcullis_testing::SigningKey;

/// Each document holds two keys whose ids carry its number.
#[test]
fn readers_beside_a_hundred_swaps_never_see_a_mixture() {
    let keys: Vec<_> = (0..2).map(|_| SigningKey::es256()).collect();
    let served = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&served);
    let client = canned(move || {
        let number = count.fetch_add(1, Ordering::SeqCst);
        let named = |index: usize| keys[index].clone().with_kid(format!("{number}-{index}"));
        portcullis_testing::jwks([&named(0), &named(1)])
            .to_string()
            .into()
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .unwrap();
    let mut times = JwksTimes::default();
    times.retry_first = Duration::from_millis(10);
    times.soft_min = Duration::from_millis(10);
    times.soft_default = Duration::from_millis(10);
    let jwks = {
        let _inside = runtime.enter();
        Jwks::builder("https://id.example")
            .with_jwks_url("https://id.example/jwks")
            .with_http_client(client)
            .with_times(times)
            .build()
            .unwrap()
    };
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (jwks, done) = (jwks.clone(), Arc::clone(&done));
            std::thread::spawn(move || read(&jwks, &done))
        })
        .collect();
    while served.load(Ordering::SeqCst) < 100 {
        std::thread::yield_now();
    }
    done.store(true, Ordering::SeqCst);
    for reader in readers {
        assert!(reader.join().unwrap() > 1, "it saw more than one set");
    }
}

/// Checks every snapshot; the number of different ones.
fn read(jwks: &Jwks, done: &AtomicBool) -> usize {
    let (mut sets, mut last) = (0, (0, None));
    while !done.load(Ordering::SeqCst) {
        let set = jwks.load();
        if set.is_cold() {
            continue;
        }
        let numbers: Vec<u64> = set
            .keys()
            .iter()
            .map(|key| {
                key.kid()
                    .unwrap()
                    .split_once('-')
                    .unwrap()
                    .0
                    .parse()
                    .unwrap()
            })
            .collect();
        assert_eq!(numbers.len(), 2);
        assert_eq!(numbers[0], numbers[1], "keys of two sets in one");
        for index in 0..2 {
            let kid = format!("{}-{index}", numbers[0]);
            let key = set.find(Some(&kid), ALGORITHM).unwrap();
            assert!(set.is_live(&key.material_id()));
        }
        let this = (set.generation(), Some(numbers[0]));
        if this.0 != last.0 {
            assert!(this > last, "sets and generations only go forward");
            sets += 1;
        } else {
            assert_eq!(this, last, "one generation, one content");
        }
        last = this;
    }
    sets
}
