//! What ends a token before it expires, as configured.

use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use portcullis_auth::Revocations;
use portcullis_core::{ConfigError, Problems, Secret, SystemClock};
use portcullis_redis::{RedisConfig, RedisLog, RedisLogBuilder};
use portcullis_revocation::{
    Check, MemoryLog, Moment, Revocation, RevocationBuilder, RevocationLog, Revoker, Secrets,
    TokenFacts,
};

use crate::Config;
use crate::config::{self, MOST_PASSWORD, MOST_SECRET, RedisStore, SecretSource, Store};
use crate::reload::Snapshot;

mod feeds;
mod health;
mod watching;

pub(crate) use feeds::feeds;
pub(crate) use health::RevocationHealth;
pub(crate) use watching::{Watching, degrade};

/// Revocation on this node: one log, one view and one task for all configurations of the process.
///
/// # Clone
/// Clones are handles to the same. The task ends with the last of them.
#[derive(Clone, Debug)]
pub(crate) struct Revoking {
    revocation: Revocation,
    /// Made once: what is asked of it shares what it remembers of a token.
    revocations: Revocations,
    store: &'static str,
    /// The secrets as they were when it began.
    secrets: Snapshot,
}

// === impl Revoking ===

impl Revoking {
    /// Begins to follow the log. That the store cannot be reached is no error: the view is complete when it
    /// can. Blocks, inside a runtime.
    ///
    /// # Errors
    /// Every problem that was not seen in the text.
    pub(crate) fn start(section: &config::Revocation, store: &Store) -> Result<Self, ConfigError> {
        // Read before the secrets are: what changes meanwhile is noticed by the next configuration.
        let stated = files(section, store);
        let snapshot = Snapshot::of(stated);
        let mut problems = Problems::new();
        let secrets = problems.absorb("revocation", secrets(section));
        let log = match store {
            Store::Memory => None,
            Store::Redis(redis) => {
                let log = log(redis).map(|log| log.with_deadline(log_deadline(section)));
                problems.absorb("store", log.and_then(RedisLogBuilder::start))
            }
        };
        problems.check()?;
        let Some(secrets) = secrets else {
            // There was a problem then, and the line before has returned.
            return Err(ConfigError::new(
                "revocation.secret",
                "is missing",
                "name one",
            ));
        };
        let started = match log {
            None => configured(section, secrets, MemoryLog::new()).start(),
            Some(log) => configured(section, secrets, log).start(),
        };
        let mut problems = Problems::new();
        let started = problems.absorb("revocation", started);
        problems.check()?;
        let Some(revocation) = started else {
            return Err(ConfigError::new("revocation", "did not start", "try again"));
        };
        let revocations = Revocations::new(revocation.view()).with_freshness(section.max_age)?;
        Ok(Self {
            revocation,
            revocations,
            store: store.as_str(),
            secrets: snapshot,
        })
    }

    /// Whether it still is what a configuration says. Blocks.
    ///
    /// # Errors
    /// If a secret is not what it was: another one is another log.
    pub(crate) fn still(&self, config: &Config) -> Result<(), ConfigError> {
        let Some(section) = &config.revocation else {
            return Ok(());
        };
        if Snapshot::of(files(section, &config.store)) == self.secrets {
            return Ok(());
        }
        Err(ConfigError::new(
            "revocation",
            "reads a secret or a password that changed since the gateway started",
            "set it back, or restart the gateway",
        ))
    }

    /// What the guard of a route asks: a view, and how old it may be.
    pub(crate) fn revocations(
        &self,
        freshness: Option<Duration>,
    ) -> Result<Revocations, ConfigError> {
        let revocations = self.revocations.clone();
        match freshness {
            None => Ok(revocations),
            Some(freshness) => revocations.with_freshness(freshness),
        }
    }

    /// For whoever revokes.
    pub(crate) fn revoker(&self) -> Revoker {
        self.revocation.revoker()
    }

    /// What is known here of a session: `revoked`, `not_revoked` or `unknown`.
    pub(crate) fn session(&self, issuer: &str, session: &str) -> &'static str {
        let now = Moment::of(&SystemClock);
        let view = self.revocation.view();
        // As a token would be looked at that was issued in it just now.
        let mut facts = TokenFacts::new(issuer);
        facts.session = Some(session);
        facts.issued_at = Some(now.wall);
        facts.expires_at = Some(now.wall + Duration::from_secs(60));
        match view.check(&view.token_ids(&facts), now, self.revocations.freshness()) {
            Check::Clear => "not_revoked",
            Check::Revoked(_) => "revoked",
            _ => "unknown",
        }
    }

    /// How it is going.
    pub(crate) fn health(&self) -> RevocationHealth {
        RevocationHealth::of(self.store, &self.revocation.health())
    }
}

/// The files whose contents must stay.
fn files<'a>(section: &'a config::Revocation, store: &'a Store) -> impl Iterator<Item = &'a Path> {
    section.files().chain(store.file())
}

