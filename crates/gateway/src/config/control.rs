//! `[control]`

use std::net::SocketAddr;
use std::path::Path;

use portcullis_core::{Problems, Scopes};
use toml::Table;

use super::section::{Draft, Section};
use super::{HostPattern, Revocation, SecretSource};

/// Where operators and other services revoke.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Control {
    /// `listen`: an address of its own, for nobody from outside.
    pub listen: SocketAddr,
    /// `scope`: what a token of a trusted issuer must have been granted; tokens do not count without it.
    pub scope: Option<String>,
    /// `key`: a key that works while the issuer is down; none does without it.
    pub key: Option<SecretSource>,
    /// `hosts`: the names under which it is asked, beside addresses and `localhost`.
    pub hosts: Vec<HostPattern>,
}

/// The least key, in bytes: nobody guesses it.
pub(crate) const LEAST_KEY: usize = 32;
/// The largest.
pub(crate) const MOST_KEY: u64 = 4 << 10;

// === impl Control ===

impl Control {
    pub(super) fn read(table: Table, folder: Option<&Path>) -> Draft<Self> {
        let mut section = Section::new(table);
        let listen = section.required("listen", Section::address);
        let scope = section.text("scope");
        if scope
            .as_ref()
            .is_some_and(|scope| Scopes::new([scope.as_str()]).is_err())
        {
            section.wrong(
                "scope",
                "is not a scope",
                "write one scope, without spaces or quotes",
            );
        }
        let stated = section.has("key");
        let key = SecretSource::take(&mut section, "key", folder);
        if let Some(source) = &key {
            let secret = section.absorb("key", source.read(MOST_KEY));
            if secret.is_some_and(|secret| secret.expose().trim_ascii_end().len() < LEAST_KEY) {
                section.wrong(
                    "key",
                    "is shorter than 32 bytes",
                    "make one that nobody guesses",
                );
            }
        }
        if scope.is_none() && !stated {
            section.wrong(
                "scope",
                "is missing, and so is key: nobody may revoke",
                "say which scope a token needs, or name a key, or both",
            );
        }
        let mut hosts = Vec::new();
        for (index, text) in section
            .texts("hosts")
            .unwrap_or_default()
            .iter()
            .enumerate()
        {
            hosts.extend(section.absorb(&format!("hosts[{index}]"), HostPattern::parse(text)));
        }
        section.draft(listen.map(|listen| Self {
            listen,
            scope,
            key,
            hosts,
        }))
    }
}

/// What must be right between this section and others.
pub(super) fn across(
    control: Option<&Control>,
    revocation: Option<&Revocation>,
    no_issuer: bool,
    others: [(&str, Option<SocketAddr>); 3],
    problems: &mut Problems,
) {
    let Some(control) = control else { return };
    if revocation.is_none() {
        let remedy = "add [revocation], or remove it";
        problems.push("control", "is stated, and nothing can be revoked", remedy);
    }
    if no_issuer && control.scope.is_some() {
        let remedy = "add [[issuer]], or say key instead";
        problems.push(
            "control.scope",
            "is of tokens, and no issuer is trusted",
            remedy,
        );
    }
    for (whose, other) in others {
        if other.is_some_and(|other| super::across::meet(control.listen, other)) {
            problems.push(
                "control.listen",
                format!("is the {whose}"),
                "choose another port: what is answered there is not for everybody",
            );
        }
    }
}
