//! Files that only we can change.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use super::store::{Failure, StoreError};

#[cfg(unix)]
pub(super) use self::unix::{check_directory, create, create_directory, open};

#[cfg(not(unix))]
pub(super) use self::other::{check_directory, create, create_directory, open};

#[cfg(unix)]
mod unix {
    use std::fs::{DirBuilder, Metadata};
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};

    use super::*;

    /// Opens a file to read. What is checked is what was opened, not what has its name later.
    pub(in super::super) fn open(path: &Path) -> Result<File, Failure> {
        // Not through a link: its target may be anybody's. And a pipe must not keep us waiting.
        if !fs::symlink_metadata(path)?.is_file() {
            return Err(StoreError::NotAFile.into());
        }
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(StoreError::NotAFile.into());
        }
        check(&metadata)?;
        Ok(file)
    }

    pub(in super::super) fn check_directory(path: &Path) -> Result<(), Failure> {
        check(&fs::metadata(path)?)
    }

    fn check(metadata: &Metadata) -> Result<(), Failure> {
        let us = rustix::process::geteuid().as_raw();
        if metadata.uid() != us && metadata.uid() != 0 {
            return Err(StoreError::Owner.into());
        }
        if metadata.mode() & 0o022 != 0 {
            return Err(StoreError::Mode.into());
        }
        Ok(())
    }

    /// Creates a file that only we can read and write. Whatever has its name goes.
    pub(in super::super) fn create(path: &Path) -> io::Result<File> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
    }

    pub(in super::super) fn create_directory(path: &Path) -> Result<(), Failure> {
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error.into()),
            _ => Ok(()),
        }
    }
}

#[cfg(not(unix))]
mod other {
    use super::*;

    pub(in super::super) fn open(path: &Path) -> Result<File, Failure> {
        let file = File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(StoreError::NotAFile.into());
        }
        Ok(file)
    }

    pub(in super::super) fn check_directory(path: &Path) -> Result<(), Failure> {
        fs::metadata(path)?;
        Ok(())
    }

    pub(in super::super) fn create(path: &Path) -> io::Result<File> {
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)
    }

    pub(in super::super) fn create_directory(path: &Path) -> Result<(), Failure> {
        match fs::create_dir(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error.into()),
            _ => Ok(()),
        }
    }
}
