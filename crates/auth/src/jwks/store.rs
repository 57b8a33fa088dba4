//! A key set saved to a file, so that a restart during an outage has keys.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use portcullis_core::UnixTime;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::key::{JwksOptions, parse_jwks};
use crate::url::HttpUrl;

use super::KeySet;
use super::fetch::{Memory, Validator};
use super::permissions;
use super::state::Unsaved;

/// The file that holds the last good key set of one issuer.
///
/// | saving | |
/// |---|---|
/// | when | after each good fetch, off the request path |
/// | how | into a new file beside it with mode 0600, then renamed over it |
/// | directory | created with mode 0700 if its parent exists |
///
/// | at the start, the file is ignored if | |
/// |---|---|
/// | it or its directory belongs to somebody else than us or root, or others may write to it | who can change it can sign tokens |
/// | it is no regular file, too large, or not of the expected form | |
/// | it was saved for another issuer or source | |
/// | it is older than the hard age, by the time the keys were obtained | |
/// | it was saved in the future | the clock is wrong, so the age is not known |
///
/// A file that is ignored is a cold start, not an error: it is replaced by the next good set.
/// Ownership and modes are checked on Unix; elsewhere the directory must be protected otherwise.
#[derive(Debug)]
pub(super) struct Store {
    path: PathBuf,
    issuer: Box<str>,
    source: String,
    max_bytes: usize,
}

/// Why a saved set was not used, or a set not saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StoreError {
    Io,
    Owner,
    Mode,
    NotAFile,
    TooLarge,
    Malformed,
    OtherSource,
    TooOld,
    InTheFuture,
}

/// What was saved.
#[derive(Debug)]
pub(super) struct Saved {
    pub(super) set: KeySet,
    pub(super) dropped: usize,
    pub(super) obtained: UnixTime,
    pub(super) memory: Memory,
    pub(super) document: Bytes,
}

#[derive(Serialize, Deserialize)]
struct Form<'a> {
    version: u32,
    issuer: &'a str,
    source: &'a str,
    /// Seconds since 1970, rounded down.
    obtained: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    validator: Option<Tag>,
    #[serde(borrow)]
    jwks: &'a RawValue,
}

#[derive(Serialize, Deserialize)]
struct Tag {
    url: String,
    etag: String,
}

const VERSION: u32 = 1;
/// What a file may have beside its document.
const OVERHEAD: usize = 16 * 1024;

// === impl Store ===

impl Store {
    pub(super) fn new(path: PathBuf, issuer: &str, source: String, max_bytes: usize) -> Self {
        Self {
            path,
            issuer: issuer.into(),
            source,
            max_bytes: max_bytes.saturating_add(OVERHEAD),
        }
    }

    /// Reads the saved set. None if there is no file.
    pub(super) fn load(
        &self,
        now: UnixTime,
        hard_age: Duration,
        options: &JwksOptions,
    ) -> Result<Option<Saved>, StoreError> {
        let bytes = match self.read() {
            Ok(bytes) => bytes,
            Err(Failure::Absent) => return Ok(None),
            Err(Failure::Refused(error)) => return Err(error),
        };
        let form: Form<'_> = serde_json::from_slice(&bytes).map_err(|_| StoreError::Malformed)?;
        if form.version != VERSION || form.issuer != &*self.issuer || form.source != self.source {
            return Err(StoreError::OtherSource);
        }
        let obtained = UnixTime::from_secs(form.obtained);
        if obtained > now {
            return Err(StoreError::InTheFuture);
        }
        if now.since(obtained) > hard_age {
            return Err(StoreError::TooOld);
        }
        let document = form.jwks.get().as_bytes();
        let parsed = parse_jwks(document, options).map_err(|_| StoreError::Malformed)?;
        let set = KeySet::fetched(parsed.keys, obtained).map_err(|_| StoreError::Malformed)?;
        Ok(Some(Saved {
            set,
            dropped: parsed.dropped.len(),
            obtained,
            memory: Memory {
                endpoint: None,
                validator: form.validator.and_then(|tag| {
                    Some(Validator {
                        url: HttpUrl::parse(&tag.url).ok()?,
                        etag: HeaderValue::from_str(&tag.etag).ok()?,
                    })
                }),
                stranger: None,
            },
            document: Bytes::copy_from_slice(document),
        }))
    }

    fn read(&self) -> Result<Vec<u8>, Failure> {
        permissions::check_directory(self.directory()?)?;
        let file = permissions::open(&self.path)?;
        let mut bytes = Vec::new();
        file.take(self.max_bytes as u64 + 1)
            .read_to_end(&mut bytes)?;
        if bytes.len() > self.max_bytes {
            return Err(StoreError::TooLarge.into());
        }
        Ok(bytes)
    }

    pub(super) fn save(&self, unsaved: &Unsaved) -> Result<(), StoreError> {
        let document = std::str::from_utf8(&unsaved.document).map_err(|_| StoreError::Malformed)?;
        let form = Form {
            version: VERSION,
            issuer: &self.issuer,
            source: &self.source,
            obtained: unsaved.obtained.as_secs(),
            validator: unsaved.memory.validator.as_ref().and_then(|held| {
                Some(Tag {
                    url: held.url.to_string(),
                    etag: held.etag.to_str().ok()?.to_owned(),
                })
            }),
            jwks: serde_json::from_str(document).map_err(|_| StoreError::Malformed)?,
        };
        let bytes = serde_json::to_vec(&form).map_err(|_| StoreError::Malformed)?;
        let directory = self.directory().map_err(Failure::on_saving)?;
        permissions::create_directory(directory).map_err(Failure::on_saving)?;
        permissions::check_directory(directory).map_err(Failure::on_saving)?;
        self.replace(directory, &bytes).map_err(|_| StoreError::Io)
    }

    fn replace(&self, directory: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        // One name for each process: a crash leaves one file behind, and the next save reuses it.
        name.push(format!(".{}.tmp", std::process::id()));
        let temporary = directory.join(name);
        let result = write_new(&temporary, bytes).and_then(|()| fs::rename(&temporary, &self.path));
        if result.is_err() {
            // Best effort: the error to report is the first one.
            let _ = fs::remove_file(&temporary);
        }
        result
    }

    fn directory(&self) -> Result<&Path, Failure> {
        match self.path.parent() {
            Some(parent) if parent.as_os_str().is_empty() => Ok(Path::new(".")),
            Some(parent) => Ok(parent),
            None => Err(StoreError::NotAFile.into()),
        }
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file: File = permissions::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Why a file was not read.
#[derive(Debug)]
pub(super) enum Failure {
    Absent,
    Refused(StoreError),
}

impl Failure {
    fn on_saving(self) -> StoreError {
        match self {
            Self::Absent => StoreError::Io,
            Self::Refused(error) => error,
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Absent,
            _ => Self::Refused(StoreError::Io),
        }
    }
}

// === impl Saved ===

impl Saved {
    /// No keys.
    pub(super) fn nothing(now: UnixTime) -> Self {
        Self {
            set: KeySet::cold(),
            dropped: 0,
            obtained: now,
            memory: Memory::default(),
            document: Bytes::new(),
        }
    }
}

// === impl StoreError ===

impl StoreError {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Io => "io",
            Self::Owner => "owner",
            Self::Mode => "mode",
            Self::NotAFile => "not_a_file",
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::OtherSource => "other_source",
            Self::TooOld => "too_old",
            Self::InTheFuture => "in_the_future",
        }
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
