//! A configuration with the files it was read from.

use std::path::{Path, PathBuf};

use portcullis_core::ConfigError;

use super::snapshot::{MOST_BYTES, Snapshot};
use crate::{Config, files};

/// A configuration that was read from a file, and what stood in that file and in those it refers to.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    pub(super) path: PathBuf,
    pub(super) config: Config,
    /// Taken before anything of it is used: a change after that is a change that is noticed.
    pub(super) seen: Snapshot,
}

// === impl ConfigFile ===

impl ConfigFile {
    /// Reads a file. Relative paths in it are relative to its folder.
    ///
    /// # Errors
    /// Every problem of the file, or that it cannot be read.
    pub fn load(path: impl Into<PathBuf>) -> Result<Self, ConfigError> {
        let path = path.into();
        let read = files::read(&path, MOST_BYTES);
        let mut seen = Snapshot::default();
        seen.note(&path, &read);
        let config = Config::of_file(&path, read)?;
        let seen = seen.with(Snapshot::of(config.files()));
        Ok(Self { path, config, seen })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it says.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }
}
