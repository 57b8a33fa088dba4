//! What a page of Prometheus says after what real layers report.
#![allow(clippy::unwrap_used, reason = "in a test it is an assertion")]

mod allocations;
mod auth;
mod bounds;
mod circuits;
mod docs;
mod promtool;
mod requests;

use std::collections::BTreeMap;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use portcullis::metrics::{MetricsBuilder, MetricsObserver};

/// An observer, and the page that shows what it recorded.
struct Stand {
    metrics: MetricsObserver,
    handle: PrometheusHandle,
}

/// Rows and their values.
#[derive(Debug)]
struct Page(BTreeMap<String, f64>);

impl Stand {
    fn new() -> Self {
        Self::with(MetricsObserver::builder())
    }

    fn with(builder: MetricsBuilder) -> Self {
        let mut prometheus = PrometheusBuilder::new();
        for (family, buckets) in builder.buckets() {
            let family = Matcher::Full(family);
            prometheus = prometheus.set_buckets_for_metric(family, buckets).unwrap();
        }
        let recorder = prometheus.build_recorder();
        Self {
            handle: recorder.handle(),
            metrics: builder.with_recorder(recorder).build(),
        }
    }

    fn page(&self) -> Page {
        let text = self.handle.render();
        let rows = text.lines();
        let rows = rows.filter(|row| !row.is_empty() && !row.starts_with('#'));
        let rows = rows.map(|row| {
            let (row, value) = row.rsplit_once(' ').unwrap();
            (row.replace('"', ""), value.parse().unwrap())
        });
        Page(rows.collect())
    }
}

impl Page {
    /// The value of a row, written without quotes; none if there is no such row.
    fn get(&self, row: &str) -> Option<f64> {
        self.0.get(row).copied()
    }

    /// The rows of a family that are not zero.
    fn of(&self, family: &str) -> Vec<(&str, f64)> {
        let rows = self.0.iter().filter_map(|(row, value)| {
            let rest = row.strip_prefix(family)?;
            (rest.starts_with('{') && *value != 0.0).then_some((rest, *value))
        });
        rows.collect()
    }
}

#[test]
fn it_goes_wherever_a_layer_goes() {
    fn everywhere<T: Clone + Send + Sync + Unpin + std::fmt::Debug + 'static>() {}
    everywhere::<MetricsObserver>();
    fn between_threads<T: Clone + Send + Sync + std::fmt::Debug + 'static>() {}
    between_threads::<MetricsBuilder>();
}

#[test]
fn without_a_recorder_it_records_nothing_and_hurts_nobody() {
    use portcullis::{CircuitEvent, CircuitEventKind, Observer};
    let rejected = CircuitEventKind::WouldOpen { cause: "slow_rate" };
    MetricsObserver::new().circuit(&CircuitEvent::new("idp", rejected));
}

#[test]
fn counters_that_may_never_go_up_are_there_as_zero() {
    let page = Stand::new().page();
    for row in [
        "http_requests_in_flight{side=server}",
        "http_requests_in_flight{side=client}",
        "http_requests_cancelled_total{side=server,phase=head}",
        "http_requests_cancelled_total{side=client,phase=body}",
        "auth_degraded_total{cause=key_unavailable}",
        "jwks_refresh_total{result=failed}",
        "metrics_overflow_total{label=route}",
    ] {
        assert_eq!(page.get(row), Some(0.0), "{row}");
    }
}
