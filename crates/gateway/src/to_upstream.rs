//! The last word on a request before its upstream has it.

use axum::body::Body;
use http::Request;
use http::header::AUTHORIZATION;
use portcullis_core::Identity;
use tower::ServiceExt;
use tower::util::MapRequest;

use crate::config::{Route, TokenToUpstream};
use crate::identity_headers;
use crate::via::Via;

/// Puts before the proxy of a route what is said there of the caller: who it is, the token or not, and that
/// the request came through here.
pub(crate) fn told<S>(
    route: &Route,
    proxy: S,
    via: Via,
) -> MapRequest<S, impl FnMut(Request<Body>) -> Request<Body> + Clone + Send + Sync + 'static>
where
    S: tower::Service<Request<Body>>,
{
    let drop_token = route.token == TokenToUpstream::Drop;
    proxy.map_request(move |mut request: Request<Body>| {
        let caller = identity_headers::of(Identity::of(request.extensions()));
        let version = request.version();
        let headers = request.headers_mut();
        if drop_token {
            headers.remove(AUTHORIZATION);
        }
        for (name, value) in caller {
            // In place of what a client said of it, should any be left.
            headers.insert(name, value);
        }
        via.tell(headers, version);
        request
    })
}
