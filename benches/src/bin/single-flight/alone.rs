//! A caller who is alone with work that is ready: what coalescing costs when it is not needed.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_singleflight::Group as AsyncGroup;
use moka::future::Cache;
use portcullis_bench_harness::{Args, Case, Group, Report, task_lane};
use portcullis_single_flight::SingleFlight;
use tower::{Layer as _, Service, ServiceExt as _, service_fn};
use tower_resilience_coalesce::CoalesceLayer;

use crate::{ASYNC_SINGLEFLIGHT, COALESCE, MOKA, OURS};

const BARE: &str = "the work alone";

pub(crate) fn run(args: &Args, threads: usize) -> Option<Report> {
    let title = format!(
        "Alone, work ready at once, {threads} thread{}",
        if threads == 1 {
            ""
        } else {
            "s, each with keys of its own"
        }
    );
    if !args.wants(&title) {
        return None;
    }
    let group = Group::new(&title)
        .against(COALESCE)
        .note(
            "Keys are u64. moka keeps what it computed, so it is given a new key each time, and a capacity of 1024.",
        )
        .case(Case::new(BARE, threads, || {
            task_lane(async || {
                let Ok(value) = ready(Ok::<u64, Infallible>(1)).await;
                std::hint::black_box(value);
            })
        }))
        .case(ours(threads))
        .case(async_singleflight(threads))
        .case(moka(threads))
        .case(coalesce(threads));
    Some(group.run(args))
}

fn ours(threads: usize) -> Case {
    let flights = SingleFlight::<u64, u64, Infallible>::new();
    let lane = each_its_own(move |key| {
        let flights = flights.clone();
        task_lane(async move || {
            let outcome = flights.run(key, || ready(Ok(1))).await;
            assert!(outcome.is_ok(), "the work succeeds");
        })
    });
    Case::new(OURS, threads, lane).over(BARE)
}

fn async_singleflight(threads: usize) -> Case {
    let flights = Arc::new(AsyncGroup::<u64, u64, Infallible>::new());
    let lane = each_its_own(move |key| {
        let flights = Arc::clone(&flights);
        task_lane(async move || {
            let outcome = flights.work(&key, ready(Ok(1))).await;
            assert!(outcome.is_ok(), "the work succeeds");
        })
    });
    Case::new(ASYNC_SINGLEFLIGHT, threads, lane).over(BARE)
}

fn moka(threads: usize) -> Case {
    let cache = Cache::<u64, u64>::new(1024);
    let next = Arc::new(AtomicU64::new(0));
    let lane = each_its_own(move |_| {
        let (cache, next) = (cache.clone(), Arc::clone(&next));
        task_lane(async move || {
            let key = next.fetch_add(1, Ordering::Relaxed);
            let outcome = cache.try_get_with(key, ready(Ok::<_, Infallible>(1))).await;
            assert!(outcome.is_ok(), "the work succeeds");
        })
    });
    Case::new(MOKA, threads, lane).over(BARE)
}

fn coalesce(threads: usize) -> Case {
    let layer = CoalesceLayer::new(|key: &u64| *key);
    let service = layer.layer(service_fn(|_: u64| ready(Ok::<u64, String>(1))));
    let lane = each_its_own(move |key| {
        let mut service = service.clone();
        task_lane(async move || {
            let ready = service.ready().await.expect("it is always ready");
            let outcome = ready.call(key).await;
            assert!(outcome.is_ok(), "the work succeeds");
        })
    });
    Case::new(COALESCE, threads, lane).over(BARE)
}

/// Numbers the lanes, so that threads do not wait for each other's flights.
fn each_its_own<T>(lane: impl Fn(u64) -> T) -> impl FnMut() -> T {
    let mut key = 0;
    move || {
        key += 1;
        lane(key)
    }
}
