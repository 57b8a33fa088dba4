//! An HTTP client of any make.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_LENGTH, LOCATION};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt};
use tower_layer::Layer;

use crate::url::HttpUrl;

use super::FetchError;

type BoxError = Box<dyn Error + Send + Sync>;

/// An HTTP client: any tower service from requests to responses.
///
/// Its type is erased here, once, so retry, timeout, circuit breaker or a proxy are composed round it
/// without a trace in the types of the layers. Give it no retries of its own for key sets, for failed
/// fetches are repeated anyway; deadlines, sizes and redirects are seen to by those who use it.
///
/// The request body is made from bytes: `http_body_util::Full<Bytes>`, `axum::body::Body` and
/// `reqwest::Body` all are.
///
/// # Examples
/// ```
/// use std::convert::Infallible;
///
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::Full;
/// use portcullis_auth::jwks::HttpClient;
///
/// let canned = tower::service_fn(|_: Request<Full<Bytes>>| async {
///     Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"{\"keys\":[]}"))))
/// });
/// let client = HttpClient::new(canned);
/// ```
///
/// # Clone
/// Clones the service.
#[derive(Clone)]
pub struct HttpClient {
    inner: BoxCloneSyncService<Request<Bytes>, Response<UnsyncBoxBody<Bytes, BoxError>>, BoxError>,
    classify: Classify,
}

/// What an error of the service means.
pub(crate) type Classify = fn(&(dyn Error + 'static)) -> FetchError;

/// A request for a small JSON document.
#[derive(Clone, Debug)]
pub(super) struct Get {
    pub(super) url: HttpUrl,
    pub(super) headers: HeaderMap,
    /// The largest body read.
    pub(super) max_bytes: usize,
}

/// A complete response: status 200, or 304.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

const MAX_REDIRECTS: usize = 3;

// === impl HttpClient ===

impl HttpClient {
    /// Wraps a service.
    pub fn new<S, B, ResBody>(service: S) -> Self
    where
        S: Service<Request<B>, Response = Response<ResBody>> + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
        S::Error: Into<BoxError>,
        B: From<Bytes> + 'static,
        ResBody: Body<Data = Bytes> + Send + 'static,
        ResBody::Error: Into<BoxError>,
    {
        let inner = service
            .map_request(|request: Request<Bytes>| request.map(B::from))
            .map_response(|response: Response<ResBody>| {
                response.map(|body| body.map_err(Into::into).boxed_unsync())
            })
            .map_err(Into::into);
        Self {
            inner: BoxCloneSyncService::new(inner),
            classify: |_| FetchError::Connect,
        }
    }

    /// The same client, with a better idea of what its errors mean.
    #[cfg(feature = "client")]
    pub(crate) fn classifying(mut self, classify: Classify) -> Self {
        self.classify = classify;
        self
    }

    /// The same client inside of a layer: a circuit breaker, a limit, a proxy's headers.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http::{HeaderValue, Request};
    /// use portcullis_auth::jwks::HttpClient;
    /// use tower::util::MapRequestLayer;
    ///
    /// fn named(client: &HttpClient) -> HttpClient {
    ///     client.layer(&MapRequestLayer::new(|mut request: Request<Bytes>| {
    ///         let name = HeaderValue::from_static("orders/1.0");
    ///         request.headers_mut().insert("user-agent", name);
    ///         request
    ///     }))
    /// }
    /// ```
    #[must_use]
    pub fn layer<L, ResBody>(&self, layer: &L) -> Self
    where
        L: Layer<Self>,
        L::Service:
            Service<Request<Bytes>, Response = Response<ResBody>> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request<Bytes>>>::Future: Send + 'static,
        <L::Service as Service<Request<Bytes>>>::Error: Into<BoxError>,
        ResBody: Body<Data = Bytes> + Send + 'static,
        ResBody::Error: Into<BoxError>,
    {
        Self {
            classify: self.classify,
            ..Self::new(layer.layer(self.clone()))
        }
    }

    /// Fetches a document, within the deadline of the caller.
    pub(super) async fn get(&self, get: &Get) -> Result<Got, FetchError> {
        let mut url = get.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send(&url, get).await?;
            let status = response.status();
            match status.as_u16() {
                200 | 304 => return receive(response, get.max_bytes).await,
                301 | 302 | 303 | 307 | 308 => url = redirected(&url, response.headers())?,
                other => return Err(FetchError::Status(other)),
            }
        }
        Err(FetchError::Redirect)
    }

    async fn send(
        &self,
        url: &HttpUrl,
        get: &Get,
    ) -> Result<Response<UnsyncBoxBody<Bytes, BoxError>>, FetchError> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = url.uri().clone();
        *request.headers_mut() = get.headers.clone();
        request
            .headers_mut()
            .insert(ACCEPT, HeaderValue::from_static("application/json"));
        self.inner.clone().oneshot(request).await.map_err(|error| {
            let kind = (self.classify)(&*error);
            // The only place where the error of a service is shown, and it can quote no response.
            tracing::debug!(
                target: "portcullis::jwks",
                host = url.uri().host(),
                error = kind.as_str(),
                cause = ?chain(&*error),
                "request failed"
            );
            kind
        })
    }
}

/// A client is a service too, so that whatever is made for services goes round it.
impl Service<Request<Bytes>> for HttpClient {
    type Response = Response<UnsyncBoxBody<Bytes, BoxError>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        Box::pin(self.inner.call(request))
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").finish_non_exhaustive()
    }
}

/// Where a redirect leads, if that is the same scheme, host and port.
fn redirected(from: &HttpUrl, headers: &HeaderMap) -> Result<HttpUrl, FetchError> {
    headers
        .get(LOCATION)
        .and_then(|location| location.to_str().ok())
        .and_then(|location| from.join(location).ok())
        .filter(|to| to.is_same_origin(from))
        .ok_or(FetchError::Redirect)
}

async fn receive(
    response: Response<UnsyncBoxBody<Bytes, BoxError>>,
    max_bytes: usize,
) -> Result<Got, FetchError> {
    let (head, mut body) = response.into_parts();
    let coded = |coding: &HeaderValue| !coding.as_bytes().eq_ignore_ascii_case(b"identity");
    if head.headers.get_all(CONTENT_ENCODING).iter().any(coded) {
        return Err(FetchError::ContentCoding);
    }
    let announced = head
        .headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > max_bytes as u64) {
        return Err(FetchError::TooLarge);
    }
    let mut bytes = BytesMut::new();
    // A 304 has no body (RFC 9110 section 15.4.5).
    while head.status == StatusCode::OK
        && let Some(frame) = body.frame().await
    {
        let Ok(data) = frame.map_err(|_| FetchError::Interrupted)?.into_data() else {
            continue;
        };
        if data.len() > max_bytes - bytes.len() {
            return Err(FetchError::TooLarge);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Got {
        status: head.status,
        headers: head.headers,
        body: bytes.freeze(),
    })
}

/// An error with its sources, for a log.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

#[cfg(test)]
#[path = "http_client_tests.rs"]
mod tests;
