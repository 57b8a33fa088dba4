//! What the spans of `tracing` say.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used)] // unwrap in a test is an assertion

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use http::header::{ACCEPT, AUTHORIZATION, COOKIE, USER_AGENT};
use http::{HeaderValue, Request, Response};
use http_body::Body as _;
use portcullis_core::{Identity, IdentityParts, Provenance, RequestExt, Secret};
use portcullis_trace::{ResendCount, Roots, Sampling, Spans, TraceContextLayer, Trust};
use tower::{Layer, Service};

mod kit;

use kit::capture;
use kit::{Body, caller, request};

/// Answers `request` with `status` through `layer`, reads the answer to its end, and shows the spans.
fn spans_of<L, S>(layer: L, request: Request<Body>, handler: S) -> capture::Spans
where
    L: Layer<S>,
    L::Service: Service<Request<Body>>,
    <L::Service as Service<Request<Body>>>::Response: Answer,
{
    let spans = capture::Spans::default();
    tracing::subscriber::with_default(spans.subscriber(), || {
        let mut service = layer.layer(handler);
        let mut cx = Context::from_waker(Waker::noop());
        let future = pin!(service.call(request));
        match future.poll(&mut cx) {
            Poll::Ready(Ok(answer)) => answer.read(),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => panic!("it answers at once"),
        }
    });
    spans
}

trait Answer {
    fn read(self);
}

impl<B: http_body::Body> Answer for Response<B> {
    fn read(self) {
        let mut body = pin!(self.into_body());
        let mut cx = Context::from_waker(Waker::noop());
        while !body.is_end_stream() {
            match Pin::as_mut(&mut body).poll_frame(&mut cx) {
                Poll::Ready(Some(Ok(_))) => {}
                _ => break,
            }
        }
    }
}

type Handled = std::future::Ready<Result<Response<Body>, Infallible>>;

