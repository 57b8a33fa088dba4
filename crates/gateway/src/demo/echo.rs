//! The upstream of the demo: answers with the request it received.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt as _;
use serde::Serialize;
use tower::Service;

use crate::admin::json;

/// Answers every request with what it received, as JSON.
#[derive(Clone, Copy, Debug)]
pub(super) struct Echo;

#[derive(Serialize)]
struct Received {
    method: String,
    path: String,
    version: String,
    headers: BTreeMap<String, Vec<String>>,
    body_bytes: u64,
}

impl Service<Request<Body>> for Echo {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (head, mut body) = request.into_parts();
        Box::pin(async move {
            let mut body_bytes = 0;
            while let Some(Ok(frame)) = body.frame().await {
                body_bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
            }
            Ok(json(&Received {
                method: head.method.to_string(),
                path: head
                    .uri
                    .path_and_query()
                    .map_or("/", |path| path.as_str())
                    .to_owned(),
                version: format!("{:?}", head.version),
                headers: shown(&head.headers),
                body_bytes,
            }))
        })
    }
}

/// The headers as text; of a token its length only, for screens are watched.
fn shown(headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
    let mut shown = BTreeMap::<String, Vec<String>>::new();
    for (name, value) in headers {
        let text = if name == AUTHORIZATION {
            format!("({} bytes)", value.len())
        } else {
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        };
        shown.entry(name.to_string()).or_default().push(text);
    }
    shown
}
