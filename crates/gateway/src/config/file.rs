//! From the text of a file to a configuration.

use std::io;
use std::path::Path;

use portcullis_core::ConfigError;
use toml::Table;

use super::section::{Draft, Part, Section};
use super::{
    CircuitBreaker, Config, Control, Cors, ForwardAuth, Issuer, Log, Revocation, Route, Server,
    Store, Trace, UpstreamTls, across, control, feeds, revocation,
};
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

        let stands_alone = root.has("forward_auth");
        let forward_auth = root.table("forward_auth").map(ForwardAuth::read);
        let forward_auth = forward_auth.and_then(|draft| root.adopt("forward_auth", draft).value);
        let server = root.table("server");
        // Without a public address nothing is forwarded, and then there must be something else.
        let public = |table: &Table| table.contains_key("listen");
        let forwards = !stands_alone || server.as_ref().is_some_and(public);
        let server = match server {
            Some(table) => {
                let draft = Server::read(table, folder, !stands_alone);
                root.adopt("server", draft).value
            }
            None => {
                if !stands_alone && !root.noted("server") {
                    root.wrong("server", "is missing", "add [server] with listen");
                }
                None
            }
        };
        let server = server.unwrap_or_else(Server::unset);
        let log = part(&mut root, "log", Log::read);
        let cors = part(&mut root, "cors", Cors::read);
        let upstream_tls = part(&mut root, "upstream_tls", |table| {
            UpstreamTls::read(table, folder)
        });
        let circuit_breaker = part(&mut root, "circuit_breaker", CircuitBreaker::read);
        let trace = part(&mut root, "trace", |table| Trace::read(table, folder));
        let store = part(&mut root, "store", |table| Store::read(table, folder));
        let stated = root.table("revocation");
        let stated = stated.map(|table| Revocation::read(table, folder));
        let revoked = stated.and_then(|draft| root.adopt("revocation", draft).value);
        let stated = root.table("control");
        let stated = stated.map(|table| Control::read(table, folder));
        let controlled = stated.and_then(|draft| root.adopt("control", draft).value);
        let issuers = each(&mut root, "issuer", |table| Issuer::read(table, folder));
        let routes = each(&mut root, "route", |table| Route::read(table, forwards));

        let mut problems = root.finish();
        across::issuers(&issuers, &mut problems);
        across::routes(&routes, issuers.is_empty(), &mut problems);
        across::addresses(&server, forward_auth.as_ref(), &routes, &mut problems);
        revocation::across(revoked.as_ref(), store.as_ref(), &routes, &mut problems);
        let asked = forward_auth.as_ref().map(|section| section.listen);
        let others = [
            ("public address", server.listen),
            ("address of the probes", server.admin),
            ("address of forward_auth", asked),
        ];
        let no_issuer = issuers.is_empty();
        control::across(
            controlled.as_ref(),
            revoked.as_ref(),
            no_issuer,
            others,
            &mut problems,
        );
        let names = issuers.iter().filter_map(|part| part.value.as_ref());
        let names: Vec<_> = names.map(|issuer| issuer.url.clone()).collect();
        feeds::across(revoked.as_ref(), &server, &routes, &names, &mut problems);
        problems.into_result(Self {
            server,
            log: log.unwrap_or_default(),
            cors,
            forward_auth,
            upstream_tls: upstream_tls.unwrap_or_default(),
            circuit_breaker: circuit_breaker.unwrap_or_default(),
            trace,
            control: controlled,
            store: store.unwrap_or_default(),
            revocation: revoked,
            issuers: issuers.into_iter().filter_map(|part| part.value).collect(),
            routes: routes.into_iter().filter_map(|part| part.value).collect(),
        })
    }
}

/// A section that may be absent.
fn part<T>(
    root: &mut Section,
    key: &'static str,
    read: impl FnOnce(Table) -> Result<T, ConfigError>,
) -> Option<T> {
    let read = root.table(key).map(read)?;
    root.absorb(key, read)
}

/// Reads every table of a list. Positions are kept.
fn each<T>(
    root: &mut Section,
    key: &'static str,
    read: impl Fn(Table) -> Draft<T>,
) -> Vec<Part<T>> {
    let tables = root.tables(key).into_iter().enumerate();
    tables
        .map(|(index, table)| match table {
            Some(table) => root.adopt(&format!("{key}[{index}]"), read(table)),
            None => Part {
                value: None,
                sound: false,
            },
        })
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
