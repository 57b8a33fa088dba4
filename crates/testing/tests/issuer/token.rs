//! The token endpoint.

use super::*;

#[tokio::test]
async fn client_credentials_get_a_token_for_the_client() {
    let issuer = issuer().await;
    let url = issuer.url_of(Endpoint::Token);
    let answer = json_of(post(
        &url,
        "grant_type=client_credentials&client_id=work%20er&client_secret=s&scope=a+b",
    ))
    .await;
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["expires_in"], 300);
    assert_eq!(answer["scope"], "a b");
    let claims = forge::claims(answer["access_token"].as_str().unwrap());
    assert_eq!(claims["sub"], "work er");
    assert_eq!(claims["client_id"], "work er");
    assert_eq!(claims["scope"], "a b");
    assert_eq!(claims["iss"], issuer.issuer());
}

#[tokio::test]
async fn a_registered_client_needs_its_secret_by_header_or_form() {
    let issuer = issuer().await;
    issuer.register_client("worker", "p:ss");
    let url = issuer.url_of(Endpoint::Token);
    let basic = |pair: &str| {
        let mut request = post(&url, "grant_type=client_credentials");
        let value = format!("Basic {}", STANDARD.encode(pair));
        request
            .headers_mut()
            .insert(AUTHORIZATION, value.parse().unwrap());
        send(request)
    };
    assert_eq!(basic("worker:p%3Ass").await.unwrap().status(), 200);
    for wrong in ["worker:nope", "stranger:p%3Ass", "worker"] {
        let refused = basic(wrong).await.unwrap();
        assert_eq!(refused.status(), 401, "{wrong}");
        assert_eq!(refused.headers()[WWW_AUTHENTICATE], "Basic");
        assert_eq!(refused.headers()[CACHE_CONTROL], "no-store");
    }
    let form = "grant_type=client_credentials&client_id=worker&client_secret=p%3Ass";
    assert_eq!(send(post(&url, form)).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_bad_token_request_is_refused_as_rfc_6749_says() {
    let issuer = issuer().await;
    let url = issuer.url_of(Endpoint::Token);
    for (form, status, error) in [
        ("client_id=a&client_secret=b", 400, "invalid_request"),
        (
            "grant_type=password&client_id=a&client_secret=b",
            400,
            "unsupported_grant_type",
        ),
        ("grant_type=client_credentials", 401, "invalid_client"),
        (
            "grant_type=client_credentials&grant_type=x&client_id=a&client_secret=b",
            400,
            "invalid_request",
        ),
        ("grant_type=%ff", 400, "invalid_request"),
    ] {
        let response = send(post(&url, form)).await.unwrap();
        assert_eq!(response.status(), status, "{form}");
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let answer: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(answer["error"], error, "{form}");
    }
    let huge = Request::post(&url)
        .body(Full::from(vec![b'a'; 70 << 10]))
        .unwrap();
    assert_eq!(send(huge).await.unwrap().status(), 413);
}
