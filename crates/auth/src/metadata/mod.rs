//! Who may issue tokens for a resource, told to clients (RFC 9728).

use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use portcullis_core::{ConfigError, Problems};
use serde::Serialize;
use tower_service::Service;

use crate::url::{HttpUrl, UrlFault, is_uri_text};

/// The metadata document of a protected resource, as a service: answers GET and HEAD, on any path and
/// with any request body.
///
/// A client that gets a 401 with `resource_metadata` in its challenge finds here which authorization
/// server to ask for a token. The document is public: mount it outside of the auth layer, at
/// [`well_known_path`](Self::well_known_path).
///
/// ```
/// use portcullis_auth::{Challenge, ResourceMetadata};
///
/// let metadata = ResourceMetadata::new("https://api.example.com/orders")?
///     .with_authorization_server("https://idp.example.com")?
///     .with_scopes(["orders:read", "orders:write"])?;
/// assert_eq!(metadata.well_known_path(), "/.well-known/oauth-protected-resource/orders");
///
/// let challenge = Challenge::new().with_resource_metadata(&metadata.url())?;
/// # Ok::<(), portcullis_core::ConfigError>(())
/// ```
///
/// # Clone
/// Clones share the prepared answer.
#[derive(Clone)]
pub struct ResourceMetadata {
    document: Document,
    path: Box<str>,
    max_age: Duration,
    prepared: Arc<Prepared>,
}

/// RFC 9728 section 2.
#[derive(Clone, Serialize)]
struct Document {
    resource: Box<str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    authorization_servers: Vec<Box<str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes_supported: Vec<Box<str>>,
    bearer_methods_supported: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_name: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_documentation: Option<Box<str>>,
}

#[derive(Default)]
struct Prepared {
    headers: HeaderMap,
    body: Bytes,
}

/// RFC 9728 section 3: inserted between the host and the path of the resource.
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

// === impl ResourceMetadata ===

impl ResourceMetadata {
    /// The metadata of `resource`: its URL, as clients see it from outside.
    ///
    /// # Errors
    /// If it is not an `https` URL in its normal form, without query and fragment. On loopback, `http`
    /// will do.
    pub fn new(resource: &str) -> Result<Self, ConfigError> {
        let url = absolute("resource", resource)?;
        // The resource is compared byte by byte (RFC 9728 section 3.3): two spellings are two resources.
        let normal = url.to_string();
        if normal != resource && normal.strip_suffix('/') != Some(resource) {
            return Err(ConfigError::new(
                "resource",
                "is not in its normal form",
                format!("write {normal}"),
            ));
        }
        let path = match url.path() {
            // Section 3.1: a slash that ends the host is removed.
            "/" => WELL_KNOWN.into(),
            path => format!("{WELL_KNOWN}{path}").into(),
        };
        let new = Self {
            document: Document {
                resource: resource.into(),
                authorization_servers: Vec::new(),
                scopes_supported: Vec::new(),
                bearer_methods_supported: ["header"],
                resource_name: None,
                resource_documentation: None,
            },
            path,
            max_age: Duration::from_secs(3600),
            prepared: Arc::default(),
        };
        Ok(new.prepare())
    }

    /// Adds an authorization server that issues tokens for the resource, by its issuer identifier.
    ///
    /// # Errors
    /// If it is not an `https` URL without query and fragment. On loopback, `http` will do.
    pub fn with_authorization_server(mut self, issuer: &str) -> Result<Self, ConfigError> {
        absolute("authorization_servers", issuer)?;
        self.document.authorization_servers.push(issuer.into());
        Ok(self.prepare())
    }

