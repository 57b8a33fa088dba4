//! `[[route]]`

use std::time::Duration;

use http::Method;
use portcullis_auth::Degrade;
use portcullis_core::{ConfigError, Scopes};
use toml::{Table, Value};

use super::section::{Draft, Section};
use super::server::bounded;
use super::{
    HostToUpstream, OnIdpOutage, OnStaleRevocation, Route, RouteAuth, RoutePath, TokenToUpstream,
    Upstream, UpstreamProtocol, methods, on_stale,
};
use crate::path;

/// The longest that a stream may be silent.
const LONGEST_SILENCE: Duration = Duration::from_secs(24 * 60 * 60);

/// What only matters where requests are forwarded.
const FORWARDING: [&str; 7] = [
    "upstream",
    "protocol",
    "timeout",
    "idle_timeout",
    "max_body",
    "token",
    "host",
];

// === impl Route ===

impl Route {
    /// `forwards` says whether there is a public address, from which requests are forwarded.
    pub(super) fn read(table: Table, forwards: bool) -> Draft<Self> {
        let mut section = Section::new(table);
        let path = section.required("path", Section::text);
        if let Some(path) = &path {
            check_path(path, &mut section);
        }
        if !forwards {
            for key in FORWARDING
                .into_iter()
                .filter(|key| section.has(key))
                .collect::<Vec<_>>()
            {
                section.wrong(
                    key,
                    "is stated where nothing is forwarded",
                    "remove it, or set server.listen",
                );
            }
        }
        let route = Self {
            path: RoutePath::from(path.as_deref().unwrap_or_default()),
            methods: methods(&mut section),
            upstreams: upstreams(&mut section, forwards),
            protocol: section.one_of(
                "protocol",
                &[
                    ("http1", UpstreamProtocol::Http1),
                    ("http2", UpstreamProtocol::Http2),
                ],
            ),
            timeout: bounded(&mut section, "timeout", 60),
            idle_timeout: idle_timeout(&mut section),
            max_body: section.size("max_body"),
            token: section.one_of(
                "token",
                &[
                    ("forward", TokenToUpstream::Forward),
                    ("drop", TokenToUpstream::Drop),
                ],
            ),
            host: section.one_of(
                "host",
                &[
                    ("preserve", HostToUpstream::Preserve),
                    ("upstream", HostToUpstream::Upstream),
                ],
            ),
            auth: section.one_of(
                "auth",
                &[
                    ("required", RouteAuth::Required),
                    ("optional", RouteAuth::Optional),
                    ("none", RouteAuth::None),
                ],
            ),
            scopes: section.texts("scopes").unwrap_or_default(),
            on_idp_outage: on_idp_outage(&mut section),
            on_stale_revocation: OnStaleRevocation::take(&mut section),
            freshness: section.duration("freshness"),
        };
        for (index, scope) in route.scopes.iter().enumerate() {
            if Scopes::new([scope.as_str()]).is_err() {
                section.wrong(
                    format!("scopes[{index}]"),
                    "is not a scope",
                    "write one scope, without spaces or quotes",
                );
            }
        }
        if route.auth != RouteAuth::Required && !route.scopes.is_empty() {
            section.wrong(
                "scopes",
                "are demanded of callers who need no token",
                "say auth = \"required\", or remove scopes",
            );
        }
        if route.auth == RouteAuth::None && route.on_idp_outage != OnIdpOutage::Deny {
            section.wrong(
                "on_idp_outage",
                "is stated where tokens are not looked at",
                "remove it",
            );
        }
        if route.auth == RouteAuth::None {
            for (key, stated) in [
                (on_stale::KEY, route.on_stale_revocation.is_some()),
                ("freshness", route.freshness.is_some()),
            ] {
                if stated {
                    section.wrong(key, "is stated where tokens are not looked at", "remove it");
                }
            }
        }
        if route.on_idp_outage == OnIdpOutage::Anonymous && !route.scopes.is_empty() {
            section.wrong(
                "on_idp_outage",
                "lets anonymous callers through to a demand for scopes",
                "say { allow_for = \"60s\" } or \"deny\", or remove scopes",
            );
        }
        section.draft(path.map(|_| route))
    }
}

/// A list that cannot be read has none of all methods in it: it is in nobody's way.
fn methods(section: &mut Section) -> Option<Vec<Method>> {
    let methods = methods::list(section, "methods");
    methods.or_else(|| section.noted("methods").then(Vec::new))
}

pub(super) fn check_path(path: &str, section: &mut Section) {
    if !path.starts_with('/') {
        section.wrong(
            "path",
            "does not begin with a slash",
            "write \"/\" in front",
        );
    } else if path.contains(['?', '#', '*', '{', '}', ' ']) || !path.is_ascii() {
        section.wrong(
            "path",
            "is not a plain prefix",
            "write whole segments such as \"/api/\": no pattern, no query",
        );
    } else if path::ambiguity(path).is_some() || path::lenient(path) != path {
        section.wrong(
            "path",
            "could never be matched safely",
            "leave out dot segments, empty segments, \";\" and percent-encoding",
        );
    }
}

fn idle_timeout(section: &mut Section) -> Duration {
    const KEY: &str = "idle_timeout";
    let Some(duration) = section.duration(KEY) else {
        return Duration::from_secs(300);
    };
    if duration.is_zero() || duration > LONGEST_SILENCE {
        section.wrong(KEY, "is out of range", "choose between 1 ms and 24 h");
    }
    duration
}

fn upstreams(section: &mut Section, needed: bool) -> Vec<Upstream> {
    let texts = if needed {
        section.required("upstream", Section::texts)
    } else {
        section.texts("upstream")
    };
    let Some(texts) = texts else {
        return Vec::new();
    };
    if texts.is_empty() && !section.noted("upstream") {
        section.wrong(
            "upstream",
            "is empty",
            "name at least one: [\"http://127.0.0.1:3000\"]",
        );
    }
    let mut upstreams = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        upstreams.extend(section.absorb(&format!("upstream[{index}]"), Upstream::parse(text)));
    }
    upstreams
}

fn on_idp_outage(section: &mut Section) -> OnIdpOutage {
    const KEY: &str = "on_idp_outage";
    const REMEDY: &str = "write \"deny\", { allow_for = \"60s\" } or \"anonymous\"";
    match section.take(KEY) {
        None => OnIdpOutage::Deny,
        Some(Value::String(word)) if word == "deny" => OnIdpOutage::Deny,
        Some(Value::String(word)) if word == "anonymous" => OnIdpOutage::Anonymous,
        Some(Value::Table(table)) => {
            let read = allow_for(table);
            section.absorb(KEY, read).unwrap_or_default()
        }
        Some(_) => {
            section.wrong(KEY, "is none of the known answers", REMEDY);
            OnIdpOutage::Deny
        }
    }
}

fn allow_for(table: Table) -> Result<OnIdpOutage, ConfigError> {
    let mut section = Section::new(table);
    let grace = section
        .required("allow_for", Section::duration)
        .unwrap_or(Duration::ZERO);
    let unsafe_methods = section.flag("unsafe_methods").unwrap_or(false);
    // The layer's own bound, found here and not when the gateway starts.
    section.absorb("", Degrade::allow_for(grace));
    section.finish().into_result(OnIdpOutage::AllowFor {
        grace,
        unsafe_methods,
    })
}