fn answering(
    status: u16,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future = Handled> {
    tower::service_fn(move |_: Request<Body>| {
        let answer = Response::builder().status(status).body(Body::from("x"));
        std::future::ready(Ok(answer.unwrap()))
    })
}

#[test]
fn a_server_span_has_the_names_of_opentelemetry_and_what_was_found_out_late() {
    let handler = tower::service_fn(|request: Request<Body>| {
        let context = request.request_context().unwrap();
        context.set_route("/orders/{id}".into());
        let mut parts = IdentityParts::new("https://idp");
        parts.subject = Some("alice".into());
        context.set_identity(Identity::new(parts, Provenance::Fresh));
        std::future::ready(Ok::<_, Infallible>(Response::new(Body::from("x"))))
    });
    let show = Spans::new().with_pseudonyms(Secret::new(b"key".to_vec()));
    let layer = TraceContextLayer::server().with_spans(show);
    let span = spans_of(layer, request(&[("traceparent", &caller("03"))]), handler).only();
    assert_eq!(span.name, "server");
    for (field, value) in [
        ("otel.kind", "server"),
        ("otel.name", "GET /orders/{id}"),
        ("trace_id", kit::T),
        ("parent_span_id", kit::S),
        ("http.request.method", "GET"),
        ("http.route", "/orders/{id}"),
        ("http.response.status_code", "200"),
        ("url.path", "/orders"),
        ("url.query", "id=REDACTED"),
        ("url.scheme", "http"),
        ("network.protocol.version", "1.1"),
    ] {
        assert_eq!(span.field(field), Some(value), "{field}");
    }
    for field in ["end", "error.type", "sampled"] {
        assert_eq!(
            span.field(field),
            None,
            "{field}: said only where it is otherwise"
        );
    }
    let user = span.field("enduser.pseudo.id").unwrap();
    assert!(user.len() == 32 && !format!("{span:?}").contains("alice"));
}

#[test]
fn without_a_key_nothing_is_said_of_the_user() {
    let handler = tower::service_fn(|request: Request<Body>| {
        let mut parts = IdentityParts::new("https://idp");
        parts.subject = Some("alice".into());
        let identity = Identity::new(parts, Provenance::Fresh);
        request.request_context().unwrap().set_identity(identity);
        std::future::ready(Ok::<_, Infallible>(Response::new(Body::default())))
    });
    let span = spans_of(TraceContextLayer::server(), request(&[]), handler).only();
    assert_eq!(span.field("enduser.pseudo.id"), None);
    assert!(!format!("{span:?}").contains("alice"));
}

#[test]
fn headers_are_shown_by_name_and_credentials_never() {
    let sent = || {
        let mut sent = request(&[
            ("user-agent", "curl/8"),
            ("accept", "text/html"),
            ("x-tenant", "7"),
            ("x-tenant", "8"),
            ("authorization", "Bearer token-of-alice"),
            ("cookie", "session=token-of-alice"),
        ]);
        let mut secret = HeaderValue::from_static("hidden");
        secret.set_sensitive(true);
        sent.headers_mut().insert(ACCEPT, secret);
        sent
    };
    let span = spans_of(TraceContextLayer::server(), sent(), answering(200)).only();
    assert_eq!(span.field("user_agent.original"), None);
    assert_eq!(span.field("http.request.headers"), None);
    let show = Spans::new().with_headers([USER_AGENT, ACCEPT, "x-tenant".parse().unwrap()]);
    let layer = TraceContextLayer::server().with_spans(show.unwrap());
    let span = spans_of(layer, sent(), answering(200)).only();
    assert_eq!(span.field("user_agent.original"), Some("curl/8"));
    assert_eq!(
        span.field("http.request.headers"),
        Some("accept: \"…\"; x-tenant: \"7\"; x-tenant: \"8\"")
    );
    assert!(!format!("{span:?}").contains("token-of-alice"));
    let error = Spans::new()
        .with_headers([AUTHORIZATION, COOKIE, ACCEPT])
        .unwrap_err();
    assert_eq!(error.problems().count(), 2, "{error}");
}

#[test]
fn a_value_cannot_write_lines_of_its_own() {
    let sent = || {
        let mut sent = request(&[]);
        let value = HeaderValue::from_bytes(b"a\tb\xff\"c").unwrap();
        sent.headers_mut().insert(USER_AGENT, value);
        sent
    };
    let show = Spans::new().with_headers([USER_AGENT]).unwrap();
    let layer = TraceContextLayer::server().with_spans(show);
    let span = spans_of(layer, sent(), answering(200)).only();
    let agent = span.field("user_agent.original").unwrap();
    assert!(agent.chars().all(|char| !char.is_control()), "{agent:?}");
    assert!(
        agent.ends_with("\"c"),
        "what is no control character is as it was: {agent:?}"
    );
}

#[test]
fn on_a_server_only_its_own_faults_are_errors() {
    for (status, server, client) in [
        (200, None, None),
        (404, None, Some("404")),
        (503, Some("503"), Some("503")),
    ] {
        let of = |span: capture::Shown| {
            let error = span.field("error.type").map(str::to_owned);
            assert_eq!(
                span.field("otel.status_code"),
                error.as_ref().map(|_| "ERROR")
            );
            error
        };
        let span = spans_of(TraceContextLayer::server(), request(&[]), answering(status)).only();
        assert_eq!(of(span).as_deref(), server);
        let span = spans_of(TraceContextLayer::client(), request(&[]), answering(status)).only();
        assert_eq!(span.name, "client");
        assert_eq!(span.field("server.address"), Some("orders.internal"));
        assert_eq!(of(span).as_deref(), client);
    }
}

#[test]
fn a_call_of_grpc_has_the_names_of_rpc() {
    let handler = tower::service_fn(|_: Request<Body>| {
        let answer = Response::builder()
            .header("grpc-status", "14")
            .body(Body::default());
        std::future::ready(Ok::<_, Infallible>(answer.unwrap()))
    });
    let mut sent = request(&[("content-type", "application/grpc")]);
    *sent.uri_mut() = "http://a/pkg.Greeter/Hello".parse().unwrap();
    let span = spans_of(TraceContextLayer::server(), sent, handler).only();
    for (field, value) in [
        ("otel.name", "pkg.Greeter/Hello"),
        ("rpc.system.name", "grpc"),
        ("rpc.method", "pkg.Greeter/Hello"),
        ("rpc.response.status_code", "UNAVAILABLE"),
        ("error.type", "UNAVAILABLE"),
        ("http.response.status_code", "200"),
    ] {
        assert_eq!(span.field(field), Some(value), "{field}");
    }
    assert_eq!(span.field("http.request.method"), None);
}

#[test]
fn a_restart_shows_what_it_links_to() {
    let layer = TraceContextLayer::server().with_trust(Trust::public());
    let sent = request(&[("traceparent", &caller("01"))]);
    let span = spans_of(layer, sent, answering(200)).only();
    assert_eq!(span.field("link.trace_id"), Some(kit::T));
    assert_eq!(span.field("link.span_id"), Some(kit::S));
    assert_eq!(span.field("parent_span_id"), None);
    assert_ne!(span.field("trace_id"), Some(kit::T));
}

#[test]
fn a_request_that_was_given_up_says_so() {
    let spans = capture::Spans::default();
    tracing::subscriber::with_default(spans.subscriber(), || {
        let handler = tower::service_fn(|_: Request<Body>| {
            std::future::pending::<Result<Response<Body>, Infallible>>()
        });
        let mut service = TraceContextLayer::server().layer(handler);
        drop(service.call(request(&[])));
    });
    let span = spans.only();
    assert_eq!(span.field("end"), Some("cancelled"));
    assert_eq!(span.field("error.type"), Some("cancelled"));
    assert_eq!(span.field("http.response.status_code"), None);
}

#[test]
fn a_call_is_a_span_within_that_of_its_request() {
    let layers = (TraceContextLayer::server(), TraceContextLayer::client());
    let mut sent = request(&[("traceparent", &caller("01"))]);
    sent.extensions_mut().insert(ResendCount(2));
    let closed = spans_of(layers, sent, answering(200)).closed();
    let [client, server] = &*closed else {
        panic!("{closed:?}");
    };
    assert_eq!((client.name, server.name), ("client", "server"));
    assert_eq!(client.parent.as_deref(), server.field("span_id"));
    assert_eq!(client.field("parent_span_id"), server.field("span_id"));
    assert_eq!(client.field("http.request.resend_count"), Some("2"));
    assert_eq!(server.field("parent_span_id"), Some(kit::S));
}

#[test]
fn a_request_that_is_not_sampled_can_do_without_a_span_and_keeps_its_ids() {
    let all = TraceContextLayer::server();
    let span = spans_of(
        all,
        request(&[("traceparent", &caller("00"))]),
        answering(200),
    )
    .only();
    assert_eq!(span.field("sampled"), Some("false"));
    for (flags, made) in [("00", 0), ("01", 1)] {
        let layer = TraceContextLayer::server().with_spans(Spans::new().only_sampled());
        let handler = tower::service_fn(|request: Request<Body>| {
            let own = request.request_context().unwrap().trace_context().unwrap();
            assert_eq!(own.trace_id.to_string(), kit::T);
            std::future::ready(Ok::<_, Infallible>(Response::new(Body::default())))
        });
        let sent = request(&[("traceparent", &caller(flags))]);
        let closed = spans_of(layer, sent, handler).closed();
        assert_eq!(closed.len(), made);
    }
    // It may still be granted.
    let layer = TraceContextLayer::server()
        .with_spans(Spans::new().only_sampled())
        .with_sampling(
            Sampling::new()
                .with_roots(Roots::Never)
                .after_authentication(),
        );
    let handler = tower::service_fn(|request: Request<Body>| {
        let identity = Identity::new(IdentityParts::new("a"), Provenance::Fresh);
        request.request_context().unwrap().set_identity(identity);
        std::future::ready(Ok::<_, Infallible>(Response::new(Body::from("x"))))
    });
    let sent = request(&[("traceparent", &caller("01"))]);
    let span = spans_of(layer, sent, handler).only();
    assert_eq!(span.field("sampled"), Some("true"));
}

#[test]
fn spans_can_be_switched_off_and_ids_stay() {
    let layers = (
        TraceContextLayer::server().with_spans(Spans::off()),
        TraceContextLayer::client().with_spans(Spans::off()),
    );
    let sent = request(&[("traceparent", &caller("01"))]);
    let handler = tower::service_fn(|request: Request<Body>| {
        assert!(request.headers().contains_key("traceparent"));
        std::future::ready(Ok::<_, Infallible>(Response::new(Body::default())))
    });
    assert!(spans_of(layers, sent, handler).closed().is_empty());
}

#[test]
fn what_a_caller_makes_up_is_cut_and_names_no_span() {
    let long = format!("/{}", "x".repeat(5000));
    for (path, name) in [
        (&*long, "_OTHER"),
        ("/a/b/c", "_OTHER"),
        ("/a", "_OTHER"),
        ("/a b/c", "_OTHER"),
        ("/pkg.Svc/Method", "pkg.Svc/Method"),
    ] {
        let mut sent = request(&[("content-type", "application/grpc")]);
        let uri = format!("http://a{}", path.replace(' ', "%20"));
        *sent.uri_mut() = uri.parse().unwrap();
        let span = spans_of(TraceContextLayer::server(), sent, answering(200)).only();
        assert_eq!(span.field("otel.name"), Some(name));
        assert!(span.field("url.path").unwrap().len() <= 1024);
    }
}

#[test]
fn a_path_can_be_left_out() {
    let layer = TraceContextLayer::server().with_spans(Spans::new().without_path());
    let span = spans_of(layer, request(&[]), answering(200)).only();
    assert_eq!(span.field("url.path"), None);
}
