//! The numbers as text, in the format of OpenMetrics 1.0.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::HeaderValue;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeGaugeValue, EncodeLabelSet, MetricEncoder, NoLabelSet, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::histogram::Snapshot;
use super::route::RouteCounts;
use super::{Key, Metrics};
use crate::admin::{ConfigHealth, IssuerHealth};
use crate::proxy::UpstreamHealth;
use crate::revoking::RevocationHealth;

/// What the text says of itself.
pub(crate) const CONTENT_TYPE: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// What every name begins with.
const PREFIX: &str = "portcullis";

/// Everything that is shown, as it stands. What is not counted, but known elsewhere, comes along.
///
/// Rows of labels appear with their first count: so a route costs what is asked of it. Nothing is
/// waited for, and routes are at most [so many](super::MOST_ROUTES) for each listener.
pub(crate) struct Scrape {
    metrics: Arc<Metrics>,
    routes: Vec<(Key, Arc<RouteCounts>)>,
    config: ConfigHealth,
    issuers: BTreeMap<String, IssuerHealth>,
    revocation: Option<RevocationHealth>,
    upstreams: Vec<UpstreamHealth>,
}

/// Where families of metrics are written.
struct Page<'a>(DescriptorEncoder<'a>);

// === impl Scrape ===

impl Scrape {
    pub(crate) fn new(
        metrics: &Arc<Metrics>,
        config: ConfigHealth,
        issuers: Vec<IssuerHealth>,
        revocation: Option<RevocationHealth>,
        upstreams: Vec<UpstreamHealth>,
    ) -> Self {
        let routes = metrics.routes.lock();
        let routes = routes
            .iter()
            .map(|(key, counts)| (key.clone(), Arc::clone(counts)))
            .collect();
        let issuers = issuers.into_iter();
        Self {
            metrics: Arc::clone(metrics),
            routes,
            config,
            issuers: issuers
                .map(|issuer| (issuer.issuer.clone(), issuer))
                .collect(),
            revocation,
            upstreams,
        }
    }

    /// The text.
    ///
    /// # Errors
    /// None, for text takes whatever is written.
    pub(crate) fn text(self) -> Result<String, fmt::Error> {
        let mut registry = Registry::with_prefix(PREFIX);
        registry.register_collector(Box::new(self));
        let mut written = String::new();
        text::encode(&mut written, &registry)?;
        Ok(written)
    }

    fn requests(&self, page: &mut Page<'_>) -> fmt::Result {
        let rows = self.routes.iter().flat_map(|((listener, route), counts)| {
            counts.requests().map(move |([method, status], count)| {
                let labels = [
                    ("listener", listener.as_str()),
                    ("route", &**route),
                    ("method", method),
                    ("status", status),
                ];
                (labels, count)
            })
        });
        page.counters(
            "requests",
            "Requests, with the class of their answer.",
            rows,
        )?;
        let help = "Time until the head of the answer, or until the client gave up.";
        let mut durations = page.family("request_duration", help, true, MetricType::Histogram)?;
        for ((listener, route), counts) in &self.routes {
            let Some(took) = counts.took() else {
                continue;
            };
            let labels = [("listener", listener.as_str()), ("route", &**route)];
            durations
                .encode_family(&labels)?
                .encode_histogram::<NoLabelSet>(took.sum, took.count, &took.buckets, None)?;
        }
        let rows = self.routes.iter().flat_map(|((_, route), counts)| {
            let faults = counts.faults();
            faults.map(move |(kind, count)| ([("route", &**route), ("kind", kind)], count))
        });
        let help = "Requests that an upstream did not answer.";
        page.counters("upstream_errors", help, rows)?;
        let reasons = self.metrics.reasons.read();
        let rows = reasons.map(|(reason, count)| ([("reason", reason)], count));
        let help = "Requests that the gateway answered itself, with a reason.";
        page.counters("refusals", help, rows)
    }

    fn verdicts(&self, page: &mut Page<'_>) -> fmt::Result {
        let verdicts = &self.metrics.verdicts;
        let rows = verdicts.read().map(|([outcome, provenance], count)| {
            ([("outcome", outcome), ("provenance", provenance)], count)
        });
        page.counters("auth_verdicts", "Verdicts of the auth layers.", rows)?;
        let rows = verdicts.read_degraded();
        let rows = rows.map(|([cause, who], count)| ([("cause", cause), ("as", who)], count));
        let help = "Requests let through without a verdict, as their route says.";
        page.counters("degraded_admissions", help, rows)
    }

