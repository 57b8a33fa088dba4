//! Rotating, publishing and caching keys.

use super::*;

#[tokio::test]
async fn a_rotation_keeps_or_drops_the_old_key() {
    let issuer = issuer().await;
    let first = issuer.key();
    let second = issuer.rotate();
    assert_eq!(
        forge::header(&issuer.token().issue())["kid"],
        second.kid().unwrap()
    );
    assert_eq!(key_set(&issuer).await, jwks([&first, &second]));
    let third = issuer.rotate_keeping_old();
    assert_eq!(key_set(&issuer).await, jwks([&first, &second, &third]));
    assert!(issuer.withdraw(first.kid().unwrap()));
    assert!(!issuer.withdraw(first.kid().unwrap()));
    assert_eq!(key_set(&issuer).await, jwks([&second, &third]));
    let fourth = issuer.rotate_and_drop_old();
    assert_eq!(key_set(&issuer).await, jwks([&fourth]));
    assert_eq!(issuer.key().kid(), fourth.kid());
}

#[tokio::test]
async fn a_key_can_be_published_before_it_signs_and_sign_unpublished() {
    let issuer = issuer().await;
    let (first, next) = (issuer.key(), SigningKey::ed25519());
    issuer.publish(&next);
    assert_eq!(forge::header(&issuer.token().issue())["alg"], "ES256");
    issuer.sign_with(&next);
    assert_eq!(forge::header(&issuer.token().issue())["alg"], "EdDSA");
    let secret = SigningKey::es256();
    issuer.sign_with(&secret);
    assert_eq!(key_set(&issuer).await, jwks([&first, &next]));
    issuer.publish_jwk(json!("junk"));
    assert_eq!(key_set(&issuer).await["keys"][2], "junk");
}

#[tokio::test]
async fn an_etag_is_answered_with_304_until_the_set_changes() {
    let issuer = issuer().await;
    let bare = send(get(&issuer.jwks_url())).await.unwrap();
    assert!(!bare.headers().contains_key(ETAG) && !bare.headers().contains_key(CACHE_CONTROL));

    issuer.etag(true);
    issuer.cache_control(Some("public, max-age=600"));
    let first = send(get(&issuer.jwks_url())).await.unwrap();
    assert_eq!(first.headers()[CACHE_CONTROL], "public, max-age=600");
    let tag = first.headers()[ETAG].clone();
    let ask = |tags: &str| {
        let mut request = get(&issuer.jwks_url());
        request
            .headers_mut()
            .insert(IF_NONE_MATCH, tags.parse().unwrap());
        send(request)
    };
    for same in [
        tag.to_str().unwrap().to_owned(),
        format!("\"x\", W/{}", tag.to_str().unwrap()),
        "*".to_owned(),
    ] {
        let response = ask(&same).await.unwrap();
        assert_eq!(response.status(), 304);
        assert_eq!(response.headers()[ETAG], tag);
        assert!(
            response
                .into_body()
                .collect()
                .await
                .unwrap()
                .to_bytes()
                .is_empty()
        );
    }
    assert_eq!(issuer.not_modified(), 3);
    assert_eq!(
        issuer.last_headers(Endpoint::Jwks).unwrap()[IF_NONE_MATCH],
        "*"
    );
    issuer.rotate();
    let changed = ask(tag.to_str().unwrap()).await.unwrap();
    assert_eq!(changed.status(), 200);
    assert_ne!(changed.headers()[ETAG], tag);
    issuer.cache_control(None);
    assert!(
        !send(get(&issuer.jwks_url()))
            .await
            .unwrap()
            .headers()
            .contains_key(CACHE_CONTROL)
    );
}
