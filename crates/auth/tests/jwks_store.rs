//! A restart during an outage: keys from a file.
#![allow(clippy::unwrap_used, reason = "unwrap in a test is an assertion")]

mod jwks_support;

use std::path::{Path, PathBuf};

use jwks_support::{ALGORITHM, HOUR, MINUTE, Rig, SECOND, settle, unknown, until};
use portcullis_auth::jwks::{Freshness, Jwks, Missing};
use portcullis_core::Clock;
use portcullis_testing::{Mode, TestClock};
use tokio::time::sleep;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("portcullis").join("keys.json")
    }
}

fn start(rig: &mut Rig, file: &Path) -> Jwks<TestClock> {
    rig.builder().with_store(file).build().unwrap()
}

/// A first process that fetched and saved, and is gone.
async fn saved(rig: &mut Rig, folder: &Folder) {
    let jwks = start(rig, &folder.file());
    until(SECOND, || folder.file().exists()).await;
    assert_eq!(jwks.status().store_error, None);
}

#[tokio::test(start_paused = true)]
async fn a_restart_during_an_outage_has_keys() {
    let (mut rig, folder) = (Rig::new(), Folder::new());
    rig.issuer.etag(true);
    saved(&mut rig, &folder).await;
    rig.issuer.mode(Mode::Refuse);
    sleep(2 * HOUR).await;
    let jwks = start(&mut rig, &folder.file());
    // From the first moment, before any fetch.
    let key = rig.issuer.key();
    assert!(jwks.load().find(key.kid(), ALGORITHM).is_ok());
    settle().await;
    let status = jwks.status();
    assert_eq!((status.freshness, status.keys), (Freshness::Stale, 1));
    assert!(status.age.unwrap() >= 2 * HOUR, "its age goes on");
    assert!(matches!(
        jwks.miss_now(&unknown("none")),
        Some(Missing::Outage(_))
    ));
    // With the tag, the issuer says that nothing changed.
    rig.issuer.mode(Mode::Ok);
    until(30 * SECOND, || jwks.status().is_healthy()).await;
    assert_eq!(rig.issuer.not_modified(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_file_is_renewed_with_each_good_fetch() {
    let (mut rig, folder) = (Rig::new(), Folder::new());
    rig.issuer.etag(true);
    let jwks = start(&mut rig, &folder.file());
    until(SECOND, || folder.file().exists()).await;
    let first = std::fs::read_to_string(folder.file()).unwrap();
    sleep(14 * MINUTE).await;
    assert_eq!(rig.issuer.not_modified(), 1, "nothing changed but the time");
    let renewed = || std::fs::read_to_string(folder.file()).unwrap() != first;
    until(SECOND, renewed).await;
    drop(jwks);
    // So a restart long after the first fetch still has keys.
    rig.issuer.mode(Mode::Refuse);
    sleep(24 * HOUR - 10 * MINUTE).await;
    assert!(!start(&mut rig, &folder.file()).load().is_cold());
    sleep(11 * MINUTE).await;
    let old = start(&mut rig, &folder.file());
    assert!(old.load().is_cold(), "but not beyond the hard age");
    assert_eq!(old.status().store_error, Some("too_old"));
}

#[tokio::test(start_paused = true)]
async fn a_clock_before_the_time_of_saving_is_not_believed() {
    let (mut rig, folder) = (Rig::new(), Folder::new());
    saved(&mut rig, &folder).await;
    rig.clock.jump_wall(rig.clock.wall() - HOUR);
    let jwks = start(&mut rig, &folder.file());
    assert!(jwks.load().is_cold());
    assert_eq!(jwks.status().store_error, Some("in_the_future"));
    // It is replaced as soon as there is something better.
    settle().await;
    until(SECOND, || jwks.status().store_error.is_none()).await;
}

#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn a_file_that_anybody_could_have_written_is_not_used() {
    use std::os::unix::fs::PermissionsExt;

    let (mut rig, folder) = (Rig::new(), Folder::new());
    saved(&mut rig, &folder).await;
    let open = std::fs::Permissions::from_mode(0o666);
    std::fs::set_permissions(folder.file(), open).unwrap();
    rig.issuer.mode(Mode::Refuse);
    let jwks = start(&mut rig, &folder.file());
    assert!(jwks.load().is_cold());
    assert_eq!(jwks.status().store_error, Some("mode"));
}

#[tokio::test(start_paused = true)]
async fn a_set_that_cannot_be_saved_is_used_all_the_same() {
    let (mut rig, folder) = (Rig::new(), Folder::new());
    let nowhere = folder.0.path().join("a/b/c/keys.json");
    let jwks = start(&mut rig, &nowhere);
    until(SECOND, || jwks.status().store_error.is_some()).await;
    assert!(jwks.status().is_healthy());
}
