//! `tower-oauth2-resource-server`, with jsonwebtoken 11 on aws-lc-rs.

use jsonwebtoken::Algorithm as Jwa;
use portcullis_bench_harness::{inner, service_lane};
use portcullis_testing::Algorithm;
use tower::Layer as _;
use tower_oauth2_resource_server::claims::DefaultClaims;
use tower_oauth2_resource_server::server::OAuth2ResourceServer;
use tower_oauth2_resource_server::tenant::TenantConfiguration;
use tower_oauth2_resource_server::validation::ClaimsValidationSpec;

use super::{Lanes, Peer, Support};
use crate::setup::{BARE, block_on};
use crate::tokens::{AUDIENCE, ISSUER, Kit};

pub(crate) const NAME: &str = "tower-oauth2-resource-server";

pub(crate) const PEER: Peer = Peer {
    name: NAME,
    base: BARE,
    lanes,
};

fn lanes(kit: &Kit) -> Support {
    let checks = ClaimsValidationSpec::recommended(ISSUER, &vec![AUDIENCE.to_owned()]).nbf(false);
    let mut tenant = TenantConfiguration::static_builder(kit.jwks())
        .audiences(&[AUDIENCE])
        .claims_validation(checks);
    if kit.algorithm == Algorithm::Hs256 {
        // Not among its defaults.
        tenant = tenant.allowed_algorithms(&[Jwa::HS256]);
    }
    let tenant = tenant.build().expect("a key set that it can read");
    let server = OAuth2ResourceServer::<DefaultClaims>::builder().add_tenant(tenant);
    let server = block_on(server.build()).expect("a tenant that needs no network");
    let service = server.into_layer::<()>().layer(inner::<()>());
    let lanes: Lanes = Box::new(move |requests| service_lane(service.clone(), requests));
    Ok(lanes)
}
