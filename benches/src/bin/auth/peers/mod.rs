//! The other layers, each set up as its documentation shows, with keys at hand and no network.
//!
//! Every one checks signature, expiry, issuer and audience, as ours does. One file per peer; each
//! has `lane`, a lane that drives it, or a reason why there is none.

use portcullis_bench_harness::{Lane, Requests};
use serde::Deserialize;

use crate::tokens::Kit;

pub(crate) mod axum_jwt_auth;
pub(crate) mod jwt_authorizer;
pub(crate) mod oauth_resource_server;
pub(crate) mod raw;
pub(crate) mod tower_oauth2;

/// Makes one lane more of a peer: lanes of a case share what users share, which is a clone of the
/// service.
pub(crate) type Lanes = Box<dyn Fn(Requests) -> Lane>;

/// A peer's lanes for one algorithm, or the reason why there are none.
pub(crate) type Support = Result<Lanes, &'static str>;

/// A peer: its name, how it is set up, and the bare service it is put round.
#[derive(Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) base: &'static str,
    pub(crate) lanes: fn(&Kit) -> Support,
}

/// All of them, the one that the others are compared with first.
pub(crate) const ALL: [Peer; 5] = [
    tower_oauth2::PEER,
    jwt_authorizer::PEER,
    oauth_resource_server::PEER,
    axum_jwt_auth::PEER,
    raw::PEER,
];

/// What a user reads from a token, for peers that leave the type to the user.
#[derive(Clone, Debug, Deserialize)]
#[allow(dead_code, reason = "deserialised as a user would, and read by nobody")]
pub(crate) struct Claims {
    iss: String,
    sub: String,
    aud: String,
    exp: u64,
    iat: u64,
    jti: String,
    scope: String,
    client_id: String,
}