fn configured(
    section: &config::Revocation,
    secrets: Secrets,
    log: impl RevocationLog,
) -> RevocationBuilder {
    Revocation::builder(secrets, log)
        .with_poll_every(section.poll_every)
        .with_poll_deadline(section.poll_deadline)
        .with_max_age(section.max_age)
        .with_max_token_lifetime(section.max_token_lifetime)
        .with_capacity(section.capacity)
}

/// Less than whoever polls waits, so that it is the link which learns that a server is silent.
fn log_deadline(section: &config::Revocation) -> Duration {
    (section.poll_deadline / 5 * 4).max(Duration::from_millis(1))
}

fn secrets(section: &config::Revocation) -> Result<Secrets, ConfigError> {
    let mut problems = Problems::new();
    let mut read = |key: &str, source: &SecretSource| {
        let secret = source.read(MOST_SECRET).map(without_line_end);
        problems.absorb(key, secret)
    };
    let Some(secret) = &section.secret else {
        // Nobody else sees these ids, and they end with the process.
        return Secrets::new(&fresh()?);
    };
    let current = read("secret", secret);
    let other = section.other_secret.as_ref();
    let other = other.map(|other| read("other_secret", other));
    let ring = match (&current, &other) {
        (None, _) | (_, Some(None)) => None,
        (Some(current), None) => Some(Secrets::new(current)),
        (Some(current), Some(Some(other))) => Some(Secrets::rotating(current, other)),
    };
    let ring = ring.and_then(|ring| problems.absorb("", ring.map_err(|error| named_here(&error))));
    let error = || ConfigError::new("secret", "cannot be used", "name another one");
    problems.into_result(ring)?.ok_or_else(error)
}

/// An editor ends the last line, and a variable has no lines: both are the same secret.
pub(crate) fn without_line_end(secret: Secret) -> Secret {
    let bytes = secret.expose();
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    Secret::new(bytes.strip_suffix(b"\r").unwrap_or(bytes).to_vec())
}

fn fresh() -> Result<Secret, ConfigError> {
    let mut bytes = vec![0; 32];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(Secret::new(bytes)),
        Err(_) => Err(ConfigError::new(
            "secret",
            "is missing, and there is no randomness for one",
            "name one, or give the process a source of randomness",
        )),
    }
}

/// The log on a server, before it is started.
fn log(redis: &RedisStore) -> Result<RedisLogBuilder, ConfigError> {
    let mut problems = Problems::new();
    let config = problems.absorb("", RedisConfig::parse(&redis.url));
    let password = redis.password.as_ref().and_then(|source| {
        let password = source.read(MOST_PASSWORD).map(without_line_end);
        problems.absorb("password", password)
    });
    let config = problems.into_result(config)?;
    let Some(mut config) = config else {
        return Err(ConfigError::new("url", "cannot be read", "name a server"));
    };
    if let Some(username) = &redis.username {
        config = config.with_username(username);
    }
    if let Some(password) = password {
        config = config.with_password(password);
    }
    let mut log = RedisLog::builder(config)
        .with_prefix(&redis.prefix)
        .with_max_lag(redis.max_lag);
    if let Some(replicas) = redis.replicas {
        log = log.with_replicas(replicas);
    }
    Ok(log)
}

/// Everything that is wrong with `[revocation]`, by the names of its keys. Asks nobody.
pub(crate) fn problems(section: &config::Revocation) -> Result<(), ConfigError> {
    judged(|| {
        let mut problems = Problems::new();
        let secrets = problems.absorb("", secrets(section));
        // The rest is judged although a secret is wrong.
        let secrets = secrets.map_or_else(|| Secrets::new(&Secret::new(vec![0; 32])), Ok)?;
        let started = configured(section, secrets, MemoryLog::new()).start();
        problems.absorb("", started.map(|_| ()));
        problems.check()
    })
}

/// Everything that is wrong with `[store]`, likewise.
pub(crate) fn store_problems(redis: &RedisStore) -> Result<(), ConfigError> {
    judged(|| log(redis)?.start().map(|_| ()))
}

/// Where there is no runtime nothing can begin, and everything else is judged.
fn judged(judge: impl FnOnce() -> Result<(), ConfigError> + Send) -> Result<(), ConfigError> {
    let judged = thread::scope(|scope| {
        let judge = thread::Builder::new().spawn_scoped(scope, judge)?;
        judge
            .join()
            .map_err(|_| io::Error::other("the check panicked"))
    });
    let judged = judged.unwrap_or_else(|error| {
        let message = format!("cannot be checked: {error}");
        Err(ConfigError::new("check", message, "check again"))
    });
    let Err(error) = judged else { return Ok(()) };
    let mut problems = Problems::new();
    for problem in error.problems().filter(|problem| !problem.path.is_empty()) {
        let path = problem.path.trim_start_matches("redis.");
        problems.push(path, &problem.message, &problem.remedy);
    }
    problems.check()
}

/// The same problems, by the names of the keys in the file.
fn named_here(error: &ConfigError) -> ConfigError {
    let mut problems = Problems::new();
    for problem in error.problems() {
        let path = match &*problem.path {
            "current" => "secret",
            "other" => "other_secret",
            same => same,
        };
        problems.push(path, &problem.message, &problem.remedy);
    }
    // There is at least one.
    problems.check().err().unwrap_or_else(|| error.clone())
}
