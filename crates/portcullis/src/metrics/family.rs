//! The table of all that is recorded: what describes the metrics, and what `docs/metrics.md` is held to.

use metrics::Unit;

/// One family of metrics.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Family {
    /// Its name, without a prefix.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// What it counts.
    pub unit: Unit,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it says, in one sentence.
    pub help: &'static str,
    /// What OpenTelemetry calls it, if that is another name.
    pub semconv: Option<Semconv>,
}

/// The kind of a [`Family`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// It only goes up.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Durations, with the upper bounds of the buckets that suit them.
    Histogram(&'static [f64]),
}

/// The names of a [`Family`] by OpenTelemetry's semantic conventions, as Prometheus writes them.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Semconv {
    /// Its name.
    pub name: &'static str,
    /// The names of its labels, in the order of [`Family::labels`].
    pub labels: &'static [&'static str],
}

/// Buckets for requests and calls, in seconds: those of OpenTelemetry's conventions.
pub const DURATION_BUCKETS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// Buckets for stages, in seconds: 10 µs to 1 s.
pub const STAGE_BUCKETS: &[f64] = &[
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025,
    0.05, 0.1, 0.25, 0.5, 1.0,
];

macro_rules! families {
    ($($id:ident = $kind:expr, $unit:ident, $name:literal $labels:tt,
        $(semconv $other:literal $other_labels:tt,)? $help:literal;)*) => {
        $(pub(super) const $id: Family = Family {
            name: $name,
            kind: $kind,
            unit: Unit::$unit,
            labels: &$labels,
            help: $help,
            semconv: families!(@ $($other $other_labels)?),
        };)*

        /// Every family that [`MetricsObserver`](super::MetricsObserver) records.
        pub const FAMILIES: &[Family] = &[$($id),*];
    };
    (@) => { None };
    (@ $name:literal $labels:tt) => { Some(Semconv { name: $name, labels: &$labels }) };
}

const DURATION: Kind = Kind::Histogram(DURATION_BUCKETS);
const STAGE: Kind = Kind::Histogram(STAGE_BUCKETS);

families! {
    REQUESTS = DURATION, Seconds, "http_request_duration_seconds" ["method", "route", "status"],
        semconv "http_server_request_duration_seconds"
            ["http_request_method", "http_route", "http_response_status_code"],
        "Time from the head of a request to the end of its answer.";
    CALLS = DURATION, Seconds, "http_client_request_duration_seconds" ["method", "status"],
        semconv "http_client_request_duration_seconds"
            ["http_request_method", "http_response_status_code"],
        "Time from the head of a call to the end of its answer.";
    RPC_REQUESTS = DURATION, Seconds, "rpc_server_duration_seconds" ["route", "code"],
        semconv "rpc_server_call_duration_seconds" ["http_route", "rpc_response_status_code"],
        "Time from the head of a gRPC request to the end of its answer.";
    RPC_CALLS = DURATION, Seconds, "rpc_client_duration_seconds" ["code"],
        semconv "rpc_client_call_duration_seconds" ["rpc_response_status_code"],
        "Time from the head of a gRPC call to the end of its answer.";
    IN_FLIGHT = Kind::Gauge, Count, "http_requests_in_flight" ["side"],
        "Requests and calls that began and did not end.";
    CANCELLED = Kind::Counter, Count, "http_requests_cancelled_total" ["side", "phase"],
        "Requests and calls that nobody waited for any more, by how far their answer had come.";
    STAGE_OWN = STAGE, Seconds, "auth_stage_duration_seconds" ["stage"],
        "Time that a stage of a request took for itself, without the stages in it.";
    STAGE_WAITING = STAGE, Seconds, "auth_stage_waiting_seconds" ["stage"],
        "How much of its own time a stage of a request waited.";
    VERDICTS = Kind::Counter, Count, "auth_requests_total" ["verdict", "reason"],
        "Verdicts of the auth layers.";
    DEGRADED = Kind::Counter, Count, "auth_degraded_total" ["cause"],
        "Requests that a degrade policy admitted without a verdict.";
    REFRESHES = Kind::Counter, Count, "jwks_refresh_total" ["result"],
        "Attempts to refresh the keys of issuers.";
    KEYS_AGE = Kind::Gauge, Seconds, "jwks_age_seconds" ["issuer"],
        "Age of the keys in use when they were last refreshed, or were not.";
    CIRCUIT_STATE = Kind::Gauge, Count, "circuitbreaker_state" ["name", "state"],
        "1 with the state of a circuit; of circuits with one name, how many are in it.";
    CIRCUIT_MOVES = Kind::Counter, Count, "circuitbreaker_transitions_total"
        ["name", "from", "to", "cause"],
        "Moves of circuits.";
    CIRCUIT_REJECTED = Kind::Counter, Count, "circuitbreaker_not_permitted_total" ["name"],
        "Calls that a circuit refused.";
    CIRCUIT_WOULD_OPEN = Kind::Counter, Count, "circuitbreaker_would_open_total" ["name", "cause"],
        "Times that a circuit which only counts would have opened.";
    CIRCUIT_OVERFLOW = Kind::Counter, Count, "circuitbreaker_overflow_total" ["name"],
        "Times that a new key found no room for a circuit of its own.";
    TRACE_CONTEXT = Kind::Counter, Count, "trace_context_total" ["format", "result"],
        "Requests by the trace that they came with.";
    OVERFLOW = Kind::Counter, Count, "metrics_overflow_total" ["label"],
        "Times that a value of a label was recorded as _overflow.";
}

// === impl Kind ===

impl Kind {
    /// Its name, as Prometheus writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_prometheus_expects_of_them() {
        let mut names: Vec<_> = FAMILIES.iter().map(|family| family.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FAMILIES.len());
        for family in FAMILIES {
            let total = family.name.ends_with("_total");
            assert_eq!(total, family.kind == Kind::Counter, "{}", family.name);
            let seconds = family.name.ends_with("_seconds");
            assert_eq!(seconds, family.unit == Unit::Seconds, "{}", family.name);
            let other = family.semconv.map(|semconv| semconv.labels.len());
            assert!(other.is_none_or(|labels| labels == family.labels.len()));
        }
    }

    #[test]
    fn buckets_go_up() {
        for buckets in [DURATION_BUCKETS, STAGE_BUCKETS] {
            assert!(buckets.is_sorted_by(|lower, upper| lower < upper));
        }
    }
}
