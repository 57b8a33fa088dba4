//! A server that calls whom it is told to, within the trace of the request that told it.
//!
//! A request is a JSON array of `{"url": …, "arguments": […]}`. Each item is a call, one after the other: the
//! arguments are posted to the URL as JSON. The answer lists the statuses of the answers.

mod problem;

use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::header::CONTENT_TYPE;
use http::uri::Scheme;
use http::{Request, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use portcullis_trace::{TraceClient, TraceContextLayer};
use serde::Deserialize;
use serde_json::Value;
use tower::{BoxError, Layer as _, ServiceBuilder, ServiceExt as _};

use crate::problem::Problem;

/// What one request may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest body, in bytes.
    pub body_bytes: usize,
    /// The most calls.
    pub calls: usize,
    /// The longest that a call may take, to the end of its answer.
    pub call: Duration,
}

/// Who calls, and within which limits.
#[derive(Clone)]
struct Caller {
    client: TraceClient<Client<HttpConnector, Full<Bytes>>>,
    limits: Limits,
}

/// One item of a request.
#[derive(Deserialize)]
struct Item {
    url: String,
    #[serde(default)]
    arguments: Vec<Value>,
}

/// An item that can be carried out.
struct Call {
    to: Uri,
    arguments: Value,
}

/// The server, on every path.
pub fn router(limits: Limits) -> Router {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let caller = Caller {
        // Each call has a span of its own, in the trace of the request that asks for it.
        client: TraceContextLayer::client().layer(client),
        limits,
    };
    let stack = ServiceBuilder::new()
        .layer(TraceContextLayer::server())
        .layer(DefaultBodyLimit::max(limits.body_bytes));
    Router::new()
        .fallback(post(make_calls))
        .with_state(caller)
        .layer(stack)
}

async fn make_calls(
    State(caller): State<Caller>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let mut statuses = Vec::new();
    for (at, call) in caller.limits.read(&body?)?.into_iter().enumerate() {
        let call = tokio::time::timeout(caller.limits.call, caller.call(call));
        let status = match call.await {
            Ok(Ok(status)) => status,
            Ok(Err(error)) => return Err(Problem::unanswered(at, &*error)),
            Err(_) => return Err(Problem::late(at, caller.limits.call)),
        };
        statuses.push(status);
    }
    let json = [(CONTENT_TYPE, "application/json")];
    Ok((json, Value::from(statuses).to_string()).into_response())
}

// === impl Limits ===

impl Default for Limits {
    /// 64 KiB and 32 calls, of two seconds each.
    fn default() -> Self {
        Self {
            body_bytes: 64 * 1024,
            calls: 32,
            call: Duration::from_secs(2),
        }
    }
}

impl Limits {
    /// The calls that a request asks for: all of them can be made, or none is.
    fn read(&self, body: &[u8]) -> Result<Vec<Call>, Problem> {
        let items: Vec<Item> = serde_json::from_slice(body).map_err(Problem::unreadable)?;
        if items.len() > self.calls {
            return Err(Problem::too_many(items.len(), self.calls));
        }
        let calls = items.into_iter().enumerate().map(|(at, item)| {
            let to = item.url.parse().ok().filter(is_http);
            Ok(Call {
                to: to.ok_or_else(|| Problem::no_url(at))?,
                arguments: item.arguments.into(),
            })
        });
        calls.collect()
    }
}

/// Whether a client without TLS can go there.
fn is_http(uri: &Uri) -> bool {
    uri.scheme() == Some(&Scheme::HTTP) && uri.host().is_some_and(|host| !host.is_empty())
}

// === impl Caller ===

impl Caller {
    /// Makes a call, waits for the end of its answer, and says what status that has.
    async fn call(&self, call: Call) -> Result<u16, BoxError> {
        let request = Request::post(call.to)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::from(call.arguments.to_string()))?;
        let answer = self.client.clone().oneshot(request).await?;
        let status = answer.status().as_u16();
        let mut body = pin!(answer.into_body());
        while let Some(frame) = body.frame().await {
            frame?;
        }
        Ok(status)
    }
}
