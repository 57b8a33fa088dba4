//! The layer that answers with an error: what it counts, and what it does with readiness.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used)] // unwrap in a test is an assertion

mod kit;

use std::convert::Infallible;
use std::future::{pending, ready};
use std::io;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use kit::{Stand, base, count, secs};
use portcullis_circuit_breaker::{CircuitBreakerError, CircuitBreakerLayer};
use portcullis_core::CircuitState::{Closed, HalfOpen, Open};
use portcullis_core::Outcome;
use tower::timeout::TimeoutLayer;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_layer::Layer;

fn down() -> io::Error {
    io::Error::other("down")
}

#[tokio::test]
async fn an_open_circuit_refuses_without_asking_the_service_inside() {
    let stand = Stand::new(count(5, 5));
    let calls = std::cell::Cell::new(0);
    let inner = service_fn(|(): ()| {
        calls.set(calls.get() + 1);
        ready(Err::<(), _>(down()))
    });
    let mut service = CircuitBreakerLayer::new(stand.circuit.clone()).layer(inner);
    for _ in 0..20 {
        let error = service.ready().await.unwrap().call(()).await.unwrap_err();
        let refused = error.rejected().is_some();
        assert_eq!(
            refused,
            calls.get() == 5 && stand.circuit.snapshot().rejected > 0
        );
    }
    assert_eq!(calls.get(), 5);
    assert_eq!(stand.circuit.snapshot().rejected, 15);
}

#[tokio::test]
async fn eight_applications_of_one_layer_share_one_circuit() {
    let stand = Stand::new(count(8, 8));
    let layer = CircuitBreakerLayer::new(stand.circuit.clone());
    for _ in 0..8 {
        let mut service = layer
            .clone()
            .layer(service_fn(|(): ()| ready(Err::<(), _>(down()))));
        let error = service.ready().await.unwrap().call(()).await.unwrap_err();
        assert!(matches!(error, CircuitBreakerError::Inner(_)));
    }
    stand.is(Open);
}

#[tokio::test]
async fn s28_an_error_that_nobody_classified_is_a_failure_and_an_answer_a_success() {
    let stand = Stand::new(count(10, 10));
    let layer = CircuitBreakerLayer::new(stand.circuit.clone());
    let mut service = layer.layer(service_fn(|good: bool| {
        ready(if good { Ok(()) } else { Err(down()) })
    }));
    let _ = service.ready().await.unwrap().call(true).await;
    let _ = service.ready().await.unwrap().call(false).await;
    assert_eq!(stand.tally(), (2, 1, 0));
}

#[tokio::test]
async fn s29_an_answer_can_be_a_failure_and_an_error_nothing() {
    let stand = Stand::new(count(10, 10));
    let classify = |result: Result<&u32, &io::Error>| match result {
        Ok(500) => Outcome::Failure,
        Ok(_) => Outcome::Success,
        Err(_) => Outcome::Ignore,
    };
    let layer = CircuitBreakerLayer::new(stand.circuit.clone()).with_classify(classify);
    let mut service = layer.layer(service_fn(|status: u32| {
        ready(if status == 0 { Err(down()) } else { Ok(status) })
    }));
    for status in [500, 200, 0] {
        let _ = service.ready().await.unwrap().call(status).await;
    }
    assert_eq!(stand.tally(), (2, 1, 0));
}

