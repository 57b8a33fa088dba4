//! A process that restarts while the issuer is down, with the key set that the last one saved.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use portcullis_auth::jwks::{FetchError, Freshness, JwksBuilder, JwksTimes};
use portcullis_testing::{Algorithm, FakeIssuer, Mode, TestClock};
use portcullis_tests::outage::{Events, World, issuer, quick, until};
use tempfile::TempDir;

const SOON: Duration = Duration::from_secs(10);

/// A directory that only we can change, and the file in it.
fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("issuer.json");
    (directory, file)
}

/// A process that runs until its keys are saved. Gives a token that outlives it.
async fn first_process(issuer: &FakeIssuer, file: &Path) -> String {
    let world = World::start(issuer.clone(), |jwks| jwks.with_store(file)).await;
    world.until_healthy(SOON).await;
    let saved = || file.exists().then_some(());
    until("the saved set", SOON, saved).await;
    world.token()
}

/// The next process, while the issuer is down.
async fn next_process(issuer: &FakeIssuer, file: &Path) -> World {
    issuer.mode(Mode::Refuse);
    let configure = |jwks: JwksBuilder| jwks.with_store(file).with_times(quick());
    World::start(issuer.clone(), configure).await
}

/// It did not use the file: cold, it says why, and the token is no worse for it.
async fn assert_not_used(world: &World, token: &str, events: &Events, error: &str) {
    let status = world.jwks.status();
    assert_eq!(status.store_error, Some(error), "{status:?}");
    assert_eq!((status.freshness, status.keys), (Freshness::Cold, 0));
    let told = events.of("portcullis::jwks");
    let told = told
        .iter()
        .find(|line| line.contains("saved keys are not used"));
    let line = told.expect("it is logged");
    assert!(line.contains("WARN") && line.contains(error), "{line}");
    assert!(line.contains(world.issuer.issuer()), "{line}");
    world.caller.get("/api", token).await.assert_unavailable();
    world.issuer.mode(Mode::Ok);
    world.until_healthy(SOON).await;
    assert!(world.caller.get("/api", token).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn known_keys_work_from_the_first_request_on_although_the_issuer_is_down() {
    let (issuer, (_directory, file)) = (issuer().await, place());
    let token = first_process(&issuer, &file).await;
    let world = next_process(&issuer, &file).await;
    let answer = world.caller.get("/api", &token).await;
    assert_eq!(answer.provenance(), Some("fresh"), "{answer:?}");

    world.until_failing(1, SOON).await;
    let answer = world.caller.get("/api", &world.token()).await;
    assert_eq!(answer.provenance(), Some("fresh"), "{answer:?}");
    let status = world.jwks.status();
    assert_eq!((status.keys, status.store_error), (1, None));
    assert_eq!(status.last_error, Some(FetchError::Connect));
    // It is not the whole truth: what is missing may be newer than the file.
    world.issuer.rotate_keeping_old();
    world
        .caller
        .get("/api", &world.token())
        .await
        .assert_unavailable();
    world.issuer.mode(Mode::Ok);
    world.until_healthy(Duration::from_secs(30)).await;
    assert!(world.caller.get("/api", &world.token()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_set_that_the_issuer_replaced_is_replaced_in_the_file() {
    let (issuer, (_directory, file)) = (issuer().await, place());
    let old = first_process(&issuer, &file).await;
    issuer.rotate_and_drop_old();
    let before = fs::read(&file).expect("a file");
    let second = World::start(issuer.clone(), |jwks| jwks.with_store(&file)).await;
    let replaced = || (fs::read(&file).expect("never without a file") != before).then_some(());
    until("the new set in the file", SOON, replaced).await;
    drop(second);
    let third = next_process(&issuer, &file).await;
    assert!(third.caller.get("/api", &third.token()).await.is_ok());
    third.caller.get("/api", &old).await.assert_unavailable();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_hard_age_counts_from_when_the_keys_were_obtained_not_from_the_restart() {
    let hard = JwksTimes::default().hard;
    let minute = Duration::from_secs(60);
    let clock = TestClock::following_tokio();
    let issuer = FakeIssuer::builder()
        .algorithm(Algorithm::Es256)
        .clock(clock.clone())
        .lifetime(2 * hard)
        .start()
        .await;
    let (_directory, file) = place();
    let start = async || {
        let configure = |jwks: JwksBuilder<_>| jwks.with_store(&file);
        World::start_at(issuer.clone(), clock.clone(), configure).await
    };
    let first = start().await;
    first.until_healthy(SOON).await;
    until("the saved set", SOON, || file.exists().then_some(())).await;
    let token = first.token();
    drop(first);
    issuer.mode(Mode::Refuse);

    clock.advance_sync(hard - minute);
    let second = start().await;
    assert_eq!(second.jwks.status().store_error, None);
    let answer = second.caller.get("/api", &token).await;
    assert_eq!(answer.provenance(), Some("fresh"), "{answer:?}");
    // It ages on while it is in use, cached or not.
    clock.advance_sync(2 * minute);
    let status = second.jwks.status();
    assert_eq!(status.freshness, Freshness::Expired, "{status:?}");
    second.caller.get("/api", &token).await.assert_unavailable();
    second
        .caller
        .get("/api", &second.token())
        .await
        .assert_unavailable();
    drop(second);

    let third = start().await;
    let status = third.jwks.status();
    assert_eq!(status.store_error, Some("too_old"), "{status:?}");
    assert_eq!(status.freshness, Freshness::Cold);
    third.caller.get("/api", &token).await.assert_unavailable();
    issuer.mode(Mode::Ok);
    third.until_healthy(SOON).await;
    assert!(third.caller.get("/api", &token).await.is_ok());
}

#[tokio::test]
async fn a_file_that_is_no_key_set_is_ignored_with_an_event() {
    for content in [
        "",
        "garbage",
        "{}",
        r#"{"keys":[]}"#,
        "[1,2,3]",
        "\0\u{1}\u{2}",
    ] {
        let events = Events::listen();
        let (issuer, (_directory, file)) = (issuer().await, place());
        let token = first_process(&issuer, &file).await;
        // Not replaced: its mode stays.
        fs::write(&file, content).expect("a file");
        let world = next_process(&issuer, &file).await;
        assert_not_used(&world, &token, &events, "malformed").await;
    }
}

#[tokio::test]
async fn a_set_that_was_saved_for_another_issuer_is_ignored() {
    let events = Events::listen();
    let (issuer, (_directory, file)) = (issuer().await, place());
    let other = portcullis_tests::outage::issuer().await;
    first_process(&other, &file).await;
    let world = next_process(&issuer, &file).await;
    let token = world.token();
    assert_not_used(&world, &token, &events, "other_source").await;
}

#[tokio::test]
async fn a_set_that_was_cut_short_is_ignored() {
    let events = Events::listen();
    let (issuer, (_directory, file)) = (issuer().await, place());
    let token = first_process(&issuer, &file).await;
    let whole = fs::read(&file).expect("a file");
    fs::write(&file, &whole[..whole.len() / 2]).expect("a file");
    let world = next_process(&issuer, &file).await;
    assert_not_used(&world, &token, &events, "malformed").await;
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("a file").permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn the_file_is_for_us_alone_and_so_is_its_directory() {
        let (issuer, (directory, _)) = (issuer().await, place());
        let file = directory.path().join("made").join("issuer.json");
        first_process(&issuer, &file).await;
        assert_eq!(mode(&file), 0o600);
        assert_eq!(mode(file.parent().expect("a directory")), 0o700);
        let others: Vec<_> = fs::read_dir(file.parent().expect("a directory"))
            .expect("a directory")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        assert_eq!(others, ["issuer.json"], "nothing is left behind");
    }

    #[tokio::test]
    async fn a_file_that_others_may_write_is_refused_with_a_clear_error() {
        for open in [0o620, 0o602, 0o666, 0o777] {
            let events = Events::listen();
            let (issuer, (_directory, file)) = (issuer().await, place());
            let token = first_process(&issuer, &file).await;
            chmod(&file, open);
            let world = next_process(&issuer, &file).await;
            assert_not_used(&world, &token, &events, "mode").await;
            // The next good set takes its place.
            let safe = || (mode(&file) == 0o600).then_some(());
            until("a file of ours", SOON, safe).await;
            let sound = || world.jwks.status().store_error.is_none().then_some(());
            until("the error to be gone", SOON, sound).await;
        }
    }

    #[tokio::test]
    async fn a_file_that_others_may_only_read_is_used() {
        let (issuer, (_directory, file)) = (issuer().await, place());
        let token = first_process(&issuer, &file).await;
        chmod(&file, 0o644);
        let world = next_process(&issuer, &file).await;
        assert!(world.caller.get("/api", &token).await.is_ok());
    }

    #[tokio::test]
    async fn a_directory_that_others_may_write_is_not_read_from() {
        for open in [0o720, 0o702, 0o777] {
            let events = Events::listen();
            let (issuer, (directory, file)) = (issuer().await, place());
            let token = first_process(&issuer, &file).await;
            chmod(directory.path(), open);
            let world = next_process(&issuer, &file).await;
            assert_not_used(&world, &token, &events, "mode").await;
        }
    }

    #[tokio::test]
    async fn a_directory_that_others_may_write_is_not_saved_to() {
        let (issuer, (directory, file)) = (issuer().await, place());
        first_process(&issuer, &file).await;
        let before = fs::read(&file).expect("a file");
        let world = World::start(issuer, |jwks| jwks.with_store(&file)).await;
        world.until_healthy(SOON).await;
        assert_eq!(world.jwks.status().store_error, None);
        chmod(directory.path(), 0o777);
        world.issuer.rotate_keeping_old();
        // The keys are good all the same.
        assert!(world.caller.get("/api", &world.token()).await.is_ok());
        let refused = || world.jwks.status().store_error;
        let (error, _) = until("an attempt to save", SOON, refused).await;
        assert_eq!(error, "mode");
        assert_eq!(fs::read(&file).expect("a file"), before);
        let entries = fs::read_dir(directory.path()).expect("a directory").count();
        assert_eq!(entries, 1, "nothing else is written there");
    }

    #[tokio::test]
    async fn a_link_is_not_followed() {
        let events = Events::listen();
        let (issuer, (directory, file)) = (issuer().await, place());
        let token = first_process(&issuer, &file).await;
        let link = directory.path().join("link.json");
        symlink(&file, &link).expect("a link");
        let world = next_process(&issuer, &link).await;
        assert_not_used(&world, &token, &events, "not_a_file").await;
    }
}
