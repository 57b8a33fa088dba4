//! The seven facts that every tower layer must prove, for both ends of the wire.
#![allow(missing_docs)]

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use portcullis_testing::contract;
use portcullis_trace::{TraceContextLayer, Trust};

mod kit;

use kit::Recorder;

fn request() -> Request<Full<Bytes>> {
    kit::request(&[("traceparent", &kit::caller("01"))])
}

#[tokio::test]
async fn the_layer_of_a_server_keeps_the_contract() {
    contract::of(TraceContextLayer::server, request)
        .never_refuses()
        .prove()
        .await;
}

#[tokio::test]
async fn the_layer_of_a_server_that_is_observed_keeps_the_contract() {
    let layer = || {
        let layer = TraceContextLayer::server().with_trust(Trust::public());
        layer.observed_by(Recorder::default())
    };
    contract::of(layer, request).never_refuses().prove().await;
}

#[tokio::test]
async fn the_layer_of_a_client_keeps_the_contract() {
    contract::of(TraceContextLayer::client, request)
        .never_refuses()
        .prove()
        .await;
    let observed = || TraceContextLayer::client().observed_by(Recorder::default());
    contract::of(observed, request)
        .never_refuses()
        .prove()
        .await;
}

#[tokio::test]
async fn both_together_keep_the_contract() {
    let both = || (TraceContextLayer::server(), TraceContextLayer::client());
    contract::of(both, request).never_refuses().prove().await;
}
