use portcullis_testing::{FakeIssuer, Mode};

use crate::jwks::Jwks;

use super::*;

/// Fetches once from `host`, which resolves to these addresses; the error, if it failed.
async fn fetch_by(issuer: &FakeIssuer, addresses: &'static [&'static str]) -> Option<FetchError> {
    let resolver = Resolver::new(|_| {
        Ok(addresses
            .iter()
            .map(|address| address.parse().unwrap())
            .collect())
    });
    let client = Builder::new()
        .build_with(resolver, Roots::nobody())
        .unwrap();
    let port = issuer.address().unwrap().port();
    let jwks = Jwks::builder(issuer.issuer())
        .with_jwks_url(format!("http://issuer.test:{port}/jwks"))
        .dangerously_allow_http()
        .with_http_client(client)
        .build()
        .unwrap();
    loop {
        let status = jwks.status();
        if status.last_error.is_some() || status.keys > 0 {
            return status.last_error;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_address_that_refuses_does_not_keep_from_the_next() {
    // Port and address must both be free of other listeners: the issuer listens on 127.0.0.1 only.
    let issuer = FakeIssuer::start().await;
    let addresses = &["127.0.0.2", "127.0.0.3", "127.0.0.1"];
    assert_eq!(fetch_by(&issuer, addresses).await, None);
}

#[tokio::test]
async fn an_address_that_hangs_does_not_keep_from_the_next() {
    // A listener whose backlog is never taken up still completes the handshake, so a hang needs an address
    // that nobody has: RFC 5737. Where the network refuses it at once, that is the test above.
    let issuer = FakeIssuer::start().await;
    assert_eq!(fetch_by(&issuer, &["192.0.2.1", "127.0.0.1"]).await, None);
}

#[tokio::test]
async fn errors_of_the_way_have_names() {
    let issuer = FakeIssuer::start().await;
    assert_eq!(fetch_by(&issuer, &[]).await, Some(FetchError::Dns));
    issuer.mode(Mode::Refuse);
    assert_eq!(
        fetch_by(&issuer, &["127.0.0.1"]).await,
        Some(FetchError::Connect)
    );
}

#[test]
fn a_client_that_trusts_nobody_is_a_configuration_error() {
    let error = Builder::new().without_system_roots().build().unwrap_err();
    let paths: Vec<_> = error.problems().map(|problem| &*problem.path).collect();
    assert_eq!(paths, ["roots"]);
}

#[test]
fn every_problem_is_told_at_once() {
    let error = Builder::new()
        .with_ca_pem(b"no certificate")
        .with_ca_pem(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        .with_ca_pem(b"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n")
        .with_address_deadline(Duration::ZERO)
        .with_connect_deadline(Duration::ZERO)
        .with_ping(Duration::ZERO, Duration::ZERO)
        .build()
        .unwrap_err();
    let paths: Vec<_> = error
        .problems()
        .map(|problem| problem.path.as_str())
        .collect();
    assert_eq!(
        paths,
        [
            "address_deadline",
            "connect_deadline",
            "ping.interval",
            "ping.deadline",
            "ca_pem[0]",
            "ca_pem[1]",
            "ca_pem[2]"
        ]
    );
}
