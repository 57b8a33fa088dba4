//! What is known of tokens and keys is not forgotten.

use std::fs;

use http::Request;
use http_body_util::Full;
use portcullis_gateway::Config;
use portcullis_testing::{Endpoint, FakeIssuer, Mode, SigningKey, jwks};

use super::{Followed, SERVER};
use crate::stand::{Answer, Upstream, issuer, send};

fn issuer_section(issuer: &FakeIssuer) -> String {
    format!(
        "[[issuer]]\nurl = \"{}\"\naudiences = [\"{}\"]\n",
        issuer.issuer(),
        issuer.audience()
    )
}

fn route(upstream: &Upstream, more: &str) -> String {
    let url = upstream.url();
    format!("[[route]]\npath = \"/\"\nupstream = [\"{url}\"]\n{more}\n")
}

async fn get(gateway: &Followed, token: &str) -> Answer {
    let url = format!("http://{}/x", gateway.gateway.address());
    let request = Request::get(url).header("authorization", format!("Bearer {token}"));
    send(request.body(Full::default()).expect("a request")).await
}

async fn replace(gateway: &Followed, config: &str) {
    let config = Config::parse(config).unwrap_or_else(|error| panic!("{error}"));
    gateway.gateway.reload(config).await.expect("taken");
}

#[tokio::test]
async fn an_issuer_that_did_not_change_keeps_its_keys_while_it_is_down() {
    let (issuer, upstream) = (issuer().await, Upstream::start().await);
    let section = issuer_section(&issuer);
    let gateway = Followed::start(&format!("{SERVER}{section}{}", route(&upstream, ""))).await;
    let token = || issuer.token().subject("alice").scope("read").issue();
    assert_eq!(get(&gateway, &token()).await.status, 200);
    let fetched = issuer.requests(Endpoint::Jwks);

    issuer.mode(Mode::Refuse);
    replace(
        &gateway,
        &format!(
            "{SERVER}{section}{}",
            route(&upstream, "scopes = [\"read\"]")
        ),
    )
    .await;
    assert_eq!(
        get(&gateway, &token()).await.status,
        200,
        "a token never seen"
    );
    // Rules for its tokens need no other keys.
    let stricter = format!("{section}clients = [\"nobody\"]\n");
    let config = format!("{SERVER}{stricter}{}", route(&upstream, ""));
    replace(&gateway, &config).await;
    let answer = get(&gateway, &token()).await;
    assert_eq!(
        (answer.status.as_u16(), &*answer.reason()),
        (401, "client_not_allowed")
    );
    // Another issuer beside it is no reason to ask this one.
    let other = crate::stand::issuer().await;
    let config = format!(
        "{SERVER}{section}{}{}",
        issuer_section(&other),
        route(&upstream, "")
    );
    replace(&gateway, &config).await;
    assert_eq!(get(&gateway, &token()).await.status, 200);
    assert_eq!(issuer.requests(Endpoint::Jwks), fetched);
    assert_eq!(gateway.ready().await["config"]["generation"], 4);
}

#[tokio::test]
async fn an_issuer_that_is_gone_is_trusted_no_more() {
    let (one, two) = (issuer().await, issuer().await);
    let upstream = Upstream::start().await;
    let only = |issuer| format!("{SERVER}{}{}", issuer_section(issuer), route(&upstream, ""));
    let gateway = Followed::start(&only(&one)).await;
    let token = |issuer: &FakeIssuer| issuer.token().scope("read").issue();
    let (of_one, of_two) = (token(&one), token(&two));
    assert_eq!(get(&gateway, &of_one).await.status, 200);
    assert_eq!(get(&gateway, &of_two).await.reason(), "issuer_not_trusted");
    replace(&gateway, &only(&two)).await;
    assert_eq!(get(&gateway, &of_one).await.reason(), "issuer_not_trusted");
    assert_eq!(get(&gateway, &of_two).await.status, 200);
}

#[tokio::test]
async fn a_key_file_that_changes_is_taken_and_its_old_key_is_not_good_any_more() {
    let (old, new) = (SigningKey::es256(), SigningKey::es256());
    let upstream = Upstream::start().await;
    let maker = issuer().await;
    let config = format!(
        "{SERVER}{}jwks_file = \"keys.json\"\n{}",
        issuer_section(&maker),
        route(&upstream, "")
    );
    let keys = jwks([&old]).to_string();
    let gateway = Followed::start_with(&[("gateway.toml", &config), ("keys.json", &keys)]).await;
    let token = |key: &SigningKey| maker.token().scope("read").sign(key);
    let (by_old, by_new) = (token(&old), token(&new));
    assert_eq!(get(&gateway, &by_old).await.status, 200);
    assert_eq!(get(&gateway, &by_new).await.status, 401);

    // Half a file first, as a slow writer leaves it.
    let keys = jwks([&new]).to_string();
    fs::write(gateway.path("keys.json"), &keys[..keys.len() / 2]).unwrap();
    let refused = gateway.until_refused().await;
    assert!(
        refused.contains("issuer[0].jwks_file: cannot be used"),
        "{refused}"
    );
    assert_eq!(get(&gateway, &by_old).await.status, 200);
    fs::write(gateway.path("keys.json"), &keys).unwrap();
    gateway.until_after(1).await;
    assert_eq!(get(&gateway, &by_old).await.status, 401);
    assert_eq!(get(&gateway, &by_new).await.status, 200);
    assert_eq!(maker.requests(Endpoint::Jwks), 0);
}
