//! What a route demands of an identity: the decision, without its plumbing.

use std::time::Duration;

use portcullis_core::{ConfigError, Identity, Problems, UnixTime};

use super::Shortfall;
use crate::challenge::quotable;

/// What a route demands of an identity.
#[derive(Clone, Debug)]
pub(super) struct Demands {
    scopes: Vec<Box<str>>,
    any_scope: Vec<Vec<Box<str>>>,
    roles: Vec<Box<str>>,
    any_role: Vec<Vec<Box<str>>>,
    acr: Vec<Box<str>>,
    max_auth_age: Option<Duration>,
    max_token_age: Option<Duration>,
    leeway: Duration,
}

// === impl Demands ===

impl Demands {
    /// The tolerance for clocks that differ, unless set.
    const LEEWAY: Duration = Duration::from_secs(30);
    const LEEWAY_MAX: Duration = Duration::from_secs(300);

    pub(super) const fn new() -> Self {
        Self {
            scopes: Vec::new(),
            any_scope: Vec::new(),
            roles: Vec::new(),
            any_role: Vec::new(),
            acr: Vec::new(),
            max_auth_age: None,
            max_token_age: None,
            leeway: Self::LEEWAY,
        }
    }

    pub(super) fn scopes(&mut self, scopes: Vec<Box<str>>) -> Result<(), ConfigError> {
        tokens("scopes", &scopes)?;
        add(&mut self.scopes, scopes);
        Ok(())
    }

    pub(super) fn any_scope(&mut self, scopes: Vec<Box<str>>) -> Result<(), ConfigError> {
        tokens("any_scope", &scopes)?;
        self.any_scope.push(scopes);
        Ok(())
    }

    pub(super) fn roles(&mut self, roles: Vec<Box<str>>) -> Result<(), ConfigError> {
        filled("roles", &roles)?;
        add(&mut self.roles, roles);
        Ok(())
    }

    pub(super) fn any_role(&mut self, roles: Vec<Box<str>>) -> Result<(), ConfigError> {
        filled("any_role", &roles)?;
        self.any_role.push(roles);
        Ok(())
    }

    pub(super) fn acr(&mut self, values: Vec<Box<str>>) -> Result<(), ConfigError> {
        tokens("acr", &values)?;
        self.acr = values;
        Ok(())
    }

    pub(super) fn max_auth_age(&mut self, age: Duration) -> Result<(), ConfigError> {
        whole("max_auth_age", age)?;
        self.max_auth_age = Some(age);
        Ok(())
    }

    pub(super) fn max_token_age(&mut self, age: Duration) -> Result<(), ConfigError> {
        whole("max_token_age", age)?;
        self.max_token_age = Some(age);
        Ok(())
    }

    pub(super) fn leeway(&mut self, leeway: Duration) -> Result<(), ConfigError> {
        if leeway > Self::LEEWAY_MAX {
            return Err(ConfigError::new(
                "leeway",
                "is longer than 300 s",
                "lower it, and set the clocks",
            ));
        }
        self.leeway = leeway;
        Ok(())
    }

    /// The scopes that a token should have to pass: what a client is told to ask for. Of alternatives
    /// it is the first, for one is enough.
    pub(super) fn wanted_scopes(&self) -> String {
        let first = self.any_scope.iter().filter_map(|any| any.first());
        let mut wanted: Vec<&str> = Vec::new();
        for scope in self.scopes.iter().chain(first) {
            if !wanted.contains(&&**scope) {
                wanted.push(scope);
            }
        }
        wanted.join(" ")
    }

    /// The context classes that would do, best first.
    pub(super) fn wanted_acr(&self) -> String {
        self.acr.join(" ")
    }

    /// Whole seconds, rounded down: who keeps to them is not refused.
    pub(super) fn wanted_max_age(&self) -> Option<u64> {
        self.max_auth_age.map(|age| age.as_secs())
    }