#[tokio::test]
async fn s47_a_service_that_cannot_get_ready_opens_the_circuit() {
    struct Broken;
    impl Service<()> for Broken {
        type Response = ();
        type Error = io::Error;
        type Future = std::future::Ready<Result<(), io::Error>>;

        fn poll_ready(
            &mut self,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Result<(), io::Error>> {
            std::task::Poll::Ready(Err(down()))
        }

        fn call(&mut self, (): ()) -> Self::Future {
            unreachable!("it is never ready")
        }
    }
    let stand = Stand::new(base());
    let mut service = CircuitBreakerLayer::new(stand.circuit.clone()).layer(Broken);
    for _ in 0..5 {
        let error = service.ready().await.err().unwrap();
        assert!(matches!(error, CircuitBreakerError::Inner(_)));
    }
    stand.is(Open);
    // And now it is not even asked.
    let error = service.ready().await.unwrap().call(()).await.unwrap_err();
    assert!(error.rejected().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_dependency_that_never_answers_behind_an_outer_timeout_opens_the_circuit() {
    let stand = {
        let clock = portcullis_testing::TestClock::following_tokio();
        let told = kit::Told::default();
        let circuit = count(10, 5).slow_calls(secs(0.5), 0.5).clock(clock.clone());
        let circuit = circuit.build().unwrap();
        Stand {
            circuit,
            clock,
            told,
        }
    };
    let mut service = ServiceBuilder::new()
        .layer(TimeoutLayer::new(Duration::from_secs(1)))
        .layer(CircuitBreakerLayer::new(stand.circuit.clone()))
        .service(service_fn(|(): ()| pending::<Result<(), Infallible>>()));
    for _ in 0..5 {
        assert!(service.ready().await.unwrap().call(()).await.is_err());
    }
    stand.is(Open);
}

#[tokio::test]
async fn a_caller_who_gives_up_at_once_counts_for_nothing() {
    let stand = Stand::new(base());
    let mut service = CircuitBreakerLayer::new(stand.circuit.clone())
        .layer(service_fn(|(): ()| pending::<Result<(), Infallible>>()));
    for _ in 0..100 {
        drop(service.ready().await.unwrap().call(()));
    }
    stand.is(Closed);
    assert_eq!(stand.tally(), (0, 0, 0));
}

#[tokio::test]
async fn a_panic_is_a_failure_wherever_it_comes() {
    let stand = Stand::new(count(10, 10));
    let layer = CircuitBreakerLayer::new(stand.circuit.clone());
    let mut in_call = layer.layer(service_fn(
        |(): ()| -> std::future::Ready<Result<(), Infallible>> { panic!("in call") },
    ));
    let ready = in_call.ready().await.unwrap();
    assert!(std::panic::catch_unwind(AssertUnwindSafe(|| ready.call(()))).is_err());
    assert_eq!(stand.tally(), (1, 1, 0));

    let mut in_poll = layer.layer(service_fn(|(): ()| async {
        let panics = true;
        assert!(!panics, "in poll");
        Ok::<_, Infallible>(())
    }));
    let future = in_poll.ready().await.unwrap().call(());
    assert!(tokio::spawn(future).await.is_err());
    assert_eq!(stand.tally(), (2, 2, 0));
}

#[tokio::test]
async fn a_probe_that_panics_does_not_wedge_the_circuit() {
    let stand = Stand::new(base().probes(1));
    drop(stand.half_open());
    stand.is(HalfOpen);
    let layer = CircuitBreakerLayer::new(stand.circuit.clone());
    let mut service = layer.layer(service_fn(
        |(): ()| -> std::future::Ready<Result<(), Infallible>> { panic!("a probe") },
    ));
    let ready = service.ready().await.unwrap();
    assert!(std::panic::catch_unwind(AssertUnwindSafe(|| ready.call(()))).is_err());
    stand.is(Open);
}

#[tokio::test]
async fn a_circuit_that_opens_between_readiness_and_call_refuses() {
    let stand = Stand::new(base());
    let mut service = CircuitBreakerLayer::new(stand.circuit.clone())
        .layer(service_fn(|(): ()| ready(Ok::<_, Infallible>(()))));
    let ready = service.ready().await.unwrap();
    stand.circuit.move_to(Open).unwrap();
    assert!(ready.call(()).await.unwrap_err().rejected().is_some());
    // And one that closes in between: the service inside is not ready, so the next call is the first.
    let refused = service.ready().await.unwrap();
    stand.circuit.reset();
    assert!(refused.call(()).await.unwrap_err().rejected().is_some());
    service.ready().await.unwrap().call(()).await.unwrap();
}