    fn keys(&self, page: &mut Page<'_>) -> fmt::Result {
        let issuers = || self.issuers.values();
        let rows = issuers().map(|issuer| {
            let labels = [("issuer", &*issuer.issuer), ("state", issuer.keys)];
            (labels, 1_u64)
        });
        let help = "How the keys of an issuer are: 1, with the state as a label.";
        page.gauges("issuer_keys_state", help, false, rows)?;
        let usable = |issuer: &IssuerHealth| u64::try_from(issuer.usable_keys).unwrap_or(u64::MAX);
        let rows = issuers().map(|issuer| ([("issuer", &*issuer.issuer)], usable(issuer)));
        page.gauges("issuer_keys", "Usable keys of an issuer.", false, rows)?;
        let rows = issuers().filter_map(|issuer| {
            let age = issuer.age_seconds?;
            Some(([("issuer", &*issuer.issuer)], age))
        });
        let help = "Age of the keys of an issuer, where there are any that were fetched.";
        page.gauges("issuer_keys_age", help, true, rows)
    }

    fn revocation(&self, page: &mut Page<'_>) -> fmt::Result {
        let health = self.revocation.as_ref();
        let synced = health.map(|health| u64::from(health.synced));
        let help =
            "1 while the view of what is revoked is young enough for the ordinary bound, else 0.";
        page.gauges("revocation_view_synced", help, false, alone(synced))?;
        let age = health.and_then(|health| health.age_seconds);
        let help = "Age of the view of what is revoked, once it was complete.";
        page.gauges("revocation_view_age", help, true, alone(age))?;
        let gauge = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let entries = health.map(|health| gauge(health.entries));
        let help = "Ids that the view of what is revoked holds.";
        page.gauges("revocation_view_entries", help, false, alone(entries))?;
        let most = health.map(|health| gauge(health.capacity));
        let help = "Ids there may be in the view of what is revoked.";
        page.gauges("revocation_view_entries_max", help, false, alone(most))?;
        let bound = health.and_then(|health| health.bound_seconds.number());
        let help =
            "How long what was revoked may still pass here, as computed, once that is known.";
        page.gauges("revocation_bound", help, true, alone(bound))?;
        let troubles = health.into_iter().flat_map(|health| &health.troubles);
        let troubles: BTreeSet<_> = troubles.map(|trouble| trouble.trouble).collect();
        let rows = troubles.into_iter().map(|it| ([("trouble", it)], 1_u64));
        let help = "What is wrong with revocation: 1 each, with the trouble as a label.";
        page.gauges("revocation_trouble", help, false, rows)?;
        let rows = self.metrics.revocations.read();
        let rows = rows.map(|([source, action, outcome], count)| {
            let labels = [("source", source), ("action", action), ("outcome", outcome)];
            (labels, count)
        });
        let help = "Requests to revoke, to lift and to look up, with how they ended.";
        page.counters("revocation_requests", help, rows)
    }

    fn traces(&self, page: &mut Page<'_>) -> fmt::Result {
        let traces = &self.metrics.traces;
        let help = "Requests that are not over, the last byte of their answer included.";
        let rows = alone(traces.in_flight());
        page.gauges("requests_in_flight", help, false, rows)?;
        let rows = traces.ends();
        let rows = rows.map(|([end, phase], count)| ([("end", end), ("phase", phase)], count));
        let help = "How requests ended, and how far their answer had come.";
        page.counters("request_ends", help, rows)?;
        let rows = traces.contexts();
        let rows = rows
            .map(|([format, outcome], count)| ([("format", format), ("outcome", outcome)], count));
        let help = "What became of the traces that requests came with.";
        page.counters("trace_contexts", help, rows)?;
        let help = "Own time of the stages of requests that were timed.";
        page.histograms("stage_duration", help, traces.own())?;
        let help = "How much of its own time a stage waited.";
        page.histograms("stage_waiting", help, traces.waiting())
    }

