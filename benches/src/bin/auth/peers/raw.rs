//! `jsonwebtoken` 11 on aws-lc-rs without any layer: what people write by hand.

use std::convert::Infallible;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use jsonwebtoken::{Algorithm as Jwa, DecodingKey, Validation, decode};
use portcullis_bench_harness::service_lane;
use portcullis_testing::Algorithm;
use tower::service_fn;

use super::{Claims, Lanes, Peer, Support};
use crate::setup::BARE;
use crate::tokens::{AUDIENCE, ISSUER, Kit, SECRET};

pub(crate) const PEER: Peer = Peer {
    name: "jsonwebtoken by hand",
    base: BARE,
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
    let key = key.expect("a key that it can read");
    let mut checks = Validation::new(algorithm);
    checks.set_audience(&[AUDIENCE]);
    checks.set_issuer(&[ISSUER]);
    let shared = Arc::new((key, checks));
    let lanes: Lanes = Box::new(move |requests| {
        let shared = Arc::clone(&shared);
        let service = service_fn(move |mut request: Request<()>| {
            let (key, checks) = &*shared;
            let claims = request
                .headers()
                .get(AUTHORIZATION)
                .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
                .and_then(|token| decode::<Claims>(token, key, checks).ok());
            let response = match claims {
                Some(claims) => {
                    request.extensions_mut().insert(claims);
                    Response::new(())
                }
                None => {
                    let mut refused = Response::new(());
                    *refused.status_mut() = StatusCode::UNAUTHORIZED;
                    refused
                }
            };
            std::future::ready(Ok::<_, Infallible>(response))
        });
        service_lane(service, requests)
    });
    Ok(lanes)
}
