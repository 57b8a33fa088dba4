//! Which request another proxy asks about.

use std::fmt;

use http::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version, request};

/// In what way a proxy says which request it asks about. The path that it asks decides, so that nothing
/// is guessed from what happens to be there.
///
/// | path | proxy | method | path and query | host |
/// |---|---|---|---|---|
/// | `/nginx` | `auth_request` of nginx | `X-Original-Method` | `X-Original-URI` | `Host` |
/// | `/traefik` | ForwardAuth of Traefik | `X-Forwarded-Method` | `X-Forwarded-Uri` | `X-Forwarded-Host` |
/// | `/envoy/…` | ext_authz of Envoy | its own | its own, behind `/envoy` | `Host` |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Nginx,
    Traefik,
    Envoy,
}

/// Why it cannot be told which request is meant. Nothing has a default: what is not said exactly once,
/// and well, is not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unclear {
    Missing(&'static str),
    Twice(&'static str),
    TooLong(&'static str),
    Unreadable(&'static str),
}

const ORIGINAL_METHOD: HeaderName = HeaderName::from_static("x-original-method");
const ORIGINAL_URI: HeaderName = HeaderName::from_static("x-original-uri");
const FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
const FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The longest method, target and host that are believed, in bytes.
const LONGEST_METHOD: usize = 32;
const LONGEST_URI: usize = 16 * 1024;
const LONGEST_HOST: usize = 300;

/// What is said of the question and not of the request that it is about, or only of its body, which
/// nobody reads here. Without `Content-Type` every refusal is an HTTP status: for gRPC it would be a 200.
const OF_THE_QUESTION: [HeaderName; 13] = [
    ORIGINAL_METHOD,
    ORIGINAL_URI,
    FORWARDED_METHOD,
    FORWARDED_URI,
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    CONTENT_TYPE,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    TE,
    TRAILER,
    EXPECT,
];

// === impl Dialect ===

impl Dialect {
    /// The dialect of those who ask at this path.
    pub(super) fn at(path: &str) -> Option<Self> {
        match path {
            "/nginx" => Some(Self::Nginx),
            "/traefik" => Some(Self::Traefik),
            _ => {
                let rest = path.strip_prefix("/envoy")?;
                (rest.is_empty() || rest.starts_with('/')).then_some(Self::Envoy)
            }
        }
    }

    /// The head of the request that is asked about, as if it had come here itself.
    pub(super) fn original(self, asked: request::Parts) -> Result<request::Parts, Unclear> {
        let headers = &asked.headers;
        let (method, target, host) = match self {
            Self::Nginx => (
                method(headers, &ORIGINAL_METHOD, "X-Original-Method")?,
                target(said(headers, &ORIGINAL_URI, "X-Original-URI", LONGEST_URI)?.as_bytes())
                    .ok_or(Unclear::Unreadable("X-Original-URI"))?,
                own_host(&asked)?,
            ),
            Self::Traefik => (
                method(headers, &FORWARDED_METHOD, "X-Forwarded-Method")?,
                target(said(headers, &FORWARDED_URI, "X-Forwarded-Uri", LONGEST_URI)?.as_bytes())
                    .ok_or(Unclear::Unreadable("X-Forwarded-Uri"))?,
                said(headers, &FORWARDED_HOST, "X-Forwarded-Host", LONGEST_HOST)?.clone(),
            ),
            Self::Envoy => (
                asked.method.clone(),
                behind_prefix(&asked.uri)?,
                own_host(&asked)?,
            ),
        };
        Ok(rebuilt(asked, method, target, host))
    }
}

fn rebuilt(
    asked: request::Parts,
    method: Method,
    target: PathAndQuery,
    host: HeaderValue,
) -> request::Parts {
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = method;
    head.uri = Uri::from(target);
    head.version = Version::HTTP_11;
    head.headers = asked.headers;
    head.extensions = asked.extensions;
    for name in OF_THE_QUESTION {
        head.headers.remove(name);
    }
    head.headers.insert(HOST, host);
    // A proxy that keeps `Upgrade` to itself, as one hop's business, still passes on what every opening
    // handshake of a WebSocket must have (RFC 6455 section 4.1), and a WebSocket is never safe.
    if head.headers.contains_key(SEC_WEBSOCKET_KEY)
        || head.headers.contains_key(SEC_WEBSOCKET_VERSION)
    {
        let websocket = HeaderValue::from_static("websocket");
        head.headers.insert(UPGRADE, websocket);
    }
    head
}

/// The one value of a header.
fn said<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
    shown: &'static str,
    longest: usize,
) -> Result<&'h HeaderValue, Unclear> {
    let mut lines = headers.get_all(name).iter();
    let value = lines.next().ok_or(Unclear::Missing(shown))?;
    if lines.next().is_some() {
        return Err(Unclear::Twice(shown));
    }
    match value.len() {
        0 => Err(Unclear::Missing(shown)),
        length if length > longest => Err(Unclear::TooLong(shown)),
        _ => Ok(value),
    }
}

fn method(headers: &HeaderMap, name: &HeaderName, shown: &'static str) -> Result<Method, Unclear> {
    let value = said(headers, name, shown, LONGEST_METHOD)?;
    Method::from_bytes(value.as_bytes()).map_err(|_| Unclear::Unreadable(shown))
}

/// A path with its query, if it is read byte for byte as it was said. (A parser that leaves out a
/// fragment would have another path checked than the one that is served.)
fn target(text: &[u8]) -> Option<PathAndQuery> {
    let target = PathAndQuery::try_from(text).ok()?;
    (text.starts_with(b"/") && target.as_str().as_bytes() == text).then_some(target)
}

/// What stands behind `/envoy`.
fn behind_prefix(uri: &Uri) -> Result<PathAndQuery, Unclear> {
    let whole = uri.path_and_query().map_or("", PathAndQuery::as_str);
    if whole.len() > LONGEST_URI {
        return Err(Unclear::TooLong(":path"));
    }
    whole
        .strip_prefix("/envoy")
        .and_then(|rest| target(rest.as_bytes()))
        .ok_or(Unclear::Unreadable(":path"))
}

/// The host of the question itself, where the proxy asks under that of the request.
fn own_host(asked: &request::Parts) -> Result<HeaderValue, Unclear> {
    let authority = asked.uri.authority().map(|authority| authority.as_str());
    match (said(&asked.headers, &HOST, "Host", LONGEST_HOST), authority) {
        (Ok(host), Some(authority)) if host != authority => Err(Unclear::Twice("Host")),
        (Err(Unclear::Missing(_)), Some(authority)) if authority.len() <= LONGEST_HOST => {
            HeaderValue::from_str(authority).map_err(|_| Unclear::Unreadable("Host"))
        }
        (host, _) => host.cloned(),
    }
}

// === impl Unclear ===

impl fmt::Display for Unclear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "{name} is missing"),
            Self::Twice(name) => write!(f, "{name} is said twice"),
            Self::TooLong(name) => write!(f, "{name} is too long"),
            Self::Unreadable(name) => write!(f, "{name} cannot be read"),
        }
    }
}

#[cfg(test)]
mod tests;
