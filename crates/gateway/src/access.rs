//! The line of the log about a request.

use std::time::Instant;

use http::{HeaderValue, Method, StatusCode};
use portcullis_core::RequestContext;

use crate::log;
use crate::peers::network;

/// A request that the log will have a line about, however it ends.
///
/// It is written when the head of the answer is there. Dropped before that, nobody waits for an answer any
/// more: the client hung up or reset the stream, or its connection was ended.
#[derive(Debug)]
pub(crate) struct Access {
    context: RequestContext,
    method: Method,
    id: Option<HeaderValue>,
    arrived: Instant,
    answered: bool,
}

// === impl Access ===

impl Access {
    pub(crate) fn new(
        context: RequestContext,
        method: Method,
        id: Option<HeaderValue>,
        arrived: Instant,
    ) -> Self {
        Self {
            context,
            method,
            id,
            arrived,
            answered: false,
        }
    }

    /// The head of the answer is there.
    pub(crate) fn answered(mut self, status: StatusCode) {
        self.answered = true;
        self.write(Some(status));
    }

    fn write(&self, status: Option<StatusCode>) {
        let context = &self.context;
        // Not inside of the macro: with its feature `log`, which any other crate may have switched on, the
        // name means something else there.
        let method = log::method(&self.method);
        // The pattern and never the path: paths and queries hold what people would not log. The
        // network of the client and never its address.
        tracing::info!(
            target: "portcullis::access",
            method,
            route = context.route().unwrap_or("-"),
            status = status.map(|status| status.as_u16()),
            ended = status.is_none().then_some("given_up"),
            verdict = context.verdict().unwrap_or("-"),
            issuer = context.identity().map_or("-", |identity| identity.issuer()),
            client = context.client().map(|client| tracing::field::display(network(client.ip()))),
            trace_id = context.trace_context().map(|trace| tracing::field::display(trace.trace_id)),
            request_id = self.id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or("-"),
            took_ms = u64::try_from(self.arrived.elapsed().as_millis()).unwrap_or(u64::MAX),
            "request"
        );
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        if !self.answered {
            self.write(None);
        }
    }
}
