//! The token endpoint (RFC 6749): client credentials.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::json;

use super::answer::{oauth_error, private};
use super::body::IssuerBody;
use super::state::State;

pub(super) fn answer(state: &State, headers: &HeaderMap, form: &[u8]) -> Response<IssuerBody> {
    let Some(form) = parse_form(form) else {
        return oauth_error(StatusCode::BAD_REQUEST, "invalid_request");
    };
    let Some(client) = authenticate(state, headers, &form) else {
        let mut response = oauth_error(StatusCode::UNAUTHORIZED, "invalid_client");
        response
            .headers_mut()
            .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
        return response;
    };
    match form.get("grant_type").map(String::as_str) {
        Some("client_credentials") => {}
        Some(_) => return oauth_error(StatusCode::BAD_REQUEST, "unsupported_grant_type"),
        None => return oauth_error(StatusCode::BAD_REQUEST, "invalid_request"),
    }
    let mut token = state.token().subject(&client).client(&client);
    let mut answer = json!({
        "token_type": "Bearer",
        "expires_in": state.lifetime.as_secs(),
    });
    if let Some(scope) = form.get("scope") {
        token = token.scope(scope);
        answer["scope"] = json!(scope);
    }
    answer["access_token"] = json!(token.issue());
    private(StatusCode::OK, &answer)
}

/// The client, by `client_secret_basic` or `client_secret_post` (RFC 6749 section 2.3.1).
fn authenticate(
    state: &State,
    headers: &HeaderMap,
    form: &HashMap<String, String>,
) -> Option<String> {
    let (client, secret) = match headers.get(AUTHORIZATION) {
        Some(value) => basic(value)?,
        None => (
            form.get("client_id")?.clone(),
            form.get("client_secret")?.clone(),
        ),
    };
    let keys = state.keys();
    let known = keys.clients.is_empty() || keys.clients.get(&client) == Some(&secret);
    known.then_some(client)
}

fn basic(value: &HeaderValue) -> Option<(String, String)> {
    let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (client, secret) = pair.split_once(':')?;
    // Both are form-encoded before they are joined.
    Some((decode(client)?, decode(secret)?))
}

/// `application/x-www-form-urlencoded`; `None` where a parameter comes twice (RFC 6749 section 3.2).
fn parse_form(bytes: &[u8]) -> Option<HashMap<String, String>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut form = HashMap::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if form.insert(decode(name)?, decode(value)?).is_some() {
            return None;
        }
    }
    Some(form)
}

fn decode(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().ok()?;
    Some(decoded.into_owned())
}
