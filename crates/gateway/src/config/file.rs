//! From the text of a file to a configuration.

use std::io;
use std::path::Path;

use portcullis_core::ConfigError;
use toml::Table;

use super::section::Section;
use super::{Config, Cors, ForwardAuth, Issuer, Log, Route, Server, UpstreamTls, across};
use crate::files;

/// The largest file read.
const MOST_BYTES: u64 = 1 << 20;

// === impl Config ===

impl Config {
    /// Reads a file. Relative paths in it are relative to its folder.
    ///
    /// # Errors
    /// Every problem of the file, or that it cannot be read.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::of_file(path, files::read(path, MOST_BYTES))
    }

    /// Takes what was read of a file.
    pub(crate) fn of_file(path: &Path, read: io::Result<Vec<u8>>) -> Result<Self, ConfigError> {
        let wrong = |message: String| {
            ConfigError::new(path.display().to_string(), message, "name a readable file")
        };
        let bytes = read.map_err(|error| wrong(format!("cannot be read: {error}")))?;
        let text = String::from_utf8(bytes).map_err(|_| wrong("is not text".to_owned()))?;
        Self::parse_at(&text, path.parent())
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// Every problem of the text.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        Self::parse_at(text, None)
    }

    fn parse_at(text: &str, folder: Option<&Path>) -> Result<Self, ConfigError> {
        let table: Table = text
            .parse()
            .map_err(|error: toml::de::Error| not_toml(text, &error))?;
        let mut root = Section::new(table);

        let forward_auth = part(&mut root, "forward_auth", ForwardAuth::read);
        let server = match root.table("server") {
            Some(table) => {
                let needed = !forward_auth.stated;
                let forwards = needed || table.contains_key("listen");
                let read = Server::read(table, folder, needed);
                (root.absorb("server", read), forwards)
            }
            None if forward_auth.stated => (Some(Server::unset()), false),
            None => {
                if !root.noted("server") {
                    root.wrong("server", "is missing", "add [server] with listen");
                }
                (None, true)
            }
        };
        let (server, forwards) = server;
        let log = part(&mut root, "log", Log::read);
        let cors = part(&mut root, "cors", Cors::read);
        let upstream_tls = part(&mut root, "upstream_tls", |table| {
            UpstreamTls::read(table, folder)
        });
        let issuers = each(&mut root, "issuer", |table| Issuer::read(table, folder));
        let routes = each(&mut root, "route", |table| Route::read(table, forwards));

        let mut problems = root.finish();
        across::issuers(&issuers, &mut problems);
        across::routes(&routes, issuers.is_empty(), &mut problems);
        // Stands for one with problems, in a configuration that is never given out.
        let server = server.unwrap_or_else(Server::unset);
        across::addresses(&server, forward_auth.value.as_ref(), &routes, &mut problems);
        problems.into_result(Self {
            server,
            log: log.value.unwrap_or_default(),
            cors: cors.value,
            forward_auth: forward_auth.value,
            upstream_tls: upstream_tls.value.unwrap_or_default(),
            issuers: issuers.into_iter().flatten().collect(),
            routes: routes.into_iter().flatten().collect(),
        })
    }
}

/// A section that may be absent.
struct Part<T> {
    stated: bool,
    value: Option<T>,
}

fn part<T>(
    root: &mut Section,
    key: &'static str,
    read: impl FnOnce(Table) -> Result<T, ConfigError>,
) -> Part<T> {
    let stated = root.has(key);
    let read = root.table(key).map(read);
    let value = read.and_then(|read| root.absorb(key, read));
    Part { stated, value }
}

/// Reads every table of a list. What could not be read stays as `None`, so that positions are kept.
fn each<T>(
    root: &mut Section,
    key: &'static str,
    read: impl Fn(Table) -> Result<T, ConfigError>,
) -> Vec<Option<T>> {
    root.tables(key)
        .into_iter()
        .enumerate()
        .map(|(index, table)| root.absorb(&format!("{key}[{index}]"), read(table?)))
        .collect()
}

/// Where the text is not TOML. The line itself is not quoted: it could hold a secret.
fn not_toml(text: &str, error: &toml::de::Error) -> ConfigError {
    let at = error.span().map_or(text.len(), |span| span.start);
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    ConfigError::new(
        format!("line {line}, column {column}"),
        format!("is not TOML: {}", error.message()),
        "repair it, then check again: nothing else was looked at",
    )
}
