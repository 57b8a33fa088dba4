//! What stands in files, well enough to tell when it changes.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::files;

/// The contents of some files at one time, as digests.
///
/// Contents and not times: a link that is swapped (as Kubernetes swaps the folder of a volume) and a
/// file that is written twice within one tick of the clock are seen all the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Snapshot {
    files: BTreeMap<PathBuf, Content>,
}

/// What stands in one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    /// Length and keyed digest: what stands in it may be a secret, and is not kept.
    Read { length: usize, digest: u64 },
    /// It cannot be read, in this way.
    Unreadable(io::ErrorKind),
}

/// The largest file that is looked at: no file of the configuration may be larger.
pub(super) const MOST_BYTES: u64 = 1 << 20;

/// Keyed anew in each process.
static DIGESTS: LazyLock<RandomState> = LazyLock::new(RandomState::new);

// === impl Snapshot ===

impl Snapshot {
    /// Reads the files. Blocks.
    pub(crate) fn of<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Self {
        let mut snapshot = Self::default();
        for path in paths {
            let path = path.as_ref();
            snapshot.note(path, &files::read(path, MOST_BYTES));
        }
        snapshot
    }

    /// Notes what was read of a file.
    pub(super) fn note(&mut self, path: &Path, read: &io::Result<Vec<u8>>) {
        let content = match read {
            Ok(bytes) => Content::Read {
                length: bytes.len(),
                digest: DIGESTS.hash_one(bytes),
            },
            Err(error) => Content::Unreadable(error.kind()),
        };
        self.files.insert(path.to_owned(), content);
    }

    /// The files, read anew. Blocks.
    pub(super) fn again(&self) -> Self {
        Self::of(self.files.keys())
    }

    /// Whether no file of both stands differently in the two.
    pub(super) fn agrees_with(&self, other: &Self) -> bool {
        self.files.iter().all(|(path, content)| {
            let same = other.files.get(path);
            same.is_none_or(|same| same == content)
        })
    }

    /// Adds the files of another one.
    pub(super) fn with(mut self, other: Self) -> Self {
        self.files.extend(other.files);
        self
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_snapshot_changes_with_what_stands_in_the_files() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        fs::write(&one, "1").unwrap();
        let before = Snapshot::of([&one, &two]);
        assert_eq!(before.again(), before);
        fs::write(&one, "1").unwrap();
        assert_eq!(before.again(), before, "the same was written again");
        fs::write(&one, "2").unwrap();
        assert_ne!(before.again(), before, "another text of the same length");
        fs::write(&one, "1").unwrap();
        fs::write(&two, "").unwrap();
        assert_ne!(before.again(), before, "a file that was not there");
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_swapped_behind_a_link_is_seen() {
        use std::os::unix::fs::symlink;
        // As Kubernetes mounts: file -> ..data/file, ..data -> ..2024, and ..data is swapped by a rename.
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (version, text) in [("..1", "old"), ("..2", "new")] {
            fs::create_dir(at(version)).unwrap();
            fs::write(at(version).join("file"), text).unwrap();
        }
        symlink("..1", at("..data")).unwrap();
        symlink("..data/file", at("file")).unwrap();
        let before = Snapshot::of([at("file")]);
        symlink("..2", at("..tmp")).unwrap();
        fs::rename(at("..tmp"), at("..data")).unwrap();
        assert_ne!(before.again(), before);
    }

    #[test]
    fn two_agree_where_they_speak_of_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        fs::write(&one, "1").unwrap();
        let first = Snapshot::of([&one]);
        let both = first.clone().with(Snapshot::of([&two]));
        assert!(first.agrees_with(&both) && both.agrees_with(&first));
        fs::write(&one, "2").unwrap();
        assert!(!first.again().agrees_with(&both));
        assert!(Snapshot::default().agrees_with(&both));
    }
}
