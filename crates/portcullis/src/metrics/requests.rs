//! Requests, and calls.

use std::sync::Arc;

use metrics::{Counter, Gauge, Histogram};
use portcullis_core::{
    Ending, GrpcStatus, Phase, Protocol, RequestBegan, RequestContext, RequestEnded, Side,
};

use super::family::{CALLS, CANCELLED, Family, IN_FLIGHT, REQUESTS, RPC_CALLS, RPC_REQUESTS};
use super::recording::Recording;
use super::status::Status;
use super::table::{ByLabel, Table};

/// What is recorded of requests and calls.
pub(super) struct Requests {
    recording: Arc<Recording>,
    server: End,
    client: End,
    routes: ByLabel<Arc<Durations>>,
    unmatched: Durations,
    calls: Durations,
}

/// One end of the wire.
struct End {
    in_flight: Gauge,
    /// Before and after the head.
    cancelled: [Counter; 2],
}

/// How long the requests of one route took, or all calls.
struct Durations {
    recording: Arc<Recording>,
    /// Of calls there is none.
    route: Option<String>,
    http: Table<(&'static str, Status), Histogram>,
    rpc: Table<Option<GrpcStatus>, Histogram>,
}

/// The route of what no route matched.
const UNMATCHED: &str = "_unmatched";

/// The code of gRPC-Web, whose trailers are part of a body that nobody reads here.
const UNREAD: &str = "_unread";

// === impl Requests ===

impl Requests {
    pub(super) fn new(recording: &Arc<Recording>, max_routes: usize) -> Self {
        Self {
            recording: Arc::clone(recording),
            server: End::new(recording, Side::Server),
            client: End::new(recording, Side::Client),
            routes: ByLabel::new(recording, "route", max_routes),
            unmatched: Durations::new(recording, Some(UNMATCHED)),
            calls: Durations::new(recording, None),
        }
    }

    pub(super) fn began(&self, event: &RequestBegan) {
        self.end(event.side).in_flight.increment(1);
    }

    pub(super) fn ended(&self, event: &RequestEnded<'_>) {
        let end = self.end(event.began.side);
        end.in_flight.decrement(1);
        if let Ending::Cancelled(phase) = event.end {
            end.cancelled[usize::from(phase == Phase::Body)].increment(1);
        }
        match event.began.side {
            // A call is made for a request: the route is that of the request.
            Side::Client => self.calls.record(event),
            _ => match event.context.and_then(RequestContext::route) {
                None => self.unmatched.record(event),
                Some(route) => self.routes.with(
                    route,
                    |route| Arc::new(Durations::new(&self.recording, Some(route))),
                    |durations| durations.record(event),
                ),
            },
        }
    }

    const fn end(&self, side: Side) -> &End {
        match side {
            Side::Client => &self.client,
            _ => &self.server,
        }
    }
}

// === impl End ===

impl End {
    fn new(recording: &Recording, side: Side) -> Self {
        let side = side.as_str();
        let cancelled = |phase: Phase| recording.counter(&CANCELLED, &[side, phase.as_str()]);
        Self {
            in_flight: recording.gauge(&IN_FLIGHT, &[side]),
            cancelled: [Phase::Head, Phase::Body].map(cancelled),
        }
    }
}

// === impl Durations ===

impl Durations {
    fn new(recording: &Arc<Recording>, route: Option<&str>) -> Self {
        Self {
            recording: Arc::clone(recording),
            route: route.map(str::to_owned),
            http: Table::default(),
            rpc: Table::default(),
        }
    }

    fn record(&self, event: &RequestEnded<'_>) {
        let record = |histogram: &Histogram| histogram.record(event.took);
        let (method, status) = (event.began.method, Status::of(event));
        let make = || match &self.route {
            Some(route) => self.histogram(&REQUESTS, &[method, route, &status.label()]),
            None => self.histogram(&CALLS, &[method, &status.label()]),
        };
        self.http.with(&(method, status), make, record);
        if event.began.protocol == Protocol::Http {
            return;
        }
        let code = event.grpc_status.map_or(UNREAD, GrpcStatus::as_str);
        let make = || match &self.route {
            Some(route) => self.histogram(&RPC_REQUESTS, &[route, code]),
            None => self.histogram(&RPC_CALLS, &[code]),
        };
        self.rpc.with(&event.grpc_status, make, record);
    }

    fn histogram(&self, family: &Family, values: &[&str]) -> Histogram {
        self.recording.histogram(family, values)
    }
}
