//! What a caller controls: after a hundred of each, the circuit is closed.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used)] // unwrap in a test is an assertion
#![cfg(feature = "http")]

mod kit;
#[path = "kit/web.rs"]
mod web;

use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt as _;
use kit::Stand;
use portcullis_core::CircuitState::Closed;
use portcullis_core::RequestContext;
use web::{Script, Step, answer, get, grpc, stand};

const MANY: usize = 100;

fn good() -> Response<Script> {
    answer(200, &[], [Step::Data])
}

#[track_caller]
fn stays_closed(stand: &Stand, what: &str) {
    stand.is(Closed);
    let (_, failed, slow) = stand.tally();
    assert_eq!((failed, slow), (0, 0), "{what}");
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_refused_say_nothing_about_the_dependency() {
    let statuses = (400..=499).chain([501, 505]);
    for status in statuses {
        let stand = stand();
        for _ in 0..MANY {
            stand
                .ask_all(get(), || {
                    answer(status, &[("retry-after", "60")], [Step::Data])
                })
                .await;
        }
        stays_closed(&stand, &status.to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn codes_of_grpc_that_are_about_the_caller_count_for_nothing() {
    // CANCELLED, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED, RESOURCE_EXHAUSTED,
    // FAILED_PRECONDITION, ABORTED, OUT_OF_RANGE, UNIMPLEMENTED, UNAUTHENTICATED.
    let codes: [&'static [(&str, &str)]; 12] = [
        &[("grpc-status", "1")],
        &[("grpc-status", "3")],
        &[("grpc-status", "4")],
        &[("grpc-status", "5")],
        &[("grpc-status", "6")],
        &[("grpc-status", "7")],
        &[("grpc-status", "8")],
        &[("grpc-status", "9")],
        &[("grpc-status", "10")],
        &[("grpc-status", "11")],
        &[("grpc-status", "12")],
        &[("grpc-status", "16")],
    ];
    for code in codes {
        let stand = stand();
        for _ in 0..MANY {
            let content_type = ("content-type", "application/grpc");
            stand
                .ask_all(grpc(), || answer(200, &[content_type, code[0]], []))
                .await;
            stand
                .ask_all(grpc(), || {
                    answer(200, &[content_type], [Step::Data, Step::Trailers(code)])
                })
                .await;
        }
        stays_closed(&stand, code[0].1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_tiny_deadline_of_the_caller_counts_for_nothing() {
    let stand = stand();
    for _ in 0..MANY {
        // grpc-timeout: 1m. The dependency would take 10 ms, and the caller is gone after one.
        let call = stand.ask(grpc(), true, Duration::from_millis(10), good);
        assert!(
            tokio::time::timeout(Duration::from_millis(1), call)
                .await
                .is_err()
        );
    }
    stays_closed(&stand, "deadline");
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_trickles_is_the_callers_time() {
    for reads in [true, false] {
        let stand = stand();
        for _ in 0..MANY {
            let trickle = (0..30).flat_map(|_| [Step::Wait(Duration::from_secs(10)), Step::Data]);
            let request = Request::post("/").body(Script::of(trickle)).unwrap();
            // One that does not read it answers at once: it has nothing to wait for.
            let response = stand
                .ask(request, reads, Duration::from_millis(5), good)
                .await;
            let _ = response.unwrap().into_body().collect().await;
        }
        stays_closed(&stand, "upload");
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_is_given_up_half_way_counts_for_nothing() {
    let stand = stand();
    for _ in 0..MANY {
        let request = Request::post("/")
            .body(Script::of([Step::Data, Step::Hang]))
            .unwrap();
        let call = stand.ask(request, true, Duration::ZERO, good);
        assert!(
            tokio::time::timeout(Duration::from_secs(60), call)
                .await
                .is_err()
        );
    }
    stays_closed(&stand, "half an upload");
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_breaks_off_counts_for_nothing_whatever_comes_of_it() {
    use http_body_util::BodyExt as _;
    use portcullis_circuit_breaker::http::{HttpCircuitBreakerLayer, RequestBody};
    use tower::{Service, ServiceExt, service_fn};
    use tower_layer::Layer as _;

    let stand = stand();
    for answers in [true, false] {
        // As a client does: half a request is an error, before the answer or within it.
        let inner = service_fn(move |request: Request<RequestBody<Script>>| async move {
            if answers {
                let mut body = request.into_body();
                let _ = body.frame().await;
                let broken = body.frame().await.unwrap().is_err();
                assert!(broken);
                return Ok(answer(200, &[], [Step::Data, Step::Break]));
            }
            request.into_body().collect().await.map(|_| good())
        });
        let mut service = HttpCircuitBreakerLayer::new(stand.circuit.clone()).layer(inner);
        for _ in 0..MANY {
            let half = Script::of([Step::Data, Step::Break]);
            let request = Request::post("/").body(half).unwrap();
            if let Ok(response) = service.ready().await.unwrap().call(request).await {
                assert!(response.into_body().collect().await.is_err());
            }
        }
        stays_closed(&stand, "half a request");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_leaves_after_a_slow_head_is_no_failure() {
    let clock = portcullis_testing::TestClock::following_tokio();
    let after = portcullis_circuit_breaker::Cancelled::FailedAfter(Duration::from_millis(100));
    let builder = kit::count(4, 4).failure_rate(0.25).cancelled(after);
    let stand = Stand {
        circuit: builder.clock(clock.clone()).build().unwrap(),
        clock,
        told: kit::Told::default(),
    };
    for _ in 0..MANY {
        let response = stand.ask(get(), true, Duration::from_millis(200), good);
        drop(response.await);
    }
    stays_closed(&stand, "leaving");
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_trickles_is_the_callers_time() {
    let stand = stand();
    for _ in 0..MANY {
        let data = (0..20).map(|_| Step::Data);
        let response = stand.ask(get(), true, Duration::ZERO, || {
            answer(200, &[], [Step::Data])
        });
        let mut body = response.await.unwrap().into_body();
        for _ in data {
            tokio::time::sleep(Duration::from_secs(10)).await;
            let _ = body.frame().await;
        }
    }
    stays_closed(&stand, "reader");
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_hangs_up_counts_for_nothing_wherever_it_is() {
    let stand = stand();
    for _ in 0..MANY {
        // Before the head.
        let call = stand.ask(get(), true, Duration::from_millis(500), good);
        let _ = tokio::time::timeout(Duration::from_millis(100), call).await;
        // In the body.
        let endless = || answer(200, &[], [Step::Data, Step::Hang]);
        let response = stand
            .ask(get(), true, Duration::ZERO, endless)
            .await
            .unwrap();
        let mut body = response.into_body();
        let _ = body.frame().await;
        drop(body);
    }
    stays_closed(&stand, "hang-up");
}

#[tokio::test(start_paused = true)]
async fn streams_and_upgrades_may_last_for_hours() {
    let stand = stand();
    let mut streams = Vec::new();
    for _ in 0..MANY {
        let upgraded = || answer(101, &[("upgrade", "websocket")], []);
        streams.push(
            stand
                .ask(get(), true, Duration::ZERO, upgraded)
                .await
                .unwrap(),
        );
        let events = || {
            answer(
                200,
                &[("content-type", "text/event-stream")],
                [Step::Data, Step::Hang],
            )
        };
        streams.push(
            stand
                .ask(get(), true, Duration::ZERO, events)
                .await
                .unwrap(),
        );
    }
    tokio::time::sleep(Duration::from_secs(3600)).await;
    stand.ask_all(get(), good).await;
    stays_closed(&stand, "streams");
    drop(streams);
    stays_closed(&stand, "streams that were closed");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_a_layer_inside_is_not_the_dependencys() {
    let stand = stand();
    for _ in 0..MANY {
        let mut request = get();
        let context = RequestContext::new(std::time::Instant::now());
        request.extensions_mut().insert(context.clone());
        // An auth layer inside that cannot reach its issuer.
        let refused = || {
            context.note_refusal();
            answer(503, &[("retry-after", "1")], [])
        };
        stand.ask_all(request, refused).await;
    }
    stays_closed(&stand, "refusals");
}

#[tokio::test(start_paused = true)]
async fn callers_who_hold_the_probes_keep_nobody_out_for_ever() {
    let stand = stand();
    for _ in 0..4 {
        stand.ask_all(get(), || answer(500, &[], [])).await;
    }
    tokio::time::sleep(Duration::from_millis(5001)).await;
    // Uploads that never end take all probes.
    let stand = std::rc::Rc::new(stand);
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async {
            for _ in 0..3 {
                let stand = stand.clone();
                tokio::task::spawn_local(async move {
                    let request = Request::post("/").body(Script::of([Step::Hang])).unwrap();
                    stand.ask(request, true, Duration::ZERO, good).await
                });
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
            assert!(!stand.circuit.admits());
            tokio::time::sleep(Duration::from_millis(10_001)).await;
            for _ in 0..3 {
                stand.ask_all(get(), good).await;
            }
            stand.is(Closed);
        })
        .await;
}
