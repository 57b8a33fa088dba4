use portcullis_testing::SigningKey;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);
const NOW: UnixTime = UnixTime::from_secs(1_900_000_000);

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("private").join("keys.json")
    }

    fn store(&self) -> Store {
        Store::new(
            self.path(),
            "https://id.example",
            "https://id.example/jwks".into(),
            4096,
        )
    }
}

fn unsaved(key: &SigningKey) -> Unsaved {
    let document = portcullis_testing::jwks([key]).to_string();
    Unsaved {
        document: document.into(),
        obtained: NOW,
        memory: Memory {
            endpoint: None,
            validator: Some(Validator {
                url: HttpUrl::parse("https://id.example/jwks").unwrap(),
                etag: HeaderValue::from_static("\"v1\""),
            }),
            stranger: None,
        },
    }
}

fn load(store: &Store, now: UnixTime) -> Result<Option<Saved>, StoreError> {
    store.load(now, HOUR, &JwksOptions::new())
}

#[test]
fn what_is_saved_is_loaded() {
    let (folder, key) = (Folder::new(), SigningKey::es256());
    let store = folder.store();
    assert!(load(&store, NOW).unwrap().is_none(), "no directory yet");
    store.save(&unsaved(&key)).unwrap();
    // Twice: the second replaces the first.
    store.save(&unsaved(&key)).unwrap();
    let saved = load(&store, NOW).unwrap().unwrap();
    assert_eq!(saved.set.obtained(), Some(NOW));
    assert_eq!(saved.set.keys().len(), 1);
    assert_eq!(saved.set.keys()[0].kid(), key.kid());
    assert_eq!(saved.memory.validator.unwrap().etag, "\"v1\"");
    assert_eq!(saved.document, unsaved(&key).document);
    let left: Vec<_> = fs::read_dir(folder.path().parent().unwrap())
        .unwrap()
        .collect();
    assert_eq!(left.len(), 1, "no temporary file stays");
}

#[test]
fn age_is_counted_from_when_the_keys_were_obtained() {
    let folder = Folder::new();
    folder.store().save(&unsaved(&SigningKey::es256())).unwrap();
    for (now, expected) in [
        (NOW, Ok(true)),
        (NOW + HOUR, Ok(true)),
        (NOW + HOUR + Duration::from_secs(1), Err(StoreError::TooOld)),
        (NOW - Duration::from_secs(1), Err(StoreError::InTheFuture)),
    ] {
        let loaded = load(&folder.store(), now).map(|saved| saved.is_some());
        assert_eq!(loaded, expected, "{now:?}");
    }
}

#[test]
fn another_issuer_or_source_has_another_file() {
    let folder = Folder::new();
    folder.store().save(&unsaved(&SigningKey::es256())).unwrap();
    for (issuer, source) in [
        ("https://other.example", "https://id.example/jwks"),
        ("https://id.example", "https://other.example/jwks"),
    ] {
        let other = Store::new(folder.path(), issuer, source.into(), 4096);
        assert_eq!(load(&other, NOW).unwrap_err(), StoreError::OtherSource);
    }
}

#[test]
fn a_broken_file_is_refused() {
    let folder = Folder::new();
    let store = folder.store();
    store.save(&unsaved(&SigningKey::es256())).unwrap();
    let good = fs::read_to_string(folder.path()).unwrap();
    let oct = good.replace("\"EC\"", "\"oct\"");
    let large = format!("{good}{}", " ".repeat(40_000));
    for (text, error) in [
        ("", StoreError::Malformed),
        ("{}", StoreError::Malformed),
        (&good[..good.len() - 1], StoreError::Malformed),
        (&oct, StoreError::Malformed),
        (
            &good.replace("\"version\":1", "\"version\":2"),
            StoreError::OtherSource,
        ),
        (&large, StoreError::TooLarge),
    ] {
        fs::write(folder.path(), text).unwrap();
        assert_eq!(load(&store, NOW).unwrap_err(), error);
    }
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn saved() -> Folder {
        let folder = Folder::new();
        folder.store().save(&unsaved(&SigningKey::es256())).unwrap();
        folder
    }

    #[test]
    fn files_are_ours_alone() {
        let folder = saved();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&folder.path()), 0o600);
        assert_eq!(mode(folder.path().parent().unwrap()), 0o700);
    }

    #[test]
    fn a_file_that_others_may_write_to_is_refused() {
        let folder = saved();
        for (mode, trusted) in [(0o600, true), (0o644, true), (0o660, false), (0o602, false)] {
            set_mode(&folder.path(), mode);
            let loaded = load(&folder.store(), NOW).map(|saved| saved.is_some());
            let expected = if trusted {
                Ok(true)
            } else {
                Err(StoreError::Mode)
            };
            assert_eq!(loaded, expected, "{mode:o}");
        }
    }

    #[test]
    fn a_directory_that_others_may_write_to_is_refused_both_ways() {
        let folder = saved();
        set_mode(folder.path().parent().unwrap(), 0o777);
        assert_eq!(load(&folder.store(), NOW).unwrap_err(), StoreError::Mode);
        let again = folder.store().save(&unsaved(&SigningKey::es256()));
        assert_eq!(again.unwrap_err(), StoreError::Mode);
    }

    #[test]
    fn a_file_of_somebody_else_is_refused() {
        // Only root can give a file away.
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let folder = saved();
        std::os::unix::fs::chown(folder.path(), Some(4711), None).unwrap();
        assert_eq!(load(&folder.store(), NOW).unwrap_err(), StoreError::Owner);
    }

    #[test]
    fn a_link_is_no_file() {
        let folder = saved();
        let elsewhere = folder.0.path().join("elsewhere");
        fs::rename(folder.path(), &elsewhere).unwrap();
        symlink(&elsewhere, folder.path()).unwrap();
        assert_eq!(
            load(&folder.store(), NOW).unwrap_err(),
            StoreError::NotAFile
        );
        // Saving replaces the link, not what it points to.
        let before = fs::read(&elsewhere).unwrap();
        folder.store().save(&unsaved(&SigningKey::es384())).unwrap();
        assert_eq!(fs::read(&elsewhere).unwrap(), before);
        assert!(load(&folder.store(), NOW).unwrap().is_some());
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_an_error_not_a_panic() {
        let folder = Folder::new();
        let deep = folder.0.path().join("a/b/keys.json");
        let store = Store::new(deep, "i", "s".into(), 4096);
        assert_eq!(
            store.save(&unsaved(&SigningKey::es256())).unwrap_err(),
            StoreError::Io
        );
    }
}
