//! Several issuers, and keys from elsewhere than discovery.

use http::Request;
use http_body_util::Full;
use portcullis_testing::{FakeIssuer, KeyMint, SigningKey, jwks};

use crate::stand::{Upstream, gateway, issuer, send};

async fn get(gateway: &portcullis_gateway::Running, token: &str) -> u16 {
    let request = Request::get(format!("http://{}/x", gateway.address()))
        .header("authorization", format!("Bearer {token}"))
        .body(Full::default())
        .expect("a request");
    send(request).await.status.as_u16()
}

#[tokio::test]
async fn each_token_is_judged_by_the_rules_of_its_issuer() {
    let (blue, green) = (
        issuer().await,
        FakeIssuer::builder().audience("green").start().await,
    );
    let upstream = Upstream::start().await;
    let gateway = gateway(&format!(
        r#"
        [server]
        listen = "127.0.0.1:0"
        [[issuer]]
        url = "{}"
        audiences = ["{}"]
        algorithms = ["ES256"]
        [[issuer]]
        url = "{}"
        audiences = ["green"]
        algorithms = ["RS256"]
        [[route]]
        path = "/"
        upstream = ["{}"]
        "#,
        blue.issuer(),
        blue.audience(),
        green.issuer(),
        upstream.url()
    ))
    .await;
    let scoped = |issuer: &FakeIssuer| issuer.token().scope("s");
    assert_eq!(get(&gateway, &scoped(&blue).issue()).await, 200);
    assert_eq!(upstream.last().headers["x-auth-issuer"], blue.issuer());
    assert_eq!(get(&gateway, &scoped(&green).issue()).await, 200);
    assert_eq!(upstream.last().headers["x-auth-issuer"], green.issuer());
    // The key of one is no key of the other, nor is its audience.
    assert_eq!(
        get(&gateway, &scoped(&blue).issuer(green.issuer()).issue()).await,
        401
    );
    assert_eq!(
        get(&gateway, &scoped(&blue).audience("green").issue()).await,
        401
    );
}

#[tokio::test]
async fn keys_come_from_a_url_or_a_file_without_discovery() {
    let keys = issuer().await;
    let (mint, key) = (KeyMint::new(), SigningKey::es256());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    std::fs::write(&file, jwks([&key]).to_string()).unwrap();
    let upstream = Upstream::start().await;
    let gateway = gateway(&format!(
        r#"
        [server]
        listen = "127.0.0.1:0"
        [[issuer]]
        url = "https://by-url.example.com"
        jwks_url = "{}"
        audiences = ["a"]
        [[issuer]]
        url = "https://by-file.example.com"
        jwks_file = "{}"
        audiences = ["a"]
        tokens = "any"
        [[route]]
        path = "/"
        upstream = ["{}"]
        "#,
        keys.jwks_url(),
        file.display(),
        upstream.url()
    ))
    .await;
    let by_url = keys
        .token()
        .issuer("https://by-url.example.com")
        .audience("a")
        .scope("s")
        .issue();
    assert_eq!(get(&gateway, &by_url).await, 200);
    let by_file = mint
        .token()
        .issuer("https://by-file.example.com")
        .audience("a");
    assert_eq!(get(&gateway, &by_file.clone().sign(&key)).await, 200);
    assert_eq!(
        get(&gateway, &by_file.sign(&SigningKey::es256())).await,
        401,
        "a fixed set is complete"
    );
}
