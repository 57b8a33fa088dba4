//! What may happen to a file.

use std::fs;

use super::{Followed, SERVER, all_to};
use crate::stand::Upstream;

#[tokio::test]
async fn a_bad_file_changes_nothing_and_says_so() {
    let upstream = Upstream::start().await;
    let good = all_to(&upstream.url());
    let gateway = Followed::start(&good).await;
    for (bad, said) in [
        ("[server", "is not TOML"),
        ("", "server: is missing"),
        (
            &*good.replace("auth =", "auht ="),
            "route[0].auht: is not known here",
        ),
        (
            &*good.replace("http://", "gopher://"),
            "route[0].upstream[0]: ",
        ),
    ] {
        gateway.write(bad);
        gateway
            .until(said, |ready| {
                ready["config"]["last_error"].to_string().contains(said)
            })
            .await;
        assert_eq!(gateway.get("/x").await.status, 200);
        let ready = gateway.ready().await;
        assert_eq!(ready["status"], "degraded");
        assert_eq!(ready["config"]["generation"], 1);
    }
    gateway.write(&good);
    gateway.until_after(1).await;
    let ready = gateway.ready().await;
    assert_eq!(ready["status"], "ready");
    assert!(ready["config"].get("last_error").is_none());
}

#[tokio::test]
async fn what_needs_a_restart_is_refused_and_named() {
    let upstream = Upstream::start().await;
    let good = all_to(&upstream.url());
    let gateway = Followed::start(&good).await;
    gateway.write(&good.replace("listen = \"127.0.0.1:0\"", "listen = \"127.0.0.1:1\""));
    let refused = gateway.until_refused().await;
    assert!(
        refused.contains(
            "server.listen: was 127.0.0.1:0 when the gateway started; set it back, or restart"
        ),
        "{refused}"
    );
    assert_eq!(gateway.get("/x").await.status, 200);
}

#[tokio::test]
async fn a_file_that_goes_away_is_kept_in_mind_until_it_is_back() {
    let (one, two) = (Upstream::start().await, Upstream::start().await);
    let gateway = Followed::start(&all_to(&one.url())).await;
    fs::remove_file(gateway.path("gateway.toml")).unwrap();
    assert!(gateway.until_refused().await.contains("cannot be read"));
    assert_eq!(gateway.get("/x").await.status, 200);
    // A folder in its place is no file either.
    fs::create_dir(gateway.path("gateway.toml")).unwrap();
    gateway
        .until("no regular file", |ready| {
            ready["config"]["last_error"]
                .to_string()
                .contains("no regular file")
        })
        .await;
    fs::remove_dir(gateway.path("gateway.toml")).unwrap();
    gateway.write(&all_to(&two.url()));
    gateway.until_after(1).await;
    assert_eq!(gateway.get("/x").await.status, 200);
    assert_eq!((one.calls(), two.calls()), (1, 1));
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_swapped_as_kubernetes_does_is_noticed() {
    use std::os::unix::fs::symlink;
    let (one, two) = (Upstream::start().await, Upstream::start().await);
    let gateway = Followed::start(&all_to(&one.url())).await;
    // gateway.toml -> ..data/gateway.toml, ..data -> ..1
    let volume = |version: &str, config: &str| {
        fs::create_dir(gateway.path(version)).unwrap();
        fs::write(gateway.path(version).join("gateway.toml"), config).unwrap();
        symlink(version, gateway.path("..tmp")).unwrap();
        fs::rename(gateway.path("..tmp"), gateway.path("..data")).unwrap();
    };
    volume("..1", &all_to(&one.url()));
    fs::remove_file(gateway.path("gateway.toml")).unwrap();
    symlink("..data/gateway.toml", gateway.path("gateway.toml")).unwrap();
    volume("..2", &all_to(&two.url()));
    fs::remove_dir_all(gateway.path("..1")).unwrap();
    gateway.until_after(1).await;
    assert_eq!(gateway.get("/x").await.status, 200);
    assert_eq!((one.calls(), two.calls()), (0, 1));
}

#[tokio::test]
async fn without_watch_a_change_waits_until_it_is_asked_for() {
    let (one, two) = (Upstream::start().await, Upstream::start().await);
    let quiet = |upstream: &Upstream| {
        all_to(&upstream.url()).replace(SERVER, &format!("{SERVER}watch = false\n"))
    };
    let gateway = Followed::start(&quiet(&one)).await;
    gateway.write(&quiet(&two));
    // Far more looks than a change would need.
    tokio::time::timeout(40 * super::LOOK_EVERY, gateway.until_after(1))
        .await
        .unwrap_err();
    assert_eq!(gateway.get("/x").await.status, 200);
    assert_eq!((one.calls(), two.calls()), (1, 0));
    gateway.gateway.take_file();
    gateway.until_after(1).await;
    assert_eq!(gateway.get("/x").await.status, 200);
    assert_eq!((one.calls(), two.calls()), (1, 1));
}
