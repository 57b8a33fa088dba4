//! The dependency's own faults: each of them opens the circuit.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used)] // unwrap in a test is an assertion
#![cfg(feature = "http")]

mod kit;
#[path = "kit/web.rs"]
mod web;

use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt as _;
use kit::{Stand, secs};
use portcullis_core::CircuitState::{Closed, Open};
use web::{Script, Step, answer, get, grpc, stand};

const GRPC: (&str, &str) = ("content-type", "application/grpc");

fn good() -> Response<Script> {
    answer(200, &[], [Step::Data])
}

/// Three good calls and one that is not, which is a quarter.
async fn one_in_four(
    request: impl Fn() -> Request<Script>,
    fault: impl Fn() -> Response<Script>,
) -> Stand {
    let stand = stand();
    for _ in 0..3 {
        stand.ask_all(get(), good).await;
    }
    stand.is(Closed);
    stand.ask_all(request(), fault).await;
    stand
}

#[tokio::test(start_paused = true)]
async fn statuses_that_are_the_dependencys_fault_open_it() {
    for status in [
        500, 502, 503, 504, 507, 508, 520, 521, 522, 523, 524, 525, 526, 527, 530,
    ] {
        one_in_four(get, || answer(status, &[], [])).await.is(Open);
    }
}

#[tokio::test(start_paused = true)]
async fn a_503_that_says_when_to_come_again_keeps_it_open_that_long() {
    let stand = one_in_four(get, || answer(503, &[("retry-after", "30")], [])).await;
    assert_eq!(stand.circuit.snapshot().open_for, Some(secs(30.0)));
}

#[tokio::test(start_paused = true)]
async fn s47_a_body_that_breaks_off_is_one_failure() {
    let stand = one_in_four(get, || answer(200, &[], [Step::Data, Step::Break])).await;
    stand.is(Open);
    assert_eq!(stand.tally(), (4, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn s48_grpc_is_judged_by_head_by_trailers_and_by_their_absence() {
    for code in ["2", "13", "14", "15", "garbage"] {
        let head: &'static [(&str, &str)] = Box::leak(Box::new([GRPC, ("grpc-status", code)]));
        one_in_four(grpc, || answer(200, head, [])).await.is(Open);
        let trailers = &head[1..];
        let late = || answer(200, &[GRPC], [Step::Data, Step::Trailers(trailers)]);
        one_in_four(grpc, late).await.is(Open);
    }
    // No status at all, and a stream that was reset.
    one_in_four(grpc, || answer(200, &[GRPC], [Step::Data]))
        .await
        .is(Open);
    one_in_four(grpc, || answer(200, &[GRPC], []))
        .await
        .is(Open);
    one_in_four(grpc, || answer(200, &[GRPC], [Step::Data, Step::Break]))
        .await
        .is(Open);
    // And what is good stays good.
    let fine = || {
        answer(
            200,
            &[GRPC],
            [Step::Data, Step::Trailers(&[("grpc-status", "0")])],
        )
    };
    one_in_four(grpc, fine).await.is(Closed);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_takes_too_long_is_slow() {
    let stand = stand();
    for _ in 0..3 {
        stand.ask_all(get(), good).await;
    }
    let response = stand
        .ask(get(), true, Duration::from_millis(1001), good)
        .await;
    let _ = response.unwrap().into_body().collect().await;
    stand.is(Open);
    assert_eq!(stand.tally(), (4, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn after_the_upload_the_time_is_the_dependencys() {
    let stand = stand();
    for _ in 0..3 {
        stand.ask_all(get(), good).await;
    }
    let slowly = [Step::Wait(Duration::from_secs(60)), Step::Data];
    let request = Request::post("/").body(Script::of(slowly)).unwrap();
    let response = stand
        .ask(request, true, Duration::from_millis(1001), good)
        .await;
    let _ = response.unwrap().into_body().collect().await;
    assert_eq!(stand.tally(), (4, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_dependency_that_accepts_and_never_answers_opens_it_behind_an_outer_timeout() {
    for upload in [false, true] {
        let stand = stand();
        for _ in 0..4 {
            let steps = upload.then_some(Step::Data);
            let request = Request::post("/").body(Script::of(steps)).unwrap();
            let call = stand.ask(request, true, Duration::from_secs(3600), good);
            assert!(
                tokio::time::timeout(Duration::from_secs(2), call)
                    .await
                    .is_err()
            );
        }
        stand.is(Open);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dependency_that_hangs_opens_it_while_all_still_wait() {
    let stand = std::rc::Rc::new(stand());
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async {
            for _ in 0..4 {
                let stand = stand.clone();
                tokio::task::spawn_local(async move {
                    stand
                        .ask(get(), true, Duration::from_secs(3600), good)
                        .await
                });
            }
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            let refused = stand.ask(get(), true, Duration::ZERO, good).await.unwrap();
            assert_eq!(refused.status(), 503);
            assert_eq!(refused.headers()["retry-after"], "5");
            stand.is(Open);
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_speaks_the_protocol_of_the_request() {
    let stand = stand();
    stand.circuit.open_for(secs(7.5)).unwrap();
    let http = stand.ask(get(), true, Duration::ZERO, good).await.unwrap();
    assert_eq!(http.status(), 503);
    assert_eq!(http.headers()["retry-after"], "8");
    assert_eq!(http.headers()["content-type"], "application/problem+json");
    assert!(!http.headers().contains_key("www-authenticate"));
    let body = http.into_body().collect().await.unwrap().to_bytes();
    assert!(std::str::from_utf8(&body).unwrap().contains("circuit_open"));
    let call = stand.ask(grpc(), true, Duration::ZERO, good).await.unwrap();
    assert_eq!(call.status(), 200);
    assert_eq!(call.headers()["grpc-status"], "14");
    assert_eq!(call.headers()["grpc-retry-pushback-ms"], "7500");
}