    /// Names scopes that clients may ask for, beside those named before.
    ///
    /// # Errors
    /// If one is not a scope (RFC 6749 section 3.3).
    pub fn with_scopes(
        mut self,
        scopes: impl IntoIterator<Item: AsRef<str>>,
    ) -> Result<Self, ConfigError> {
        let mut problems = Problems::new();
        for (index, scope) in scopes.into_iter().enumerate() {
            let scope = scope.as_ref();
            match portcullis_core::Scopes::new([scope]) {
                Ok(_) => self.document.scopes_supported.push(scope.into()),
                Err(error) => problems.push(
                    format!("scopes_supported[{index}]"),
                    "is not a scope",
                    error.to_string(),
                ),
            }
        }
        problems.check()?;
        Ok(self.prepare())
    }

    /// Names the resource for people.
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        self.document.resource_name = Some(name.into());
        self.prepare()
    }

    /// Says where developers find the documentation.
    ///
    /// # Errors
    /// If it is not an `https` or `http` URL. It may have a fragment.
    pub fn with_documentation(mut self, url: &str) -> Result<Self, ConfigError> {
        let (page, fragment) = url.split_once('#').unwrap_or((url, ""));
        let field = "resource_documentation";
        HttpUrl::parse(page).map_err(|fault| wrong(field, fault))?;
        if fragment.contains('#') || !is_uri_text(fragment) {
            return Err(wrong(field, UrlFault::Form));
        }
        self.document.resource_documentation = Some(url.into());
        Ok(self.prepare())
    }

    /// Lets clients and caches keep the document for `age`, in whole seconds. An hour unless set.
    #[must_use]
    pub fn with_max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self.prepare()
    }

    /// The path to mount it at: `/.well-known/oauth-protected-resource` and the path of the resource.
    #[must_use]
    pub fn well_known_path(&self) -> &str {
        &self.path
    }

    /// Where clients find it, for [`Challenge::with_resource_metadata`](crate::Challenge::with_resource_metadata).
    #[must_use]
    pub fn url(&self) -> String {
        let resource = &*self.document.resource;
        // The resource is an absolute URL in its normal form: the path begins at the third slash.
        let host = resource
            .match_indices('/')
            .nth(2)
            .map_or(resource, |(end, _)| &resource[..end]);
        format!("{host}{}", self.path)
    }

    fn prepare(mut self) -> Self {
        // Strings in lists always serialise; the constructor left nothing else.
        let body: Bytes = serde_json::to_vec(&self.document)
            .unwrap_or_default()
            .into();
        let cache = format!("public, max-age={}", self.max_age.as_secs());
        let mut headers = HeaderMap::with_capacity(3);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        if let Ok(cache) = HeaderValue::try_from(cache) {
            headers.insert(CACHE_CONTROL, cache);
        }
        self.prepared = Arc::new(Prepared { headers, body });
        self
    }

    fn answer(&self, method: &Method) -> Response<Full<Bytes>> {
        let Prepared { headers, body } = &*self.prepared;
        let mut response = Response::new(Full::default());
        if *method == Method::GET || *method == Method::HEAD {
            *response.headers_mut() = headers.clone();
            if *method == Method::GET {
                *response.body_mut() = Full::new(body.clone());
            }
        } else {
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            let allowed = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(ALLOW, allowed);
        }
        response
    }
}

impl<B> Service<Request<B>> for ResourceMetadata {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.answer(request.method())))
    }
}

impl fmt::Debug for ResourceMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceMetadata")
            .field("resource", &self.document.resource)
            .finish_non_exhaustive()
    }
}

fn wrong(field: &str, fault: UrlFault) -> ConfigError {
    let (message, remedy) = fault.told();
    ConfigError::new(field, message, remedy)
}

/// Reads a URL that a client may trust: RFC 9728 section 1.2, RFC 8414 section 2.
fn absolute(field: &str, text: &str) -> Result<HttpUrl, ConfigError> {
    let url = HttpUrl::parse(text).map_err(|fault| wrong(field, fault))?;
    let mut problems = Problems::new();
    if !url.is_https() && !url.is_loopback() {
        problems.push(
            field,
            "is not https",
            "use https, as clients see it from outside",
        );
    }
    if url.query().is_some() {
        problems.push(field, "has a query", "leave it out");
    }
    problems.into_result(url)
}

#[cfg(test)]
mod tests;
