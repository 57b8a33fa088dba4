//! `axum-jwt-auth`, with jsonwebtoken 10 on pure Rust, its only backend.
//!
//! It is an axum extractor, not a layer: it gets the thinnest service there can be round it, which is
//! kinder than a router.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::FromRequestParts as _;
use axum::response::IntoResponse as _;
use axum_jwt_auth::{Decoder, LocalDecoder};
use http::{Request, Response};
use jsonwebtoken_10::{Algorithm as Jwa, DecodingKey, Validation};
use portcullis_bench_harness::service_lane;
use portcullis_testing::Algorithm;
use tower::service_fn;

use super::{Claims, Lanes, Peer, Support};
use crate::setup::BARE_AXUM_08;
use crate::tokens::{AUDIENCE, ISSUER, Kit, SECRET};

pub(crate) const PEER: Peer = Peer {
    name: "axum-jwt-auth",
    base: BARE_AXUM_08,
    lanes,
};

fn lanes(kit: &Kit) -> Support {
    let pem = || kit.key.public_pem();
    let (algorithm, key) = match kit.algorithm {
        Algorithm::Rs256 => (Jwa::RS256, DecodingKey::from_rsa_pem(pem().as_bytes())),
        Algorithm::Es256 => (Jwa::ES256, DecodingKey::from_ec_pem(pem().as_bytes())),
        Algorithm::EdDsa => (Jwa::EdDSA, DecodingKey::from_ed_pem(pem().as_bytes())),
        Algorithm::Hs256 => (Jwa::HS256, Ok(DecodingKey::from_secret(SECRET.as_bytes()))),
        _ => return Err("not compared"),
    };
    let mut checks = Validation::new(algorithm);
    checks.set_audience(&[AUDIENCE]);
    checks.set_issuer(&[ISSUER]);
    let decoder = LocalDecoder::builder()
        .keys(vec![key.expect("a key that it can read")])
        .validation(checks)
        .build()
        .expect("keys and an audience");
    let decoder: Decoder<Claims> = Arc::new(decoder);
    let lanes: Lanes = Box::new(move |requests| {
        let decoder = Arc::clone(&decoder);
        let service = service_fn(move |request: Request<()>| {
            let decoder = Arc::clone(&decoder);
            async move {
                let (mut parts, ()) = request.into_parts();
                let claims =
                    axum_jwt_auth::Claims::<Claims>::from_request_parts(&mut parts, &decoder).await;
                let response: Response<Body> = match claims {
                    Ok(user) => {
                        std::hint::black_box(&user.claims);
                        Response::new(Body::default())
                    }
                    Err(refused) => refused.into_response(),
                };
                Ok::<_, Infallible>(response)
            }
        });
        service_lane(service, requests)
    });
    Ok(lanes)
}
