//! Ours, in the set-ups that the questions are about.

use std::time::Duration;

use portcullis_bench_harness::{Case, Lane};
use portcullis_circuit_breaker::http::HttpCircuitBreakerLayer;
use portcullis_circuit_breaker::{Circuit, CircuitBreakerLayer, CircuitBuilder, Window};
use tower::Layer as _;

use crate::service::{Form, Inner, Must, filled_lane, lane};

pub(crate) const NAME: &str = "portcullis-circuit-breaker";
pub(crate) const HTTP: &str = "portcullis-circuit-breaker, HTTP layer";
pub(crate) const SLOW: &str = "portcullis-circuit-breaker, slow calls on";
pub(crate) const SLOW_HTTP: &str = "portcullis-circuit-breaker, slow calls on, HTTP layer";
pub(crate) const TIME: &str = "portcullis-circuit-breaker, time window";
pub(crate) const MINUTE: &str = "portcullis-circuit-breaker, time window, slow calls on";

/// What a circuit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Set {
    pub(crate) name: &'static str,
    pub(crate) http: bool,
    pub(crate) slow: bool,
    pub(crate) time: bool,
}

/// A count window: what is built unless something is said.
pub(crate) const COUNT: Set = set(NAME, false, false, false);
pub(crate) const COUNT_HTTP: Set = set(HTTP, true, false, false);
pub(crate) const COUNT_SLOW: Set = set(SLOW, false, true, false);
pub(crate) const COUNT_SLOW_HTTP: Set = set(SLOW_HTTP, true, true, false);
pub(crate) const OF_TIME: Set = set(TIME, false, false, true);
pub(crate) const OF_TIME_SLOW: Set = set(MINUTE, false, true, true);

const fn set(name: &'static str, http: bool, slow: bool, time: bool) -> Set {
    Set {
        name,
        http,
        slow,
        time,
    }
}

// === impl Set ===

impl Set {
    pub(crate) fn circuit(self) -> Circuit {
        let mut builder: CircuitBuilder = Circuit::builder("bench");
        if self.time {
            builder = builder.window(Window::Time(Duration::from_secs(60)));
        }
        if self.slow {
            builder = builder.slow_calls(Duration::from_secs(1), 0.5);
        }
        builder.build().expect("sound numbers")
    }

    pub(crate) fn case(self, form: Form, must: Must, base: &str) -> Case {
        let circuit = self.circuit();
        if must == Must::BeRefused {
            let hour = Duration::from_secs(3600);
            circuit.open_for(hour).expect("it was closed");
        }
        let one = move || self.lane(&circuit, form, must);
        Case::new(self.name, form.lanes(), one).over(base)
    }

    fn lane(self, circuit: &Circuit, form: Form, must: Must) -> Lane {
        let inner = Inner::new(form);
        if self.http {
            let layer = HttpCircuitBreakerLayer::new(circuit.clone());
            lane(form, must, layer.layer(inner))
        } else {
            let layer = CircuitBreakerLayer::new(circuit.clone());
            lane(form, must, layer.layer(inner))
        }
    }

    /// With so many calls in the window.
    pub(crate) fn filled(self, records: u64, base: &str) -> Case {
        let circuit = self.circuit();
        let one = move || {
            let service =
                CircuitBreakerLayer::new(circuit.clone()).layer(Inner::new(Form::Threads(1)));
            let circuit = circuit.clone();
            filled_lane(records, async move || circuit.reset(), service)
        };
        Case::new(self.name, 1, one).over(base)
    }
}
