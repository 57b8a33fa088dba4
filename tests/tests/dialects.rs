//! How real providers write their claims, through the verifier and the layer.
#![allow(clippy::unwrap_used, reason = "in a test it is an assertion")]

use portcullis_auth::{AuthLayer, Issuer, JwtVerifier, Reason};
use portcullis_core::{Clock as _, Identity};
use portcullis_testing::{AUDIENCE, ISSUER, SigningKey, TestClock, TokenBuilder};
use portcullis_tests::api::{ask, bearer, fixed, trusting};
use serde_json::{Value, json};

const TENANT: &str = "8a6c1f2e-5b3d-4e7f-9012-3456789abcde";

struct Provider {
    clock: TestClock,
    key: SigningKey,
    layer: AuthLayer<JwtVerifier<TestClock>>,
}

impl Provider {
    fn new(rules: impl FnOnce(Issuer<TestClock>) -> Issuer<TestClock>) -> Self {
        Self::named(ISSUER, rules)
    }

    fn named(name: &str, rules: impl FnOnce(Issuer<TestClock>) -> Issuer<TestClock>) -> Self {
        let (clock, key) = (TestClock::new(), SigningKey::es256());
        let issuer = rules(Issuer::new(name, fixed(&[&key])));
        let layer = trusting(&clock, [issuer]);
        Self { clock, key, layer }
    }

    /// A token with these claims beside the times and `jti`; an issuer and an audience unless named.
    fn token(&self, claims: &Value) -> String {
        let mut token = TokenBuilder::at(self.clock.wall())
            .typ("JWT")
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .without("client_id");
        for (name, value) in claims.as_object().unwrap() {
            token = match value {
                Value::Null => token.without(name),
                value => token.claim(name, value),
            };
        }
        token.sign(&self.key)
    }

    async fn admits(&self, claims: Value) -> Identity {
        let token = self.token(&claims);
        let first = ask(&self.layer, bearer(&token)).await.caller().clone();
        // What is cached is the same.
        let again = ask(&self.layer, bearer(&token)).await.caller().clone();
        assert_eq!(first.scopes(), again.scopes());
        assert!(first.roles().eq(again.roles()));
        assert_eq!(first.client(), again.client());
        first
    }

    async fn refuses(&self, claims: Value, reason: Reason) {
        let token = self.token(&claims);
        ask(&self.layer, bearer(&token)).await.assert_bad(reason);
    }
}

fn scoped(issuer: Issuer<TestClock>) -> Issuer<TestClock> {
    issuer.audience(AUDIENCE).scope_required()
}

// === scopes ===

#[tokio::test]
async fn scopes_are_read_from_either_claim_as_text_or_as_a_list() {
    let provider = Provider::new(scoped);
    for claims in [
        json!({ "scope": "orders:read orders:write" }),
        json!({ "scope": ["orders:read", "orders:write"] }),
        json!({ "scp": "orders:read orders:write" }),
        json!({ "scp": ["orders:read", "orders:write"] }),
        json!({ "scope": "", "scp": ["orders:read", "orders:write"] }),
        json!({ "scope": [], "scp": "orders:read orders:write" }),
    ] {
        let caller = provider.admits(claims.clone()).await;
        assert_eq!(caller.scopes().as_str(), "orders:read orders:write");
        assert!(caller.has_scope("orders:write"), "{claims}");
        assert!(!caller.has_scope("orders"), "{claims}");
    }
}

#[tokio::test]
async fn scope_wins_over_scp() {
    let provider = Provider::new(scoped);
    let both = json!({ "scope": "orders:read", "scp": "orders:write" });
    let caller = provider.admits(both).await;
    assert_eq!(caller.scopes().as_str(), "orders:read");
}

#[tokio::test]
async fn a_token_that_grants_nothing_is_no_access_token_where_scopes_are_required() {
    let provider = Provider::new(scoped);
    for claims in [
        json!({}),
        json!({ "scope": "" }),
        json!({ "scp": [] }),
        // Roles count only where it is said where they are.
        json!({ "roles": ["editor"] }),
    ] {
        provider.refuses(claims, Reason::TokenType).await;
    }
}

