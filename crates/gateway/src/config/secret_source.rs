//! Where a secret comes from.

use std::env;
use std::path::{Path, PathBuf};

use portcullis_core::{ConfigError, Secret};
use toml::Value;

use super::section::Section;
use crate::files;

/// Where a secret comes from: never from the configuration itself, which is copied, shown and kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretSource {
    /// `"tls.key"`: a file.
    File(PathBuf),
    /// `{ env = "NAME" }`: a variable of the environment, as it was when the process started.
    Env(String),
}

// === impl SecretSource ===

impl SecretSource {
    pub(super) fn take(
        section: &mut Section,
        key: &'static str,
        folder: Option<&Path>,
    ) -> Option<Self> {
        match section.take(key)? {
            Value::String(text) if text.contains(['\n', '\r']) || text.contains("-----BEGIN") => {
                section.wrong(
                    key,
                    "holds the secret itself",
                    "move it to a file and name that, or say { env = \"NAME\" }",
                );
                None
            }
            Value::String(file) => Some(Self::File(super::path(folder, &file))),
            Value::Table(table) => {
                let mut inner = Section::new(table);
                let name = inner.required("env", Section::text);
                if name.as_deref().is_some_and(|name| !variable(name)) {
                    inner.wrong(
                        "env",
                        "is no name of a variable",
                        "write a name such as TLS_KEY",
                    );
                }
                let read = inner.finish().into_result(name);
                section.absorb(key, read).flatten().map(Self::Env)
            }
            _ => {
                section.wrong(
                    key,
                    "is no place of a secret",
                    "name a file, or say { env = \"NAME\" }",
                );
                None
            }
        }
    }

    /// The file, if it is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Env(_) => None,
        }
    }

    /// Reads the secret, of at most `most` bytes.
    ///
    /// # Errors
    /// If there is none; its text is never quoted.
    pub(crate) fn read(&self, most: u64) -> Result<Secret, ConfigError> {
        match self {
            Self::File(path) => files::read(path, most).map(Secret::new).map_err(|error| {
                ConfigError::new(
                    "",
                    format!("cannot be read: {error}"),
                    "name a file that this process may read",
                )
            }),
            Self::Env(name) => match env::var(name) {
                Ok(text) if !text.is_empty() => Ok(Secret::new(text.into_bytes())),
                Ok(_) => Err(unset(name, "is empty")),
                Err(env::VarError::NotPresent) => Err(unset(name, "is not set")),
                Err(env::VarError::NotUnicode(_)) => Err(unset(name, "is not text")),
            },
        }
    }
}

fn variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn unset(name: &str, message: &str) -> ConfigError {
    ConfigError::new(
        "env",
        format!("names {name}, which {message}"),
        format!("start the process with {name} in its environment"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(text: &str) -> Result<Option<SecretSource>, ConfigError> {
        let mut section = Section::new(text.parse().unwrap());
        let source = SecretSource::take(&mut section, "key", Some(Path::new("/etc/gateway")));
        section.finish().into_result(source)
    }

    #[test]
    fn a_secret_is_in_a_file_or_in_the_environment() {
        assert_eq!(
            take("key = 'tls.key'").unwrap(),
            Some(SecretSource::File("/etc/gateway/tls.key".into()))
        );
        assert_eq!(
            take("key = { env = 'TLS_KEY' }").unwrap(),
            Some(SecretSource::Env("TLS_KEY".into()))
        );
        for (text, said) in [
            ("key = 1", "key: is no place"),
            ("key = {}", "key.env: is missing"),
            ("key = { env = 1 }", "key.env: is of type"),
            ("key = { env = 'A=B' }", "key.env: is no name"),
            ("key = { env = 'A', x = 1 }", "key.x: is not known"),
            (
                "key = \"-----BEGIN hunter2\"",
                "key: holds the secret itself",
            ),
            (
                "key = \"hunter2\\nhunter2\"",
                "key: holds the secret itself",
            ),
        ] {
            let error = take(text).unwrap_err().to_string();
            assert!(error.starts_with(said), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_variable_that_is_not_set_is_named() {
        let name = "PORTCULLIS_NOBODY_SETS_THIS";
        let error = SecretSource::Env(name.into()).read(10).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("env: names PORTCULLIS_NOBODY"),
            "{error}"
        );
        // Cargo sets this one.
        let set = SecretSource::Env("CARGO_PKG_NAME".into());
        assert_eq!(set.read(10).unwrap().expose(), b"portcullis-gateway");
    }
}
