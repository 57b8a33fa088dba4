//! `[store]`

use std::path::Path;
use std::time::Duration;

use portcullis_core::ConfigError;
use toml::Table;

use super::SecretSource;
use super::section::Section;
use crate::revoking;

/// Where nodes keep what all of them must know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Store {
    /// In this process, for no other one.
    #[default]
    Memory,
    /// On a Redis that all nodes share.
    Redis(RedisStore),
}

/// A Redis that all nodes share.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisStore {
    /// `url`: the server, without a password.
    pub url: String,
    /// `username`: the user of its access list; the default user unless set.
    pub username: Option<String>,
    /// `password`: the password of that user.
    pub password: Option<SecretSource>,
    /// `prefix`: what the names of all keys begin with. `portcullis` unless set.
    pub prefix: String,
    /// `replicas`: how many replicas the primary has. Without it a split is not noticed.
    pub replicas: Option<u32>,
    /// `max_lag`: how long a replica in step may not have been heard of. 2 s unless set.
    pub max_lag: Duration,
}

/// The largest password.
pub(crate) const MOST_PASSWORD: u64 = 4 << 10;

/// What only matters on a shared store.
const SHARED: [&str; 5] = ["username", "password", "prefix", "replicas", "max_lag"];

// === impl Store ===

impl Store {
    /// Whether other nodes see it.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        matches!(self, Self::Redis(_))
    }

    /// The name of its kind.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Redis(_) => "redis",
        }
    }

    /// The file of its password, if there is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::Memory => None,
            Self::Redis(redis) => redis.password.as_ref()?.file(),
        }
    }

    pub(super) fn read(table: Table, folder: Option<&Path>) -> Result<Self, ConfigError> {
        let mut section = Section::new(table);
        let url = section.required("url", Section::text);
        if url.as_deref() == Some("memory") {
            for key in SHARED
                .into_iter()
                .filter(|key| section.has(key))
                .collect::<Vec<_>>()
            {
                section.take(key);
                section.wrong(
                    key,
                    "is stated of the memory of this process",
                    "remove it, or name a server: url = \"redis://redis.internal:6379/0\"",
                );
            }
            return section.finish().into_result(Self::Memory);
        }
        let redis = RedisStore {
            url: url.clone().unwrap_or_default(),
            username: section.text("username"),
            password: SecretSource::take(&mut section, "password", folder),
            prefix: section
                .text("prefix")
                .unwrap_or_else(|| "portcullis".to_owned()),
            replicas: replicas(&mut section),
            max_lag: section
                .duration("max_lag")
                .unwrap_or(Duration::from_secs(2)),
        };
        if url.as_deref().is_some_and(has_password) {
            section.wrong(
                "url",
                "holds the password itself",
                "move it to a file and say password = \"FILE\", or password = { env = \"NAME\" }",
            );
        } else if url.is_some() {
            section.absorb("", revoking::store_problems(&redis));
        }
        section.finish().into_result(Self::Redis(redis))
    }
}

fn replicas(section: &mut Section) -> Option<u32> {
    let number = section.integer("replicas")?;
    let replicas = u32::try_from(number).ok();
    if replicas.is_none() {
        section.wrong("replicas", "is out of range", "choose between 0 and 100");
    }
    replicas
}

/// Whether there is something before an `@` that could be one.
fn has_password(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let user = rest.rsplit_once('@').map(|(user, _)| user);
    user.is_some_and(|user| user.contains(':'))
}
