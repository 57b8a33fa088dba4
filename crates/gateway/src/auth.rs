//! The layers before the end of a route.

mod trust;

use std::convert::Infallible;

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use portcullis_auth::{AuthLayer, Degrade, RequireLayer};
use portcullis_core::{ConfigError, Observer, ResponseBody};
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceExt};

use crate::config::{OnIdpOutage, Route, RouteAuth};
use crate::front::RouteService;

pub(crate) use trust::{Trust, problems};

/// Puts before the end of a route what it says: the token is verified, then the scopes are demanded.
pub(crate) fn guard<S, O, B>(
    route: &Route,
    trust: Option<&Trust>,
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
    let layer = layer
        .with_degrade(degrade(route.on_idp_outage)?)
        .with_observer(observer.clone());
    Ok(if route.scopes.is_empty() {
        let service = layer.layer(end);
        BoxCloneSyncService::new(service.map_response(|response| response.map(Body::new)))
    } else {
        let demands = RequireLayer::new()
            .with_scopes(&route.scopes)?
            .with_observer(observer);
        let service = layer.layer(demands.layer(end));
        BoxCloneSyncService::new(service.map_response(|response| response.map(Body::new)))
    })
}

fn degrade(policy: OnIdpOutage) -> Result<Degrade, ConfigError> {
    Ok(match policy {
        OnIdpOutage::Deny => Degrade::deny(),
        OnIdpOutage::Anonymous => Degrade::anonymous(),
        OnIdpOutage::AllowFor {
            grace,
            unsafe_methods,
        } => {
            let degrade = Degrade::allow_for(grace)?;
            if unsafe_methods {
                degrade.with_unsafe_methods()
            } else {
                degrade
            }
        }
    })
}