#[tokio::test]
async fn a_scope_in_a_list_cannot_smuggle_in_a_second_one() {
    let provider = Provider::new(scoped);
    let claims = json!({ "scp": ["orders:read admin"] });
    provider.refuses(claims, Reason::MalformedClaim).await;
    let claims = json!({ "scp": [["admin"]] });
    provider.refuses(claims, Reason::MalformedClaim).await;
    let claims = json!({ "scope": 7 });
    provider.refuses(claims, Reason::MalformedClaim).await;
}

// === roles ===

async fn roles(path: &str, claims: Value) -> Vec<String> {
    let provider = Provider::new(|issuer| scoped(issuer).roles_at(path));
    let caller = provider.admits(claims).await;
    caller.roles().map(str::to_owned).collect()
}

#[tokio::test]
async fn keycloak_has_roles_in_an_object() {
    let claims = json!({
        "realm_access": { "roles": ["offline_access", "editor"] },
        "resource_access": { "account": { "roles": ["manage-account"] } },
    });
    let found = roles("realm_access.roles", claims.clone()).await;
    assert_eq!(found, ["offline_access", "editor"]);
    let found = roles("resource_access.account.roles", claims).await;
    assert_eq!(found, ["manage-account"]);
}

#[tokio::test]
async fn auth0_has_roles_in_a_claim_whose_name_is_a_url() {
    let claims = json!({ "https://shop.example.com/roles": ["editor"] });
    let found = roles("\"https://shop.example.com/roles\"", claims.clone()).await;
    assert_eq!(found, ["editor"]);

    // Without quotes the dots part names, and nothing is there.
    let provider =
        Provider::new(|issuer| scoped(issuer).roles_at("https://shop.example.com/roles"));
    provider.refuses(claims, Reason::TokenType).await;
}

#[tokio::test]
async fn entra_has_roles_at_the_top() {
    let claims = json!({ "roles": ["Orders.Read", "Orders.Write"] });
    let found = roles("roles", claims).await;
    assert_eq!(found, ["Orders.Read", "Orders.Write"]);
}

#[tokio::test]
async fn roles_of_several_paths_are_put_together() {
    let provider = Provider::new(|issuer| {
        scoped(issuer)
            .roles_at("realm_access.roles")
            .roles_at("resource_access.orders.roles")
    });
    let claims = json!({
        "realm_access": { "roles": ["editor"] },
        "resource_access": {
            "orders": { "roles": ["clerk"] },
            "other": { "roles": ["admin"] },
        },
    });
    let caller = provider.admits(claims).await;
    assert!(caller.roles().eq(["editor", "clerk"]));
}

// === names of one issuer ===

/// The names that Entra gives one tenant in tokens of version 1 and 2.
fn entra() -> [String; 2] {
    [
        format!("https://sts.windows.net/{TENANT}/"),
        format!("https://login.microsoftonline.com/{TENANT}/v2.0"),
    ]
}

fn both_versions() -> Provider {
    let [first, second] = entra();
    Provider::named(&second, |issuer| {
        issuer
            .also_known_as(first)
            .audience("api://orders")
            .audience("11111111-2222-3333-4444-555555555555")
            .scope_required()
    })
}

#[tokio::test]
async fn an_issuer_is_accepted_by_each_of_its_names() {
    let provider = both_versions();
    let [first, second] = entra();
    let v1 = json!({
        "iss": first, "aud": "api://orders", "ver": "1.0", "appid": "mobile",
        "scp": "Orders.Read",
    });
    let v2 = json!({
        "iss": second, "aud": "11111111-2222-3333-4444-555555555555", "ver": "2.0",
        "azp": "mobile", "scp": "Orders.Read",
    });
    for claims in [v1, v2] {
        let caller = provider.admits(claims).await;
        // One issuer, whichever name the token has: subjects are told apart by it.
        assert_eq!(caller.issuer(), second);
        assert_eq!(caller.client(), Some("mobile"));
        assert!(caller.has_scope("Orders.Read"));
    }
}

