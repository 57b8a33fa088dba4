//! The documents that an issuer publishes.

use super::*;

#[tokio::test]
async fn discovery_names_the_issuer_and_where_its_keys_are() {
    let issuer = issuer().await;
    for endpoint in [Endpoint::OpenIdConfiguration, Endpoint::AuthorizationServer] {
        let metadata = json_of(get(&issuer.url_of(endpoint))).await;
        assert_eq!(metadata["issuer"], issuer.issuer());
        let keys = json_of(get(metadata["jwks_uri"].as_str().unwrap())).await;
        assert_eq!(keys, jwks([&issuer.key()]));
        assert_eq!(issuer.requests(endpoint), 1);
    }
    assert_eq!(issuer.requests(Endpoint::Jwks), 2);
}

#[tokio::test]
async fn an_issuer_under_a_path_has_its_well_known_parts_where_the_standards_say() {
    let issuer = FakeIssuer::builder()
        .algorithm(Algorithm::Es256)
        .path("realms/blue/")
        .start()
        .await;
    let origin = format!("http://{}", issuer.address().unwrap());
    assert_eq!(issuer.issuer(), format!("{origin}/realms/blue"));
    for path in [
        "/realms/blue/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server/realms/blue",
    ] {
        let metadata = json_of(get(&format!("{origin}{path}"))).await;
        assert_eq!(metadata["issuer"], issuer.issuer());
        assert_eq!(metadata["jwks_uri"], format!("{origin}/realms/blue/jwks"));
        assert_eq!(
            metadata["token_endpoint"],
            format!("{origin}/realms/blue/token")
        );
    }
}

#[tokio::test]
async fn an_issuer_goes_by_another_name_when_told() {
    let issuer = FakeIssuer::builder()
        .algorithm(Algorithm::Es256)
        .known_as("https://login.example.com/")
        .audience("orders")
        .lifetime(Duration::from_secs(60))
        .start()
        .await;
    let metadata = json_of(get(&issuer.url_of(Endpoint::OpenIdConfiguration))).await;
    assert_eq!(metadata["issuer"], "https://login.example.com/");
    let claims = forge::claims(&issuer.token().issue());
    assert_eq!(claims["iss"], "https://login.example.com/");
    assert_eq!(claims["aud"], "orders");
    let lifetime = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
    assert_eq!(lifetime, 60);
}

#[tokio::test]
async fn the_default_issuer_signs_rs256_with_a_published_key() {
    let issuer = FakeIssuer::start().await;
    let token = issuer.token().subject("alice").issue();
    assert_eq!(forge::header(&token)["alg"], "RS256");
    let set = key_set(&issuer).await;
    assert_eq!(set["keys"][0]["kid"], forge::header(&token)["kid"]);
    assert_eq!(set["keys"][0]["kty"], "RSA");
    assert_eq!(forge::claims(&token)["aud"], issuer.audience());
}

#[tokio::test]
async fn an_unknown_path_is_404_and_a_wrong_method_405() {
    let issuer = issuer().await;
    let nowhere = send(get(&format!("{}/nowhere", issuer.url())))
        .await
        .unwrap();
    assert_eq!(nowhere.status(), 404);
    assert_eq!(issuer.requests(Endpoint::Other), 1);
    let wrong = send(post(&issuer.jwks_url(), "")).await.unwrap();
    assert_eq!(wrong.status(), 405);
    assert_eq!(wrong.headers()[ALLOW], "GET, HEAD");
    let wrong = send(get(&issuer.url_of(Endpoint::Token))).await.unwrap();
    assert_eq!(wrong.headers()[ALLOW], "POST");
}
