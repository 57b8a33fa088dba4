//! From the text of a file to a configuration.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use portcullis_core::{ConfigError, Problems};
use toml::Table;

use super::section::Section;
use super::{Config, Issuer, Route, RouteAuth, Server};

/// The largest file read.
const MOST_BYTES: u64 = 1 << 20;

// === impl Config ===

impl Config {
    /// Reads a file. Relative paths in it are relative to its folder.
    ///
    /// # Errors
    /// Every problem of the file, or that it cannot be read.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let unreadable = |message: String| {
            ConfigError::new(path.display().to_string(), message, "name a readable file")
        };
        let size = fs::metadata(path)
            .map_err(|error| unreadable(format!("cannot be read: {error}")))?
            .len();
        if size > MOST_BYTES {
            return Err(unreadable(format!("has {size} bytes, more than 1 MiB")));
        }
        let text = fs::read_to_string(path)
            .map_err(|error| unreadable(format!("cannot be read: {error}")))?;
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

        let server = match root.table("server") {
            Some(table) => root.absorb("server", Server::read(table)),
            None => {
                root.wrong("server", "is missing", "add [server] with listen");
                None
            }
        };
        let issuers = each(&mut root, "issuer", |table| Issuer::read(table, folder));
        let routes = each(&mut root, "route", Route::read);

        let mut problems = root.finish();
        check_issuers(&issuers, &mut problems);
        check_routes(&routes, issuers.is_empty(), &mut problems);
        let server = server.unwrap_or_else(Server::placeholder);
        check_addresses(&server, &routes, &mut problems);
        problems.into_result(Self {
            server,
            issuers: issuers.into_iter().flatten().collect(),
            routes: routes.into_iter().flatten().collect(),
        })
    }
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

fn check_issuers(issuers: &[Option<Issuer>], problems: &mut Problems) {
    for (index, issuer) in issuers.iter().enumerate() {
        let Some(issuer) = issuer else { continue };
        let same = |other: &Option<Issuer>| other.as_ref().is_some_and(|o| o.url == issuer.url);
        if let Some(first) = issuers[..index].iter().position(same) {
            problems.push(
                format!("issuer[{index}].url"),
                format!("is that of issuer[{first}] too"),
                "merge the two: a token is judged by the rules of one",
            );
        }
    }
}

fn check_routes(routes: &[Option<Route>], no_issuer: bool, problems: &mut Problems) {
    if routes.is_empty() {
        problems.push(
            "route",
            "is missing",
            "add [[route]] with path and upstream",
        );
    }
    let tokens = |route: &&Route| route.auth != RouteAuth::None;
    if no_issuer && routes.iter().flatten().any(|route| tokens(&route)) {
        problems.push(
            "issuer",
            "is missing, and there are routes that look at tokens",
            "add [[issuer]], or say auth = \"none\" on every route",
        );
    }
    for (index, route) in routes.iter().enumerate() {
        let Some(route) = route else { continue };
        let same = |other: &Option<Route>| other.as_ref().is_some_and(|o| o.path == route.path);
        if let Some(first) = routes[..index].iter().position(same) {
            problems.push(
                format!("route[{index}].path"),
                format!("is that of route[{first}] too"),
                "remove one of the two",
            );
        }
    }
}

fn check_addresses(server: &Server, routes: &[Option<Route>], problems: &mut Problems) {
    if server.listen.port() != 0 && server.admin == Some(server.listen) {
        problems.push(
            "server.admin",
            "is the public address",
            "choose another port: probes are not for the public",
        );
    }
    // A port of zero is a free one, which no upstream can name.
    let public = server.listen.to_string();
    for (index, route) in routes.iter().enumerate() {
        let upstreams = route.iter().flat_map(|route| &route.upstreams);
        for (position, upstream) in upstreams.enumerate() {
            if upstream.as_str().strip_prefix("http://") == Some(&public) {
                problems.push(
                    format!("route[{index}].upstream[{position}]"),
                    "is the gateway itself",
                    "name the service behind it",
                );
            }
        }
    }
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

// === impl Server ===

impl Server {
    fn read(table: Table) -> Result<Self, ConfigError> {
        let mut section = Section::new(table);
        let server = Self {
            listen: section
                .required("listen", Section::address)
                .unwrap_or(NOWHERE),
            admin: section.address("admin"),
            header_timeout: bounded(&mut section, "header_timeout", 10),
            connect_timeout: bounded(&mut section, "connect_timeout", 5),
            shutdown_timeout: bounded(&mut section, "shutdown_timeout", 10),
        };
        section.finish().into_result(server)
    }

    /// Stands for a server with problems, in a configuration that is never given out.
    fn placeholder() -> Self {
        Self {
            listen: NOWHERE,
            admin: None,
            header_timeout: Duration::ZERO,
            connect_timeout: Duration::ZERO,
            shutdown_timeout: Duration::ZERO,
        }
    }
}

const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// A duration that is not zero and at most an hour: nothing is waited for at once, nor for ever.
pub(super) fn bounded(section: &mut Section, key: &'static str, default_seconds: u64) -> Duration {
    let default = Duration::from_secs(default_seconds);
    let Some(duration) = section.duration(key) else {
        return default;
    };
    if duration.is_zero() || duration > Duration::from_secs(3600) {
        section.wrong(key, "is out of range", "choose between 1 ms and 1 h");
    }
    duration
}
