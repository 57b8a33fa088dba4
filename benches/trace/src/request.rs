//! The requests: what comes in, and the call that a handler makes.

use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HOST, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use http_body_util::Empty;

/// Neither has a body.
pub(crate) type Asked = Request<Empty<Bytes>>;

pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(crate) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
pub(crate) const BAGGAGE: HeaderName = HeaderName::from_static("baggage");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The span of the caller.
pub(crate) const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
pub(crate) const UNSAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
pub(crate) const STATE: &str = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE";
pub(crate) const LUGGAGE: &str = "tenant=acme,plan=gold;since=2021";

const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
const TOKEN: &str = "Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl";
const ID: &str = "7f9c3f5e-8d7d-4c52-9f0a-0f6d2b1c7a11";

/// What the bare service gets and what the layers get: the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Incoming {
    pub(crate) parent: &'static str,
    /// Whether there are a `tracestate` and a `baggage`.
    pub(crate) luggage: bool,
    /// Whether the server left something among the extensions: the address of the client.
    pub(crate) connection: bool,
}

/// A request that is made again and again. Its values are shared, as those are that were read from a connection.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    uri: Uri,
    headers: Vec<(HeaderName, HeaderValue)>,
    connection: Option<Connection>,
}

#[derive(Clone, Debug)]
struct Connection(#[allow(dead_code)] SocketAddr); // what it is does not matter

/// A sampled trace, and nothing else.
pub(crate) const USUAL: Incoming = Incoming {
    parent: SAMPLED,
    luggage: false,
    connection: true,
};

// === impl Template ===

impl Template {
    /// What a browser asks of a service behind a gateway: eight headers and the trace.
    pub(crate) fn incoming(incoming: Incoming) -> Self {
        let mut headers = vec![
            (HOST, "orders.example.com"),
            (USER_AGENT, AGENT),
            (ACCEPT, "application/json"),
            (ACCEPT_ENCODING, "gzip, deflate, br"),
            (AUTHORIZATION, TOKEN),
            (CACHE_CONTROL, "no-cache"),
            (FORWARDED_FOR, "203.0.113.7, 10.0.0.2"),
            (REQUEST_ID, ID),
            (TRACEPARENT, incoming.parent),
        ];
        if incoming.luggage {
            headers.extend([(TRACESTATE, STATE), (BAGGAGE, LUGGAGE)]);
        }
        let connection = incoming
            .connection
            .then(|| Connection((Ipv4Addr::LOCALHOST, 40_000).into()));
        Self::new("/v1/orders/4711?view=full", &headers, connection)
    }

    /// What a service asks of another: a request of its own, with eight headers.
    pub(crate) fn outgoing() -> Self {
        let headers = [
            (HOST, "stock.internal:8080"),
            (USER_AGENT, "orders/1.4"),
            (ACCEPT, "application/json"),
            (ACCEPT_ENCODING, "gzip"),
            (AUTHORIZATION, TOKEN),
            (CONTENT_TYPE, "application/json"),
            (CACHE_CONTROL, "no-cache"),
            (REQUEST_ID, ID),
        ];
        let uri = "http://stock.internal:8080/v1/stock/0815?view=full";
        Self::new(uri, &headers, None)
    }

    fn new(
        uri: &'static str,
        headers: &[(HeaderName, &str)],
        connection: Option<Connection>,
    ) -> Self {
        let shared = |text: &str| {
            let value = HeaderValue::from_maybe_shared(Bytes::copy_from_slice(text.as_bytes()));
            let value = value.expect("a value");
            // From now on it is shared, and nothing is allocated for the next to have it.
            drop(value.clone());
            value
        };
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), shared(value)));
        Self {
            uri: Uri::from_static(uri),
            headers: headers.collect(),
            connection,
        }
    }

    pub(crate) fn make(&self) -> Asked {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = self.uri.clone();
        let mut headers = HeaderMap::with_capacity(self.headers.len());
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
        *request.headers_mut() = headers;
        if let Some(connection) = &self.connection {
            request.extensions_mut().insert(connection.clone());
        }
        request
    }
}