    /// What `identity` lacks, if anything. `now` is asked only where an age is demanded.
    ///
    /// What the caller can do least about comes first, so that nobody authenticates anew only to be
    /// refused for another reason.
    #[inline]
    pub(super) fn judge(
        &self,
        identity: &Identity,
        now: impl FnOnce() -> UnixTime,
    ) -> Result<(), Shortfall> {
        let parts = identity.parts();
        let has_role = |role: &str| parts.roles.iter().any(|has| **has == *role);
        if !meets(&self.roles, &self.any_role, has_role) {
            return Err(Shortfall::Role);
        }
        if !meets(&self.scopes, &self.any_scope, |scope| {
            granted(parts.scopes.as_str(), scope)
        }) {
            return Err(Shortfall::Scope);
        }
        let has_acr = || parts.acr.as_ref().is_some_and(|acr| self.acr.contains(acr));
        if !self.acr.is_empty() && !has_acr() {
            return Err(Shortfall::AuthContext);
        }
        if self.max_auth_age.is_none() && self.max_token_age.is_none() {
            return Ok(());
        }
        let now = now();
        if self.outdated(self.max_auth_age, parts.auth_time, now) {
            return Err(Shortfall::AuthAge);
        }
        if self.outdated(self.max_token_age, parts.issued_at, now) {
            return Err(Shortfall::TokenAge);
        }
        Ok(())
    }

    /// Whether `since` is longer ago than `most`, unknown, or so far in the future that it is no time
    /// at all (milliseconds written as seconds would be fresh for ever).
    fn outdated(&self, most: Option<Duration>, since: Option<UnixTime>, now: UnixTime) -> bool {
        match (most, since) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(most), Some(since)) => {
                now > since + most + self.leeway || since > now + self.leeway
            }
        }
    }
}

/// Whether `scope`, which is not empty, is one of those with a space between two. By bytes: words are so short
/// that a search for the next space costs more than what it passes over.
#[inline]
fn granted(scopes: &str, scope: &str) -> bool {
    let mut granted = scopes.as_bytes().split(|byte| *byte == b' ');
    granted.any(|granted| granted == scope.as_bytes())
}

/// Whether there is each of `all`, and one of each group of `any`.
#[inline]
fn meets(all: &[Box<str>], any: &[Vec<Box<str>>], has: impl Fn(&str) -> bool) -> bool {
    let one_of = |group: &Vec<Box<str>>| group.iter().any(|one| has(one));
    all.iter().all(|one| has(one)) && any.iter().all(one_of)
}

fn add(all: &mut Vec<Box<str>>, more: Vec<Box<str>>) {
    for one in more {
        if !all.contains(&one) {
            all.push(one);
        }
    }
}

/// Whether there are values, and all can stand in the list of a challenge.
fn tokens(field: &str, values: &[Box<str>]) -> Result<(), ConfigError> {
    let mut problems = Problems::new();
    problems.absorb("", filled(field, values));
    for (index, value) in values.iter().enumerate().filter(|(_, v)| !v.is_empty()) {
        let path = format!("{field}[{index}]");
        problems.absorb("", quotable(&path, value));
        if value.contains(' ') {
            problems.push(path, "has a space", "write each value by itself");
        }
    }
    problems.check()
}

/// Whether there are values, none of them empty: nothing could satisfy the others.
fn filled(field: &str, values: &[Box<str>]) -> Result<(), ConfigError> {
    let mut problems = Problems::new();
    if values.is_empty() {
        problems.push(field, "is empty", "name at least one value or leave it out");
    }
    for (index, value) in values.iter().enumerate() {
        if value.is_empty() {
            problems.push(
                format!("{field}[{index}]"),
                "is empty",
                "give it a value or leave it out",
            );
        }
    }
    problems.check()
}

/// Tokens count time in seconds: with less, somebody who has just authenticated would be too late.
fn whole(field: &str, age: Duration) -> Result<(), ConfigError> {
    if age < Duration::from_secs(1) {
        return Err(ConfigError::new(
            field,
            "is shorter than a second",
            "raise it: tokens count time in seconds",
        ));
    }
    Ok(())
}
