//! `[revocation.rfc7009]` and `[revocation.backchannel]`

use std::path::Path;

use portcullis_core::{Problems, Secret};
use portcullis_revocation::feeds::{Client, Clients};
use toml::Table;

use super::section::{Draft, Part, Section};
use super::{Revocation, Route, RoutePath, SecretSource, Server};

/// Where clients revoke their own tokens (RFC 7009).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TokenRevocation {
    /// `path`: where, on the public address.
    pub path: RoutePath,
    /// `client`: who may. Never empty.
    pub clients: Vec<RevokingClient>,
}

/// A client that may revoke its own tokens.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RevokingClient {
    /// `issuer`: that of its tokens.
    pub issuer: String,
    /// `id`: its name there.
    pub id: String,
    /// `secret`: what it proves that with.
    pub secret: SecretSource,
    /// `next_secret`: the next one, while it changes.
    pub next_secret: Option<SecretSource>,
}

/// Where identity providers tell of logouts (OpenID Connect Back-Channel Logout 1.0).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BackchannelLogout {
    /// `path`: where, on the public address.
    pub path: RoutePath,
    /// `clients`: the client ids of the applications here: one must be in the `aud` of a logout token.
    pub clients: Vec<String>,
    /// `always_subject`: whether a logout ends all that its subject has, although it names a session.
    pub always_subject: bool,
    /// `untyped`: whether logout tokens need not say that they are.
    pub untyped: bool,
}

/// The largest secret of a client.
pub(crate) const MOST_CLIENT_SECRET: u64 = 4 << 10;

// === impl TokenRevocation ===

impl TokenRevocation {
    pub(super) fn read(table: Table, folder: Option<&Path>) -> Draft<Self> {
        let mut section = Section::new(table);
        let path = path(&mut section);
        let mut clients = Vec::new();
        let tables = section.tables("client");
        if tables.is_empty() && !section.noted("client") {
            section.wrong("client", "is missing", "add [[revocation.rfc7009.client]]");
        }
        for (index, table) in tables.into_iter().enumerate() {
            let Some(table) = table else { continue };
            let draft = RevokingClient::read(table, folder);
            clients.extend(section.adopt(&format!("client[{index}]"), draft).value);
        }
        // What is wrong between them, whatever their secrets are.
        let known = clients.iter().map(|client| {
            let any = Secret::from("judged elsewhere");
            Client::new(&client.issuer, &client.id, any)
        });
        section.absorb("", Clients::new(known));
        section.draft(path.map(|path| Self { path, clients }))
    }
}

impl RevokingClient {
    fn read(table: Table, folder: Option<&Path>) -> Draft<Self> {
        let mut section = Section::new(table);
        let issuer = section.required("issuer", Section::text);
        let id = section.required("id", Section::text);
        let secret = section.required("secret", |section, key| {
            SecretSource::take(section, key, folder)
        });
        let next_secret = SecretSource::take(&mut section, "next_secret", folder);
        for (key, source) in [("secret", &secret), ("next_secret", &next_secret)] {
            if let Some(source) = source {
                section.absorb(key, source.read(MOST_CLIENT_SECRET));
            }
        }
        let client = issuer.zip(id).zip(secret);
        section.draft(client.map(|((issuer, id), secret)| Self {
            issuer,
            id,
            secret,
            next_secret,
        }))
    }

    /// Where its secrets are.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &SecretSource> {
        [&self.secret].into_iter().chain(&self.next_secret)
    }
}

// === impl BackchannelLogout ===

impl BackchannelLogout {
    pub(super) fn read(table: Table) -> Draft<Self> {
        let mut section = Section::new(table);
        let path = path(&mut section);
        let clients = section
            .required("clients", Section::texts)
            .unwrap_or_default();
        if clients.is_empty() && !section.noted("clients") {
            let remedy = "name the client ids of the applications here";
            section.wrong("clients", "is empty", remedy);
        }
        let always_subject = section.flag("always_subject").unwrap_or(false);
        let untyped = section.flag("untyped").unwrap_or(false);
        section.draft(path.map(|path| Self {
            path,
            clients,
            always_subject,
            untyped,
        }))
    }
}

fn path(section: &mut Section) -> Option<RoutePath> {
    let path = section.required("path", Section::text)?;
    super::route::check_path(&path, section);
    Some(RoutePath::from(&*path))
}

/// What must be right between feeds, routes and issuers.
pub(super) fn across(
    revocation: Option<&Revocation>,
    server: &Server,
    routes: &[Part<Route>],
    issuers: &[String],
    problems: &mut Problems,
) {
    let Some(revocation) = revocation else { return };
    let rfc7009 = revocation.rfc7009.as_ref();
    let backchannel = revocation.backchannel.as_ref();
    let tokens = rfc7009.map(|feed| ("revocation.rfc7009", &feed.path));
    let logouts = backchannel.map(|feed| ("revocation.backchannel", &feed.path));
    for (name, path) in tokens.into_iter().chain(logouts) {
        if server.listen.is_none() {
            let remedy = "set server.listen, or remove it";
            problems.push(name, "is stated without a public address", remedy);
        }
        if issuers.is_empty() {
            problems.push(
                name,
                "is stated, and no issuer is trusted",
                "add [[issuer]]",
            );
        }
        let of_route = |route: &Part<Route>| {
            let route = route.value.as_ref();
            route.is_some_and(|route| route.path == *path)
        };
        if let Some(index) = routes.iter().position(of_route) {
            problems.push(
                format!("{name}.path"),
                format!("is that of route[{index}] too"),
                "choose another one",
            );
        }
    }
    if let (Some((_, tokens)), Some((name, logouts))) = (tokens, logouts)
        && tokens == logouts
    {
        let message = "is that of revocation.rfc7009 too";
        problems.push(format!("{name}.path"), message, "choose another one");
    }
    for (index, client) in rfc7009
        .iter()
        .flat_map(|feed| feed.clients.iter().enumerate())
    {
        if !issuers.is_empty() && !issuers.contains(&client.issuer) {
            problems.push(
                format!("revocation.rfc7009.client[{index}].issuer"),
                "is trusted nowhere",
                "name the url of an [[issuer]]",
            );
        }
    }
}
