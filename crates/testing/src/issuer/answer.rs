//! From a request to an answer, by the mode.

use std::error::Error;
use std::io;

use aws_lc_rs::digest;
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, DATE, ETAG, IF_NONE_MATCH, LOCATION};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use serde_json::{Value, json};

use super::body::IssuerBody;
use super::mode::{Endpoint, Mode};
use super::state::State;
use super::token;
use crate::mint::b64;

/// The most that a request of the token endpoint may carry.
const REQUEST_LIMIT: usize = 64 << 10;

const GARBAGE: &str = "{\"keys\":[<html>502 Bad Gateway</html>";

/// Answers as the mode says. An error is a connection that breaks, of that kind.
pub(super) async fn answer<B>(
    state: &State,
    request: Request<B>,
) -> Result<Response<IssuerBody>, io::Error>
where
    B: Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (head, body) = request.into_parts();
    let endpoint = Endpoint::of(&state.base, head.uri.path());
    if state.mode_at(endpoint) == Mode::Refuse {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    state.record(endpoint, &head.headers);

    let mut modes = state.modes.subscribe();
    let mode = loop {
        let mode = modes.borrow_and_update().at(endpoint).clone();
        if mode != Mode::Hold {
            break mode;
        }
        // The sender is in `state`, which outlives this future: a change is the only way out.
        let _ = modes.changed().await;
    };
    let mut response = match mode {
        Mode::Ok | Mode::Hold => document(state, endpoint, &head, body).await,
        Mode::Slow(delay) => {
            tokio::time::sleep(delay).await;
            document(state, endpoint, &head, body).await
        }
        Mode::Hang => std::future::pending().await,
        Mode::Error500 => plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            "text/html",
            "<html><body>Internal Server Error</body></html>",
        ),
        Mode::Garbage => plain(StatusCode::OK, "application/json", GARBAGE),
        Mode::Custom(status, body) => plain(status, "application/json", body),
        Mode::EmptySet if endpoint == Endpoint::Jwks => {
            plain(StatusCode::OK, "application/json", r#"{"keys":[]}"#)
        }
        Mode::EmptySet => document(state, endpoint, &head, body).await,
        Mode::Oversize => {
            let right = document(state, endpoint, &head, body).await;
            let (parts, body) = right.into_parts();
            let bytes = match body.collect().await {
                Ok(collected) => collected.to_bytes(),
                Err(never) => match never {},
            };
            Response::from_parts(parts, IssuerBody::flood(bytes))
        }
        Mode::Redirect(base) => {
            // Clients may send the absolute form (RFC 9112 section 3.2.2).
            let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
            let target = format!("{base}{path}");
            let mut response = plain(StatusCode::FOUND, "text/plain", "");
            if let Ok(target) = HeaderValue::try_from(target) {
                response.headers_mut().insert(LOCATION, target);
            }
            response
        }
        Mode::Reset => return Err(io::ErrorKind::ConnectionReset.into()),
        Mode::Refuse => return Err(io::ErrorKind::ConnectionRefused.into()),
    };
    // The issuer's own time, so that skew against the caller can be tested.
    let now = std::time::SystemTime::UNIX_EPOCH + state.mint.now().since_epoch();
    if let Ok(date) = HeaderValue::try_from(httpdate::fmt_http_date(now)) {
        response.headers_mut().insert(DATE, date);
    }
    Ok(response)
}

async fn document<B>(
    state: &State,
    endpoint: Endpoint,
    head: &Parts,
    body: B,
) -> Response<IssuerBody>
where
    B: Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let wanted: &[Method] = match endpoint {
        Endpoint::Token => &[Method::POST],
        Endpoint::Other => return plain(StatusCode::NOT_FOUND, "text/plain", "not found"),
        _ => &[Method::GET, Method::HEAD],
    };
    if !wanted.contains(&head.method) {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "text/plain", "");
        let allow = HeaderValue::from_static(if endpoint == Endpoint::Token {
            "POST"
        } else {
            "GET, HEAD"
        });
        response.headers_mut().insert(ALLOW, allow);
        return response;
    }
    match endpoint {
        Endpoint::Token => {
            let form = match Limited::new(body, REQUEST_LIMIT).collect().await {
                Ok(collected) => collected.to_bytes(),
                Err(_) => return plain(StatusCode::PAYLOAD_TOO_LARGE, "text/plain", ""),
            };
            token::answer(state, &head.headers, &form)
        }
        Endpoint::Jwks => cacheable(state, &head.headers, &state.key_set()),
        _ => cacheable(state, &head.headers, &state.metadata()),
    }
}

/// A document with the caching headers that the test asked for; 304 where the client has it already.
fn cacheable(state: &State, asked: &HeaderMap, document: &Value) -> Response<IssuerBody> {
    let text = document.to_string();
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    let tag = format!("\"{}\"", &b64(digest)[..16]);
    let mut keys = state.keys();

    let fresh = keys.etag && matches_tag(asked, &tag);
    let mut response = if fresh {
        keys.not_modified += 1;
        let mut response = Response::new(IssuerBody::document(Bytes::new()));
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        plain(StatusCode::OK, "application/json", text)
    };
    let headers = response.headers_mut();
    if let Some(value) = &keys.cache_control {
        headers.insert(CACHE_CONTROL, value.clone());
    }
    if keys.etag
        && let Ok(tag) = HeaderValue::try_from(tag)
    {
        headers.insert(ETAG, tag);
    }
    response
}

/// RFC 9110 section 13.1.2: weak comparison against any of the listed tags.
fn matches_tag(asked: &HeaderMap, tag: &str) -> bool {
    asked
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

pub(super) fn plain(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<IssuerBody> {
    let mut response = Response::new(IssuerBody::document(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A JSON answer that nobody may keep (RFC 6749 section 5.1).
pub(super) fn private(status: StatusCode, document: &Value) -> Response<IssuerBody> {
    let mut response = plain(status, "application/json", document.to_string());
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// An error of the token endpoint (RFC 6749 section 5.2).
pub(super) fn oauth_error(status: StatusCode, error: &str) -> Response<IssuerBody> {
    private(status, &json!({ "error": error }))
}
