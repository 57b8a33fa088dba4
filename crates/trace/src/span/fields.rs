//! The fields of the spans: `tracing` wants all of them named when a span is made. What is known by then is said at
//! once, for whoever writes lines formats each later field by itself. What is known late comes first, for it is looked
//! up by its name.

macro_rules! http_span {
    ($kind:literal, $shown:expr) => {
        tracing::info_span!(
            target: "portcullis::trace",
            $kind,
            end = tracing::field::Empty,
            http.response.status_code = tracing::field::Empty,
            http.route = tracing::field::Empty,
            enduser.pseudo.id = tracing::field::Empty,
            error.type = tracing::field::Empty,
            otel.status_code = tracing::field::Empty,
            http.request.resend_count = tracing::field::Empty,
            otel.name = $shown.method(),
            otel.kind = $kind,
            trace_id = %$shown.own.trace_id,
            span_id = %$shown.own.span_id,
            parent_span_id = $shown.parent(),
            link.trace_id = $shown.linked_trace(),
            link.span_id = $shown.linked_span(),
            sampled = $shown.unsampled(),
            http.request.method = $shown.method(),
            http.request.headers = $shown.headers(),
            url.scheme = $shown.uri().scheme_str(),
            url.path = $shown.path(),
            url.query = $shown.query(),
            server.address = $shown.address(),
            server.port = $shown.port(),
            network.protocol.version = $shown.version(),
            user_agent.original = $shown.user_agent(),
        )
    };
}

macro_rules! rpc_span {
    ($kind:literal, $shown:expr) => {
        tracing::info_span!(
            target: "portcullis::trace",
            $kind,
            end = tracing::field::Empty,
            rpc.response.status_code = tracing::field::Empty,
            http.response.status_code = tracing::field::Empty,
            http.route = tracing::field::Empty,
            enduser.pseudo.id = tracing::field::Empty,
            error.type = tracing::field::Empty,
            otel.status_code = tracing::field::Empty,
            http.request.resend_count = tracing::field::Empty,
            otel.name = $shown.rpc_method(),
            otel.kind = $kind,
            trace_id = %$shown.own.trace_id,
            span_id = %$shown.own.span_id,
            parent_span_id = $shown.parent(),
            link.trace_id = $shown.linked_trace(),
            link.span_id = $shown.linked_span(),
            sampled = $shown.unsampled(),
            rpc.system.name = "grpc",
            rpc.method = $shown.rpc_method(),
            http.request.headers = $shown.headers(),
            url.scheme = $shown.uri().scheme_str(),
            url.path = $shown.path(),
            url.query = $shown.query(),
            server.address = $shown.address(),
            server.port = $shown.port(),
            network.protocol.version = $shown.version(),
            user_agent.original = $shown.user_agent(),
        )
    };
}

pub(super) use {http_span, rpc_span};
