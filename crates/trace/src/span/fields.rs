//! The fields of the spans: `tracing` wants all of them named when a span is made.

macro_rules! http_span {
    ($kind:literal, $began:expr, $own:expr) => {
        tracing::info_span!(
            target: "portcullis::trace",
            $kind,
            otel.name = $began.method,
            otel.kind = $kind,
            otel.status_code = tracing::field::Empty,
            trace_id = %$own.trace_id,
            span_id = %$own.span_id,
            parent_span_id = tracing::field::Empty,
            link.trace_id = tracing::field::Empty,
            link.span_id = tracing::field::Empty,
            sampled = $own.flags.is_sampled(),
            http.request.method = $began.method,
            http.route = tracing::field::Empty,
            http.response.status_code = tracing::field::Empty,
            http.request.headers = tracing::field::Empty,
            http.request.resend_count = tracing::field::Empty,
            url.scheme = tracing::field::Empty,
            url.path = tracing::field::Empty,
            url.query = tracing::field::Empty,
            server.address = tracing::field::Empty,
            server.port = tracing::field::Empty,
            network.protocol.version = tracing::field::Empty,
            user_agent.original = tracing::field::Empty,
            enduser.pseudo.id = tracing::field::Empty,
            error.type = tracing::field::Empty,
            end = tracing::field::Empty,
        )
    };
}

macro_rules! rpc_span {
    ($kind:literal, $began:expr, $own:expr, $request:expr) => {
        tracing::info_span!(
            target: "portcullis::trace",
            $kind,
            otel.name = rpc_method($request.uri().path()),
            otel.kind = $kind,
            otel.status_code = tracing::field::Empty,
            trace_id = %$own.trace_id,
            span_id = %$own.span_id,
            parent_span_id = tracing::field::Empty,
            link.trace_id = tracing::field::Empty,
            link.span_id = tracing::field::Empty,
            sampled = $own.flags.is_sampled(),
            rpc.system.name = "grpc",
            rpc.method = rpc_method($request.uri().path()),
            rpc.response.status_code = tracing::field::Empty,
            http.response.status_code = tracing::field::Empty,
            http.request.headers = tracing::field::Empty,
            http.request.resend_count = tracing::field::Empty,
            http.route = tracing::field::Empty,
            url.scheme = tracing::field::Empty,
            url.path = tracing::field::Empty,
            url.query = tracing::field::Empty,
            server.address = tracing::field::Empty,
            server.port = tracing::field::Empty,
            network.protocol.version = tracing::field::Empty,
            user_agent.original = tracing::field::Empty,
            enduser.pseudo.id = tracing::field::Empty,
            error.type = tracing::field::Empty,
            end = tracing::field::Empty,
        )
    };
}

pub(super) use {http_span, rpc_span};
