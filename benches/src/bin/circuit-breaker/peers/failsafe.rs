//! failsafe: an average that decays, and failures in a row. It has no layer, so it gets the thinnest that can be made.

use std::time::Duration;

use failsafe::backoff::{Constant, constant};
use failsafe::failure_policy::{consecutive_failures, success_rate_over_time_window};
use failsafe::futures::CircuitBreaker;
use failsafe::{Config, FailurePolicy, StateMachine};
use portcullis_bench_harness::Case;
use tower::{Service, service_fn};

use crate::service::{Asked, Form, Inner, Must, lane};

const USUAL: &str = "failsafe, default policy";
const CONSECUTIVE: &str = "failsafe, failures in a row only";

/// The numbers of `Config::new()`; only the time that it stays open is longer, for it must last.
pub(crate) fn usual(form: Form, must: Must, base: &str) -> Case {
    let window = Duration::from_secs(30);
    let rate = success_rate_over_time_window(0.8, 5, window, an_hour());
    let policy = rate.or_else(consecutive_failures(5, an_hour()));
    case(USUAL, policy, form, must, base)
}

pub(crate) fn consecutive(form: Form, must: Must, base: &str) -> Case {
    case(
        CONSECUTIVE,
        consecutive_failures(5, an_hour()),
        form,
        must,
        base,
    )
}

fn an_hour() -> Constant {
    constant(Duration::from_secs(3600))
}

fn case<P>(name: &str, policy: P, form: Form, must: Must, base: &str) -> Case
where
    P: FailurePolicy + Send + Sync + 'static,
{
    let breaker: StateMachine<P, ()> = Config::new().failure_policy(policy).build();
    if must == Must::BeRefused {
        for _ in 0..5 {
            breaker.on_error();
        }
    }
    let one = move || {
        let (breaker, inner) = (breaker.clone(), Inner::new(form));
        // The service inside is called when the future is polled, so that it is not where the call is refused.
        let service = service_fn(move |request: Asked| {
            let mut inner = inner;
            breaker.call(async move { inner.call(request).await })
        });
        lane(form, must, service)
    };
    Case::new(name, form.lanes(), one).over(base)
}
