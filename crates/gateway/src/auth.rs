//! The layers before the end of a route.

mod trust;

use std::convert::Infallible;

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use portcullis_auth::{AuthLayer, RequireLayer};
use portcullis_core::{ConfigError, Observer, ResponseBody};
use portcullis_trace::StageLayer;
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceExt};

use crate::config::{Config, Route, RouteAuth};
use crate::front::RouteService;
use crate::revoking::{self, Watching};

pub(crate) use trust::{Trust, problems};

/// Verifying, asking after what was revoked, and demanding.
const STAGE: StageLayer = StageLayer::new("auth");

/// Puts before the end of a route what it says: the token is verified and asked after, then the scopes are
/// demanded.
pub(crate) fn guard<S, O, B>(
    route: &Route,
    config: &Config,
    trust: Option<&Trust>,
    watching: Option<&Watching>,
    observer: O,
    end: S,
) -> Result<RouteService, ConfigError>
where
    S: Service<Request<Body>, Response = Response<ResponseBody<B>>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
    O: Observer + Clone,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    let layer = match (route.auth, trust) {
        (RouteAuth::None, _) => {
            let open = end.map_response(|response| response.map(Body::new));
            return Ok(BoxCloneSyncService::new(open));
        }
        (_, None) => {
            return Err(ConfigError::new(
                "auth",
                "looks at tokens, and no issuer is trusted",
                "add [[issuer]]",
            ));
        }
        (RouteAuth::Required, Some(trust)) => AuthLayer::new(trust.verifier.clone()),
        (RouteAuth::Optional, Some(trust)) => AuthLayer::new(trust.verifier.clone()).optional(),
    };
    let policies = revoking::degrade(route, config)?;
    let mut layer = layer
        .with_degrade_by(move |head| policies.policy(head.is_safe()).clone())
        .with_observer(observer.clone());
    if let Some(watching) = watching {
        layer = layer.with_standing(watching.view());
    }
    Ok(if route.scopes.is_empty() {
        let service = STAGE.layer(layer.layer(end));
        BoxCloneSyncService::new(service.map_response(|response| response.map(Body::new)))
    } else {
        let demands = RequireLayer::new()
            .with_scopes(&route.scopes)?
            .with_observer(observer);
        let service = STAGE.layer(layer.layer(demands.layer(end)));
        BoxCloneSyncService::new(service.map_response(|response| response.map(Body::new)))
    })
}