#[tokio::test]
async fn a_name_that_is_nearly_an_alias_is_not_trusted() {
    let provider = both_versions();
    let [first, second] = entra();
    for near in [
        first.trim_end_matches('/').to_owned(),
        format!("{second}/"),
        second.replace("/v2.0", ""),
        first.to_uppercase(),
        first.replace(TENANT, "8a6c1f2e-5b3d-4e7f-9012-3456789abcdf"),
        first.replace(TENANT, "{tenantid}"),
        format!("{first} {second}"),
    ] {
        let claims = json!({ "iss": near, "aud": "api://orders", "scp": "Orders.Read" });
        provider.refuses(claims, Reason::Issuer).await;
    }
    let list = json!({ "iss": [first], "aud": "api://orders", "scp": "Orders.Read" });
    provider.refuses(list, Reason::MalformedClaim).await;
}

// === clients ===

fn listed(issuer: Issuer<TestClock>) -> Issuer<TestClock> {
    issuer.clients(["mobile", "web"])
}

#[tokio::test]
async fn a_provider_without_audiences_is_judged_by_its_clients() {
    // As Cognito writes its access tokens.
    let provider = Provider::new(listed);
    let access = json!({
        "aud": null, "client_id": "mobile", "token_use": "access", "scope": "orders/read",
    });
    let caller = provider.admits(access).await;
    assert_eq!(caller.client(), Some("mobile"));
    assert!(caller.has_scope("orders/read"));

    let stranger = json!({ "aud": null, "client_id": "other", "scope": "orders/read" });
    provider.refuses(stranger, Reason::Client).await;
    let nobody = json!({ "aud": null, "scope": "orders/read" });
    provider.refuses(nobody, Reason::Client).await;
}

#[tokio::test]
async fn an_id_token_of_a_provider_without_audiences_is_refused() {
    // Its audience is the client: nobody here.
    let provider = Provider::new(listed);
    for client in [Value::Null, json!("mobile")] {
        let id_token = json!({ "aud": "mobile", "client_id": client, "token_use": "id" });
        provider.refuses(id_token, Reason::Audience).await;
    }
    for hash in ["at_hash", "c_hash"] {
        let id_token = json!({ "aud": null, "client_id": "mobile", hash: "x" });
        provider.refuses(id_token, Reason::TokenType).await;
    }
    // Where scopes are required, what grants none is refused however it is written.
    let provider = Provider::new(|issuer| listed(issuer).scope_required());
    let bare = json!({ "aud": null, "client_id": "mobile", "token_use": "id" });
    provider.refuses(bare, Reason::TokenType).await;
}

#[tokio::test]
async fn a_token_without_audience_is_refused_where_one_is_configured() {
    let provider = Provider::new(|issuer| listed(issuer).audience(AUDIENCE));
    let claims = json!({ "aud": null, "client_id": "mobile" });
    provider.refuses(claims, Reason::Audience).await;
    provider.admits(json!({ "client_id": "mobile" })).await;
}

#[tokio::test]
async fn the_client_is_read_by_each_of_its_names() {
    let provider = Provider::new(listed);
    for name in ["client_id", "azp", "appid", "cid"] {
        let claims = |client: &str| json!({ "aud": null, name: client });
        let caller = provider.admits(claims("web")).await;
        assert_eq!(caller.client(), Some("web"), "{name}");
        for other in ["other", "Web", "web ", ""] {
            provider.refuses(claims(other), Reason::Client).await;
        }
    }
}

#[tokio::test]
async fn the_first_name_of_a_client_decides() {
    let provider = Provider::new(listed);
    let names = ["client_id", "azp", "appid", "cid"];
    for (position, first) in names.iter().enumerate() {
        for second in &names[position + 1..] {
            let claims = json!({ "aud": null, *first: "web", *second: "other" });
            let caller = provider.admits(claims).await;
            assert_eq!(caller.client(), Some("web"));
            let claims = json!({ "aud": null, *first: "other", *second: "web" });
            provider.refuses(claims, Reason::Client).await;
        }
    }
}
