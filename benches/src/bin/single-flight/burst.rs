//! Many callers at once, one need: all but the first wait for the first.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_singleflight::Group as AsyncGroup;
use futures_util::FutureExt as _;
use moka::future::Cache;
use portcullis_bench_harness::{Args, Case, Group, Report, task_lane};
use portcullis_single_flight::SingleFlight;
use tokio::task::yield_now;
use tower::{Layer as _, Service, ServiceExt as _, service_fn};
use tower_resilience_coalesce::CoalesceLayer;

use crate::together::{in_one_task, in_tasks};
use crate::{ASYNC_SINGLEFLIGHT, COALESCE, MOKA, OURS, SHARED};

/// Where the callers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// All in one task: the mechanism with hardly anything beside it.
    OneTask,
    /// Each in a task of its own: what a server does.
    Tasks,
}

/// How often the work was done: once a burst, or the figures mean nothing.
#[derive(Clone, Debug, Default)]
struct Calls(Arc<AtomicU64>);

/// One key for all bursts.
const KEY: u64 = 7;

pub(crate) fn run(args: &Args, form: Form, waiters: u64) -> Option<Report> {
    let title = format!("Burst of {waiters} callers {form}");
    if !args.wants(&title) {
        return None;
    }
    let group = Group::new(&title)
        .against(COALESCE)
        .note("One operation is one burst. The work yields once, so that everybody is aboard when it ends; that it ran once per burst is asserted.")
        .warm(64)
        .case(shared(form, waiters))
        .case(ours(form, waiters))
        .case(async_singleflight(form, waiters))
        .case(moka(form, waiters))
        .case(coalesce(form, waiters));
    Some(group.run(args))
}

fn shared(form: Form, waiters: u64) -> Case {
    Case::new(SHARED, 1, || {
        let calls = Calls::default();
        task_lane(async move || {
            let need = calls.work().shared();
            form.drive((0..waiters).map(|_| need.clone())).await;
            calls.were_one();
        })
    })
}

fn ours(form: Form, waiters: u64) -> Case {
    Case::new(OURS, 1, || {
        let (calls, flights) = (
            Calls::default(),
            SingleFlight::<u64, u64, Infallible>::new(),
        );
        task_lane(async move || {
            let callers = (0..waiters).map(|_| {
                let calls = calls.clone();
                flights.run(KEY, move || calls.work())
            });
            form.drive(callers).await;
            calls.were_one();
        })
    })
}

fn async_singleflight(form: Form, waiters: u64) -> Case {
    Case::new(ASYNC_SINGLEFLIGHT, 1, || {
        let calls = Calls::default();
        let flights = Arc::new(AsyncGroup::<u64, u64, Infallible>::new());
        task_lane(async move || {
            let callers = (0..waiters).map(|_| {
                let (calls, flights) = (calls.clone(), Arc::clone(&flights));
                async move { flights.work(&KEY, calls.work()).await }
            });
            form.drive(callers).await;
            calls.were_one();
        })
    })
}

fn moka(form: Form, waiters: u64) -> Case {
    Case::new(MOKA, 1, || {
        let (calls, cache) = (Calls::default(), Cache::<u64, u64>::new(1024));
        let mut key = 0;
        task_lane(async move || {
            // A new key for each burst: moka keeps what it computed.
            key += 1;
            let key = key;
            let callers = (0..waiters).map(|_| {
                let (calls, cache) = (calls.clone(), cache.clone());
                async move { cache.try_get_with(key, calls.work()).await }
            });
            form.drive(callers).await;
            calls.were_one();
        })
    })
}

fn coalesce(form: Form, waiters: u64) -> Case {
    Case::new(COALESCE, 1, || {
        let calls = Calls::default();
        let work = calls.clone();
        let service = CoalesceLayer::new(|key: &u64| *key).layer(service_fn(move |_: u64| {
            let work = work.clone().work();
            async move { work.await.map_err(|never| -> String { match never {} }) }
        }));
        task_lane(async move || {
            let callers = (0..waiters).map(|_| {
                let mut service = service.clone();
                async move { service.ready().await?.call(KEY).await }
            });
            form.drive(callers).await;
            calls.were_one();
        })
    })
}

// === impl Form ===

impl Form {
    async fn drive<F>(self, callers: impl Iterator<Item = F>)
    where
        F: Future<Output: Send> + Send + 'static,
    {
        match self {
            Self::OneTask => in_one_task(callers).await,
            Self::Tasks => in_tasks(callers).await,
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OneTask => "in one task",
            Self::Tasks => "in tasks of their own",
        })
    }
}

// === impl Calls ===

impl Calls {
    fn work(&self) -> impl Future<Output = Result<u64, Infallible>> + Send + use<> {
        let calls = self.clone();
        async move {
            calls.0.fetch_add(1, Ordering::Relaxed);
            yield_now().await;
            Ok(1)
        }
    }

    fn were_one(&self) {
        assert_eq!(self.0.swap(0, Ordering::Relaxed), 1, "one need, one call");
    }
}
