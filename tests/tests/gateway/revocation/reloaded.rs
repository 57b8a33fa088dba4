//! What a new configuration does to what is revoked.

use portcullis_gateway::Config;

use super::{KEY, Revocable, config};

#[tokio::test]
async fn a_reload_forgets_nothing_and_another_log_needs_a_restart() {
    let stand = Revocable::start().await;
    let token = stand.token("s-1");
    assert_eq!(
        stand
            .post("/revoke", KEY, &stand.session("s-1"))
            .await
            .status,
        200
    );
    let of = |revocation: &str, route: &str| {
        let text = config(
            &stand.issuer,
            &stand.upstream,
            &stand.folder,
            revocation,
            route,
        );
        Config::parse(&text).expect("a configuration")
    };
    let fresher = of(
        "on_stale_revocation = { allow_for = \"5s\" }",
        "freshness = \"1s\"",
    );
    stand.gateway.reload(fresher).await.expect("taken");
    assert_eq!(stand.get(&token).await.status, 401);
    let error = stand
        .gateway
        .reload(of("max_age = \"9s\"", ""))
        .await
        .unwrap_err();
    let paths: Vec<_> = error
        .problems()
        .map(|problem| problem.path.as_str())
        .collect();
    assert_eq!(paths, ["revocation.max_age"]);
    assert_eq!(stand.get(&token).await.status, 401);
}
