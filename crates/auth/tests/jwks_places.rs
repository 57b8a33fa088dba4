//! The refresh task needs no place among those who wait, and never keeps a runtime to itself.
#![allow(clippy::unwrap_used, reason = "unwrap in a test is an assertion")]

mod jwks_support;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use futures_util::future::join_all;
use jwks_support::{Rig, SECOND, settle, unknown, until};
use portcullis_auth::jwks::{Jwks, JwksLimits, Missing};
use portcullis_core::Clock;
use portcullis_testing::{Mode, TestClock};
use tokio::time::sleep;

/// Runs a test on a thread of its own: a runtime that hangs fails it, and does not hang it.
fn on_a_thread(test: impl FnOnce() + Send + 'static) {
    let (done, finished) = mpsc::channel();
    let thread = thread::spawn(move || {
        test();
        // Nobody listens any longer if this was too late.
        let _ = done.send(());
    });
    if finished.recv_timeout(Duration::from_secs(30)) == Err(mpsc::RecvTimeoutError::Timeout) {
        panic!("the runtime hangs");
    }
    thread.join().unwrap();
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
}

fn one_place(rig: &mut Rig) -> Jwks<TestClock> {
    let mut limits = JwksLimits::default();
    limits.max_waiters = 1;
    rig.builder().with_limits(limits).build().unwrap()
}

/// How many of so many callers, who ask at once for keys that are nowhere, wait in vain.
async fn flood(rig: &Rig, jwks: &Jwks<TestClock>, callers: usize) -> usize {
    let kids: Vec<_> = (0..callers).map(|kid| format!("junk-{kid}")).collect();
    let deadline = rig.clock.now() + 10 * SECOND;
    let all = kids.iter().map(|kid| async move {
        let missing = jwks.find_missing(&unknown(kid), deadline).await;
        matches!(missing, Missing::Outage(_))
    });
    join_all(all).await.into_iter().filter(|out| *out).count()
}

#[test]
fn a_flood_before_the_task_runs_first_does_not_hang_the_runtime() {
    on_a_thread(|| {
        let mut rig = Rig::new();
        rig.issuer.mode(Mode::Slow(SECOND));
        let jwks = one_place(&mut rig);
        runtime().block_on(async {
            let out = flood(&rig, &jwks, 300).await;
            // One led, one waited.
            assert!(out >= 298, "{out}");
            assert!(!jwks.load().is_cold());
            until(30 * SECOND, || jwks.status().is_healthy()).await;
        });
    });
}

#[test]
fn a_flood_when_the_schedule_comes_due_does_not_hang_the_runtime() {
    on_a_thread(|| {
        let mut rig = Rig::new();
        runtime().block_on(async {
            let jwks = one_place(&mut rig);
            settle().await;
            assert_eq!(rig.fetches(), 1);
            sleep(jwks.status().next_attempt_in - SECOND).await;
            rig.issuer.mode(Mode::Slow(4 * SECOND));
            let out = flood(&rig, &jwks, 300).await;
            assert!(out >= 298, "{out}");
            assert!(jwks.status().is_healthy());
        });
    });
}

/// The task notices a fetch that vanished with its runtime, though the places are taken.
#[test]
fn a_fetch_that_was_lost_is_made_again_while_all_places_are_taken() {
    on_a_thread(|| {
        let mut rig = Rig::new();
        let jwks = one_place(&mut rig);
        rig.issuer.mode(Mode::Hold);
        runtime().block_on(async {
            drop(jwks.load());
            settle().await;
            assert!(jwks.status().fetching);
        });
        rig.issuer.mode(Mode::Ok);
        runtime().block_on(async {
            flood(&rig, &jwks, 300).await;
            until(30 * SECOND, || jwks.status().is_healthy()).await;
        });
    });
}
