//! `oauth-resource-server`, with jsonwebtoken 9 on ring.

use std::sync::Arc;

use oauth_resource_server::http_layer::HttpAuthLayer;
use oauth_resource_server::{KeyNaming, OAuthConfig, OAuthValidator};
use portcullis_bench_harness::{inner, service_lane};
use portcullis_testing::Algorithm;
use tower::Layer as _;

use super::{Lanes, Peer, Support};
use crate::setup::BARE;
use crate::tokens::{AUDIENCE, ISSUER, Kit};

pub(crate) const PEER: Peer = Peer {
    name: "oauth-resource-server",
    base: BARE,
    lanes,
};

fn lanes(kit: &Kit) -> Support {
    if kit.algorithm == Algorithm::Hs256 {
        return Err("takes no shared secrets, by design");
    }
    let config = OAuthConfig {
        enabled: true,
        issuer: ISSUER.into(),
        jwks_uri: Some("https://idp.invalid/jwks".into()),
        audience: AUDIENCE.into(),
        resource: AUDIENCE.into(),
        allow_unscoped_tokens: true,
        ..OAuthConfig::default()
    };
    let config = config
        .resolve(KeyNaming::Dotted("oauth"))
        .expect("a configuration that it accepts")
        .expect("it is enabled");
    // Held from the start and never asked for: the address leads nowhere.
    let validator = OAuthValidator::builder(&config)
        .initial_jwks(&kit.jwks())
        .build()
        .expect("a key set that it can read");
    let layer = HttpAuthLayer::builder()
        .oauth(Arc::new(validator))
        .build()
        .expect("one credential is configured");
    let service = layer.layer(inner::<()>());
    let lanes: Lanes = Box::new(move |requests| service_lane(service.clone(), requests));
    Ok(lanes)
}
