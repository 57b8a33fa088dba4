use super::*;

fn document(metadata: &ResourceMetadata) -> serde_json::Value {
    serde_json::from_slice(&metadata.prepared.body).unwrap()
}

#[test]
fn the_document_says_what_was_configured_and_nothing_more() {
    let least = ResourceMetadata::new("https://api.example.com").unwrap();
    assert_eq!(
        document(&least),
        serde_json::json!({
            "resource": "https://api.example.com",
            "bearer_methods_supported": ["header"],
        })
    );
    let most = least
        .with_authorization_server("https://idp.example.com/realms/a")
        .and_then(|it| it.with_authorization_server("https://other.example.com/"))
        .and_then(|it| it.with_scopes(["a", "b:c"]))
        .and_then(|it| it.with_documentation("https://docs.example.com/api?v=1#top"))
        .unwrap()
        .with_name("Bücher \"1\"");
    assert_eq!(
        document(&most),
        serde_json::json!({
            "resource": "https://api.example.com",
            "authorization_servers": [
                "https://idp.example.com/realms/a",
                "https://other.example.com/",
            ],
            "scopes_supported": ["a", "b:c"],
            "bearer_methods_supported": ["header"],
            "resource_name": "Bücher \"1\"",
            "resource_documentation": "https://docs.example.com/api?v=1#top",
        })
    );
}

#[test]
fn the_well_known_path_stands_between_host_and_path() {
    for (resource, path, url) in [
        ("https://a.example", "", "https://a.example"),
        ("https://a.example/", "", "https://a.example"),
        ("https://a.example:8443", "", "https://a.example:8443"),
        ("https://a.example/r1", "/r1", "https://a.example"),
        ("https://a.example/r1/", "/r1/", "https://a.example"),
        (
            "http://127.0.0.1:3000/v1/r",
            "/v1/r",
            "http://127.0.0.1:3000",
        ),
    ] {
        let metadata = ResourceMetadata::new(resource).unwrap();
        let path = format!("/.well-known/oauth-protected-resource{path}");
        assert_eq!(metadata.well_known_path(), path, "{resource}");
        assert_eq!(metadata.url(), format!("{url}{path}"), "{resource}");
        assert_eq!(document(&metadata)["resource"], resource);
    }
}

#[test]
fn get_and_head_are_answered_and_nothing_else() {
    let metadata = ResourceMetadata::new("https://api.example.com")
        .unwrap()
        .with_max_age(Duration::from_millis(90_500));
    let length = metadata.prepared.body.len();
    for method in [Method::GET, Method::HEAD] {
        let response = metadata.answer(&method);
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
        assert_eq!(response.headers()[CACHE_CONTROL], "public, max-age=90");
        assert_eq!(response.headers()[CONTENT_LENGTH], length.to_string());
    }
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let response = metadata.answer(&method);
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()[ALLOW], "GET, HEAD");
    }
}

#[test]
fn what_a_client_could_not_trust_is_a_configuration_error() {
    for bad in [
        "",
        "/orders",
        "api.example.com",
        "http://api.example.com",
        "http://localhost.example.com",
        "ftp://api.example.com",
        "https://user@api.example.com",
        "https://api.example.com?x=1",
        "https://api.example.com#x",
        // Spelled in another way than clients will compare it with.
        "https://API.example.com",
        "https://api.example.com:443/x",
        "https://api.example.com/a/../b",
        "https://api.example.com/ü",
    ] {
        assert!(ResourceMetadata::new(bad).is_err(), "{bad}");
    }
    let good = ResourceMetadata::new("https://api.example.com").unwrap();
    for bad in [
        "",
        "idp",
        "http://idp.example.com",
        "https://idp.example.com?x",
    ] {
        assert!(
            good.clone().with_authorization_server(bad).is_err(),
            "{bad}"
        );
    }
    for bad in [
        "docs",
        "mailto:me@example.com",
        "https://me:secret@docs.example.com",
        "https://docs.example.com/#a#b",
        "https://docs.example.com/#a b",
    ] {
        let error = good.clone().with_documentation(bad).unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    let error = good.with_scopes(["a b", "c", ""]).unwrap_err();
    let paths: Vec<_> = error.problems().map(|one| one.path.as_str()).collect();
    assert_eq!(paths, ["scopes_supported[0]", "scopes_supported[2]"]);
}
