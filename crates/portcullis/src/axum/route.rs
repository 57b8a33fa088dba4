//! The route that axum matched.

use std::task::{Context, Poll};

use axum::extract::MatchedPath;
use http::Request;
use portcullis_core::RequestContext;
use tower_layer::Layer;
use tower_service::Service;

/// Tells the [`RequestContext`] which route axum matched (`/users/{id}`), so that the span, the metrics and the event of
/// a slow request name it: anywhere inside of the trace layer. What no route matched has none.
///
/// ```
/// use axum::{Router, routing::get};
/// use portcullis::axum::RouteLayer;
/// use portcullis::trace::TraceContextLayer;
///
/// let app: Router = Router::new()
///     .route("/users/{id}", get(|| async { "hello" }))
///     .layer((TraceContextLayer::server(), RouteLayer));
/// # let _ = app;
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct RouteLayer;

/// A service whose requests say which route they took. Made by [`RouteLayer`].
#[derive(Clone, Copy, Debug)]
pub struct Route<S>(S);

// === impl RouteLayer ===

impl<S> Layer<S> for RouteLayer {
    type Service = Route<S>;

    fn layer(&self, inner: S) -> Route<S> {
        Route(inner)
    }
}

// === impl Route ===

impl<S, B> Service<Request<B>> for Route<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> S::Future {
        let extensions = request.extensions();
        if let (Some(context), Some(matched)) = (
            RequestContext::find(extensions),
            extensions.get::<MatchedPath>(),
        ) && context.route().is_none()
        {
            context.set_route(matched.as_str().into());
        }
        self.0.call(request)
    }
}
