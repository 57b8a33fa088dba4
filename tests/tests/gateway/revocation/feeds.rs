//! The feeds, mounted on the public listener.

use http::Request;
use http_body_util::Full;

use super::Revocable;
use crate::metrics::scrape;
use crate::stand::{Answer, send};

const FEEDS: &str = "[revocation.backchannel]\npath = \"/oidc/logout\"\nclients = [\"web\"]\n\
    [revocation.rfc7009]\npath = \"/oauth/revoke\"\n\
    [[revocation.rfc7009.client]]\nissuer = \"ISSUER\"\nid = \"web\"\nsecret = { env = \"CARGO_PKG_DESCRIPTION\" }";

/// The secret of the client: cargo sets this one.
const SECRET: &str = env!("CARGO_PKG_DESCRIPTION");

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

async fn form(stand: &Revocable, path: &str, form: &str) -> Answer {
    let request = Request::post(format!("http://{}{path}", stand.gateway.address()))
        .header("content-type", "application/x-www-form-urlencoded");
    send(
        request
            .body(Full::from(form.to_owned()))
            .expect("a request"),
    )
    .await
}

#[tokio::test]
async fn a_client_revokes_its_token_and_only_with_its_secret() {
    let stand = Revocable::with(FEEDS, "").await;
    let token = stand.token("s-1");
    assert_eq!(stand.get(&token).await.status, 200);
    let ask = async |secret: &str| {
        let text = format!(
            "token={token}&client_id=web&client_secret={}",
            encoded(secret)
        );
        form(&stand, "/oauth/revoke", &text).await.status.as_u16()
    };
    assert_eq!(ask("another").await, 401);
    assert_eq!(stand.get(&token).await.status, 200);
    assert_eq!(ask(SECRET).await, 200);
    assert_eq!(stand.get(&token).await.reason(), "revoked");
    assert_eq!(
        stand.get(&stand.token("s-1")).await.status,
        200,
        "another token"
    );
    assert_eq!(stand.upstream.calls(), 3);
}

#[tokio::test]
async fn a_logout_at_the_identity_provider_ends_the_session() {
    let stand = Revocable::with(FEEDS, "").await;
    let (mine, other) = (stand.token("s-1"), stand.token("s-2"));
    assert_eq!(stand.get(&mine).await.status, 200);
    for (client, status) in [("another", 400), ("web", 200)] {
        let logout = stand.issuer.logout_token(client).session("s-1").issue();
        let answer = form(&stand, "/oidc/logout", &format!("logout_token={logout}")).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    assert_eq!(stand.get(&mine).await.reason(), "revoked");
    assert_eq!(stand.get(&other).await.status, 200);
}

#[tokio::test]
async fn what_the_feeds_answered_is_counted() {
    let stand = Revocable::with(FEEDS, "").await;
    let token = stand.token("s-1");
    for secret in ["another", SECRET, SECRET] {
        let secret = encoded(secret);
        let text = format!("token={token}&client_id=web&client_secret={secret}");
        form(&stand, "/oauth/revoke", &text).await;
    }
    for client in ["another", "web"] {
        let logout = stand.issuer.logout_token(client).session("s-1").issue();
        form(&stand, "/oidc/logout", &format!("logout_token={logout}")).await;
    }
    let page = scrape(&stand.gateway).await;
    for (source, outcome, count) in [
        ("rfc7009", "done", 2.0),
        ("rfc7009", "refused", 1.0),
        ("backchannel", "done", 1.0),
        ("backchannel", "refused", 1.0),
    ] {
        let labels = [
            ("source", source),
            ("action", "revoke"),
            ("outcome", outcome),
        ];
        let counted = page.count("portcullis_revocation_requests", &labels);
        assert_eq!(counted, count, "{source} {outcome}");
    }
    assert_eq!(page.count("portcullis_revocation_requests", &[]), 5.0);
}
