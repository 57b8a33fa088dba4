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
    // Without a body, with one that is read, and with one that nobody reads.
    for (upload, reads) in [(false, true), (true, true), (true, false)] {
        let stand = stand();
        for _ in 0..4 {
            let steps = upload.then_some(Step::Data);
            let request = Request::post("/").body(Script::of(steps)).unwrap();
            let call = stand.ask(request, reads, Duration::from_secs(3600), good);
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
async fn good_answers_count_whether_anybody_reads_them_to_the_end_or_not() {
    // As a server does with HEAD, with a body of known length, and with a caller who leaves.
    let unread = [vec![Step::Data], vec![Step::Data, Step::Data, Step::Hang]];
    for steps in unread {
        let stand = stand();
        let script = std::cell::Cell::new(Some(steps));
        let response = stand
            .ask(get(), true, Duration::ZERO, || {
                answer(200, &[], script.take().unwrap())
            })
            .await;
        drop(response);
        assert_eq!(stand.tally(), (1, 0, 0));
    }
    // So a few failures among many good ones are few.
    let clock = portcullis_testing::TestClock::following_tokio();
    let stand = Stand {
        circuit: kit::count(20, 20).clock(clock.clone()).build().unwrap(),
        clock,
        told: kit::Told::default(),
    };
    for round in 0..40 {
        for _ in 0..9 {
            drop(stand.ask(get(), true, Duration::ZERO, good).await);
        }
        stand.ask_all(get(), || answer(500, &[], [])).await;
        assert!(stand.tally().1 <= 2, "in round {round}");
    }
    stand.is(Closed);
    // Probes too are good by their heads.
    stand.circuit.open_for(Duration::ZERO).unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    for _ in 0..3 {
        drop(stand.ask(get(), true, Duration::ZERO, good).await);
    }
    stand.is(Closed);
    // Of gRPC nothing is known without its status.
    let stand = web::stand();
    let begun = || answer(200, &[GRPC], [Step::Data, Step::Hang]);
    drop(stand.ask(grpc(), true, Duration::ZERO, begun).await);
    assert_eq!(stand.tally(), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_service_full_of_calls_that_hang_is_refused_and_not_waited_for() {
    use portcullis_circuit_breaker::CircuitBreakerLayer;
    use portcullis_circuit_breaker::http::{HttpCircuitBreakerLayer, RequestBody};
    use std::convert::Infallible;
    use tower::limit::GlobalConcurrencyLimitLayer;
    use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

    let full = GlobalConcurrencyLimitLayer::new(4);
    let hung = stand();
    let mut service = ServiceBuilder::new()
        .layer(CircuitBreakerLayer::new(hung.circuit.clone()))
        .layer(full)
        .service(service_fn(|(): ()| {
            std::future::pending::<Result<(), Infallible>>()
        }));
    let mut calls = Vec::new();
    for _ in 0..4 {
        calls.push(service.ready().await.unwrap().call(()));
    }
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let refused = service.ready().await.unwrap().call(()).await;
    assert!(refused.unwrap_err().rejected().is_some());
    hung.is(Open);

    let hung = stand();
    let mut service = ServiceBuilder::new()
        .layer(HttpCircuitBreakerLayer::new(hung.circuit.clone()))
        .layer(GlobalConcurrencyLimitLayer::new(4))
        .service(service_fn(|_: Request<RequestBody<Script>>| {
            std::future::pending::<Result<Response<Script>, Infallible>>()
        }));
    let mut calls = Vec::new();
    for _ in 0..4 {
        calls.push(service.ready().await.unwrap().call(get()));
    }
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    for _ in 0..2 {
        // Once by what hangs, and then by the circuit that is open, though the service inside is full.
        let refused = service.ready().await.unwrap().call(get()).await.unwrap();
        assert_eq!(refused.status(), 503);
    }
}

#[tokio::test]
async fn a_service_of_http_that_cannot_get_ready_opens_it() {
    use portcullis_circuit_breaker::http::{HttpCircuitBreakerLayer, RequestBody};
    use std::task::{Context, Poll};
    use tower::{Service, ServiceExt};
    use tower_layer::Layer as _;

    #[derive(Clone)]
    struct Broken;
    impl Service<Request<RequestBody<Script>>> for Broken {
        type Response = Response<Script>;
        type Error = std::io::Error;
        type Future = std::future::Ready<Result<Response<Script>, std::io::Error>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), std::io::Error>> {
            Poll::Ready(Err(std::io::Error::other("down")))
        }

        fn call(&mut self, _: Request<RequestBody<Script>>) -> Self::Future {
            unreachable!("it is never ready")
        }
    }
    let stand = stand();
    let mut service = HttpCircuitBreakerLayer::new(stand.circuit.clone()).layer(Broken);
    for _ in 0..4 {
        assert!(
            ServiceExt::<Request<Script>>::ready(&mut service)
                .await
                .is_err()
        );
    }
    let refused = service.ready().await.unwrap().call(get()).await.unwrap();
    assert_eq!(refused.status(), 503);
}

#[tokio::test(start_paused = true)]
async fn a_second_attempt_is_judged_by_its_answer_although_the_first_was_refused() {
    let stand = stand();
    let context = portcullis_core::RequestContext::new(std::time::Instant::now());
    context.note_refusal();
    for _ in 0..4 {
        let mut request = get();
        request.extensions_mut().insert(context.clone());
        stand.ask_all(request, || answer(500, &[], [])).await;
    }
    stand.is(Open);
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
