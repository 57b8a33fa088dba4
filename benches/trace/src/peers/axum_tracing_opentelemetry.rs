//! axum-tracing-opentelemetry: a layer for servers. For calls over HTTP it has none: the handler writes the trace into
//! them with a function, and they have no span.

use std::task::{Context, Poll};

use axum_tracing_opentelemetry::middleware::OtelAxumLayer;
use portcullis_bench_harness::Case;
use tower::{Layer as _, Service};
use tracing_opentelemetry_instrumentation_sdk::find_current_context;
use tracing_opentelemetry_instrumentation_sdk::http::inject_context;

use crate::case::{Asking, Setting, case};
use crate::listen::Listening;
use crate::must::Must;
use crate::request::{Asked, Incoming};
use crate::service::Handler;

pub(crate) const NAME: &str = "axum-tracing-opentelemetry, server + function";
pub(crate) const LITTLE: &str = "axum-tracing-opentelemetry, server + function, little noted";

pub(crate) fn both(
    name: &str,
    listening: Listening,
    incoming: Incoming,
    must: Must,
    base: &str,
) -> Case {
    let layer = OtelAxumLayer::default();
    let setting = Setting {
        listening,
        asking: Asking::Incoming(incoming),
        must,
        spans: 1,
    };
    case(name, setting, |transport| {
        layer.layer(Handler::new(Injecting(transport)))
    })
    .over(base)
}

/// What a handler does by hand before each call.
#[derive(Clone, Debug)]
struct Injecting<S>(S);

impl<S: Service<Asked>> Service<Asked> for Injecting<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, mut request: Asked) -> S::Future {
        inject_context(&find_current_context(), request.headers_mut());
        self.0.call(request)
    }
}
