//! `jwt-authorizer`, with jsonwebtoken 9 on ring, and axum 0.7.

use jwt_authorizer::{Authorizer, IntoLayer as _, JwtAuthorizer, RegisteredClaims, Validation};
use portcullis_bench_harness::{inner, service_lane};
use portcullis_testing::Algorithm;
use tower::Layer as _;

use super::{Lanes, Peer, Support};
use crate::setup::{BARE_AXUM_07, block_on};
use crate::tokens::{AUDIENCE, ISSUER, Kit, SECRET};

pub(crate) const PEER: Peer = Peer {
    name: "jwt-authorizer",
    base: BARE_AXUM_07,
    lanes,
};

fn lanes(kit: &Kit) -> Support {
    let builder: JwtAuthorizer<RegisteredClaims> = match kit.algorithm {
        Algorithm::Hs256 => JwtAuthorizer::from_secret(SECRET),
        _ => JwtAuthorizer::from_jwks_text(&kit.jwks()),
    };
    let checks = Validation::new().iss(&[ISSUER]).aud(&[AUDIENCE]);
    let authorizer: Authorizer<RegisteredClaims> =
        block_on(builder.validation(checks).build()).expect("a key that it can read");
    let service = authorizer
        .into_layer()
        .layer(inner::<axum_07::body::Body>());
    let lanes: Lanes = Box::new(move |requests| service_lane(service.clone(), requests));
    Ok(lanes)
}
