//! `[revocation]`

use std::path::Path;
use std::time::Duration;

use portcullis_auth::Revocations;
use portcullis_core::Problems;
use toml::Table;

use super::section::{Draft, Part, Section};
use super::{BackchannelLogout, TokenRevocation};
use super::{OnStaleRevocation, Route, RouteAuth, SecretSource, Store, on_stale};
use crate::revoking;

/// How what ends a token before it expires is kept, and known here.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Revocation {
    /// `secret`: what ids in the store are made with, the same on all nodes. Only the memory of one process
    /// needs none.
    pub secret: Option<SecretSource>,
    /// `other_secret`: the new one, and then the old one, while it is rotated.
    pub other_secret: Option<SecretSource>,
    /// `poll_every`: how often the store is asked, give or take a fifth. 500 ms unless set.
    pub poll_every: Duration,
    /// `poll_deadline`: how long an answer of the store may take. 250 ms unless set.
    pub poll_deadline: Duration,
    /// `max_age`: how old the view may be. 15 s unless set.
    pub max_age: Duration,
    /// `max_token_lifetime`: the longest life of an access token; others are refused. 24 h unless set.
    pub max_token_lifetime: Duration,
    /// `capacity`: how many revoked ids there is room for. A million unless set.
    pub capacity: usize,
    /// `on_stale_revocation`: what passes while it is not known what was revoked. Must be stated with a shared
    /// store, here or on the routes.
    pub on_stale: Option<OnStaleRevocation>,
    /// `rfc7009`: where clients revoke their own tokens.
    pub rfc7009: Option<TokenRevocation>,
    /// `backchannel`: where identity providers tell of logouts.
    pub backchannel: Option<BackchannelLogout>,
}

/// The largest secret.
pub(crate) const MOST_SECRET: u64 = 4 << 10;

// === impl Revocation ===

impl Revocation {
    pub(super) fn read(table: Table, folder: Option<&Path>) -> Draft<Self> {
        let mut section = Section::new(table);
        let span = |section: &mut Section, key, default| section.duration(key).unwrap_or(default);
        let mut revocation = Self {
            secret: SecretSource::take(&mut section, "secret", folder),
            other_secret: SecretSource::take(&mut section, "other_secret", folder),
            poll_every: span(&mut section, "poll_every", Duration::from_millis(500)),
            poll_deadline: span(&mut section, "poll_deadline", Duration::from_millis(250)),
            max_age: span(&mut section, "max_age", Revocations::FRESHNESS),
            max_token_lifetime: span(
                &mut section,
                "max_token_lifetime",
                Duration::from_secs(24 * 60 * 60),
            ),
            capacity: capacity(&mut section),
            on_stale: OnStaleRevocation::take(&mut section),
            rfc7009: None,
            backchannel: None,
        };
        if let Some(table) = section.table("rfc7009") {
            let draft = TokenRevocation::read(table, folder);
            revocation.rfc7009 = section.adopt("rfc7009", draft).value;
        }
        if let Some(table) = section.table("backchannel") {
            let draft = BackchannelLogout::read(table);
            revocation.backchannel = section.adopt("backchannel", draft).value;
        }
        section.absorb("", revoking::problems(&revocation));
        section.draft(revocation)
    }

    /// The files of its secrets.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        let secrets = self.secret.iter().chain(&self.other_secret);
        secrets.filter_map(SecretSource::file)
    }

    /// The least that may be asked of a view: what one poll may take in all.
    fn least_age(&self) -> Duration {
        let latest = self.poll_every.saturating_add(self.poll_every / 5);
        latest
            .saturating_add(self.poll_deadline)
            .max(Revocations::FRESHNESS_MIN)
    }
}

fn capacity(section: &mut Section) -> usize {
    const DEFAULT: usize = 1_000_000;
    let Some(number) = section.integer("capacity") else {
        return DEFAULT;
    };
    // What is no number of ids is out of range, too.
    usize::try_from(number).unwrap_or(0)
}

/// What must be right between this section, the store and the routes.
pub(super) fn across(
    revocation: Option<&Revocation>,
    store: Option<&Store>,
    routes: &[Part<Route>],
    problems: &mut Problems,
) {
    let Some(revocation) = revocation else {
        if store.is_some() {
            problems.push(
                "store",
                "is stated, and nothing is kept there",
                "add [revocation], or remove it",
            );
        }
        for (index, route) in known(routes) {
            let stale = route.on_stale_revocation.is_some();
            for (key, stated) in [
                ("freshness", route.freshness.is_some()),
                (on_stale::KEY, stale),
            ] {
                if stated {
                    problems.push(
                        format!("route[{index}].{key}"),
                        "is stated, and nothing is ever revoked",
                        "add [revocation], or remove it",
                    );
                }
            }
        }
        return;
    };
    let shared = store.is_some_and(Store::is_shared);
    if shared && revocation.secret.is_none() {
        problems.push(
            "revocation.secret",
            "is missing, and the store is shared",
            "name a file of 32 random bytes or more, or say { env = \"NAME\" }: the same on all nodes",
        );
    }
    if revocation.secret.is_none() && revocation.other_secret.is_some() {
        problems.push(
            "revocation.other_secret",
            "is stated without secret",
            "say secret, too: the current one",
        );
    }
    let silent =
        |route: &Route| route.auth != RouteAuth::None && route.on_stale_revocation.is_none();
    if shared && revocation.on_stale.is_none() && known(routes).any(|(_, route)| silent(route)) {
        problems.push(
            "revocation.on_stale_revocation",
            "is missing, and the store is shared, which may fail",
            "choose \"deny\" (503 for everybody after max_age) or { allow_for = \"60s\" } (what was revoked may \
             pass for so much longer), here or on every route",
        );
    }
    let (least, most) = (revocation.least_age(), revocation.max_age);
    for (index, route) in known(routes) {
        if let Some(freshness) = route.freshness
            && !(least..=most).contains(&freshness)
        {
            problems.push(
                format!("route[{index}].freshness"),
                format!("is {} ms", freshness.as_millis()),
                format!(
                    "choose from {} ms, which one poll may take, to {} ms, which is revocation.max_age",
                    least.as_millis(),
                    most.as_millis()
                ),
            );
        }
    }
}

fn known(routes: &[Part<Route>]) -> impl Iterator<Item = (usize, &Route)> {
    let routes = routes.iter().enumerate();
    routes.filter_map(|(index, route)| Some((index, route.value.as_ref()?)))
}