    fn upstreams(&self, page: &mut Page<'_>) -> fmt::Result {
        let rows = self.upstreams.iter().map(|upstream| {
            let labels = [
                ("upstream", &*upstream.upstream),
                ("state", upstream.circuit),
            ];
            (labels, 1_u64)
        });
        let help = "How the circuit of an upstream is: 1, with the state as a label.";
        page.gauges("upstream_circuit_state", help, false, rows)?;
        let label = |upstream: &UpstreamHealth| [("upstream", upstream.upstream.clone())];
        let rows = self.upstreams.iter();
        let rows = rows.map(|upstream| (label(upstream), upstream.opened));
        let help = "Times that an upstream was left alone for a while.";
        page.counters("upstream_circuit_opened", help, rows)?;
        let rows = self.upstreams.iter();
        let rows = rows.map(|upstream| (label(upstream), upstream.rejected));
        let help =
            "Requests that were refused while an upstream was left alone, and no other was there.";
        page.counters("upstream_circuit_rejections", help, rows)
    }

    fn connections(&self, page: &mut Page<'_>) -> fmt::Result {
        let shown = self.metrics.connections.lock().clone();
        let gauge = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let label = |(listener, _): &(super::Listener, _)| [("listener", listener.as_str())];
        let rows = shown.iter().map(|it| (label(it), gauge(it.1.open())));
        page.gauges("connections", "Connections of clients.", false, rows)?;
        let rows = shown.iter().map(|it| (label(it), gauge(it.1.most())));
        page.gauges("connections_max", "Connections there may be.", false, rows)?;
        let rows = shown.iter().map(|it| (label(it), it.1.accepted()));
        page.counters("connections_accepted", "Connections that were taken.", rows)?;
        let rows = shown.iter().map(|it| (label(it), it.1.saturations()));
        let help = "Times that there were as many connections as may be, and others had to wait.";
        page.counters("connections_saturated", help, rows)
    }

    fn config(&self, page: &mut Page<'_>) -> fmt::Result {
        let help = "The configurations since the start, the one in use included.";
        page.gauges(
            "config_generation",
            help,
            false,
            alone(Some(self.config.generation)),
        )?;
        let help = "Time since the configuration in use was taken.";
        page.gauges(
            "config_age",
            help,
            true,
            alone(Some(self.config.age_seconds)),
        )?;
        let refused = u64::from(!self.config.last_error.is_empty());
        let help = "1 while a newer configuration is there that cannot be used, else 0.";
        page.gauges("config_refused", help, false, alone(Some(refused)))?;
        let failures = self.metrics.config_failures.load(Ordering::Relaxed);
        let help = "Attempts to take a configuration that cannot be used.";
        page.counters("config_failures", help, alone(Some(failures)))
    }
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let page = &mut Page(encoder);
        self.requests(page)?;
        self.verdicts(page)?;
        self.keys(page)?;
        self.revocation(page)?;
        self.upstreams(page)?;
        self.traces(page)?;
        self.connections(page)?;
        self.config(page)?;
        page.family("build", "What runs here.", false, MetricType::Info)?
            .encode_info(&[("version", env!("CARGO_PKG_VERSION"))])
    }
}

impl fmt::Debug for Scrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scrape").finish_non_exhaustive()
    }
}

/// A row without labels, where there is something to show.
fn alone<V>(value: Option<V>) -> impl Iterator<Item = ([(&'static str, &'static str); 0], V)> {
    value.into_iter().map(|value| ([], value))
}

// === impl Page ===

impl Page<'_> {
    fn family<'s>(
        &'s mut self,
        name: &'s str,
        help: &str,
        seconds: bool,
        kind: MetricType,
    ) -> Result<MetricEncoder<'s>, fmt::Error> {
        let unit = seconds.then_some(&Unit::Seconds);
        self.0.encode_descriptor(name, help, unit, kind)
    }

    fn counters<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = (L, u64)>,
    ) -> fmt::Result {
        let mut family = self.family(name, help, false, MetricType::Counter)?;
        for (labels, count) in rows {
            family
                .encode_family(&labels)?
                .encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
        Ok(())
    }

    /// Durations of stages.
    fn histograms(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = (&'static str, Snapshot)>,
    ) -> fmt::Result {
        let mut family = self.family(name, help, true, MetricType::Histogram)?;
        for (stage, took) in rows {
            family
                .encode_family(&[("stage", stage)])?
                .encode_histogram::<NoLabelSet>(took.sum, took.count, &took.buckets, None)?;
        }
        Ok(())
    }

    fn gauges<L: EncodeLabelSet, V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        seconds: bool,
        rows: impl IntoIterator<Item = (L, V)>,
    ) -> fmt::Result {
        let mut family = self.family(name, help, seconds, MetricType::Gauge)?;
        for (labels, value) in rows {
            family.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }
}
