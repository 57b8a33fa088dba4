//! What the gateway is told to do.
//!
//! The file is TOML. It is read whole: every mistake in it is reported, each with the path of its key
//! and a remedy. No key has a default that points anywhere.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Method;
use portcullis_auth::key::Algorithm;

mod across;
mod circuit_breaker;
mod control;
mod cors;
mod duration;
mod feeds;
mod file;
mod forward_auth;
mod host_pattern;
mod issuer;
mod log;
mod methods;
mod network;
mod on_stale;
mod revocation;
mod route;
mod secret_source;
mod section;
mod server;
mod size;
mod store;
mod summary;
mod trace;
mod upstream;
mod upstream_tls;

pub use circuit_breaker::CircuitBreaker;
pub use control::Control;
pub(crate) use control::MOST_KEY;
pub use cors::{Cors, CorsOrigins};
pub(crate) use feeds::MOST_CLIENT_SECRET;
pub use feeds::{BackchannelLogout, RevokingClient, TokenRevocation};
pub use forward_auth::ForwardAuth;
pub use host_pattern::HostPattern;
pub use log::{Log, LogFormat};
pub use on_stale::OnStaleRevocation;
pub(crate) use revocation::MOST_SECRET;
pub use revocation::Revocation;
pub use secret_source::SecretSource;
pub use server::{Server, ServerTls};
pub(crate) use store::MOST_PASSWORD;
pub use store::{RedisStore, Store};
pub(crate) use trace::MOST_PSEUDONYM_KEY;
pub use trace::{Trace, TraceSpans, TraceTimings, Trusted};
pub use upstream::Upstream;
pub use upstream_tls::UpstreamTls;

/// What the gateway is told to do.
///
/// ```
/// use portcullis_gateway::Config;
///
/// let config = Config::parse(
///     r#"
///     [server]
///     listen = "127.0.0.1:8080"
///
///     [[issuer]]
///     url = "https://idp.example.com"
///     audiences = ["https://api.example.com"]
///     algorithms = ["RS256"]
///
///     [[route]]
///     path = "/api/"
///     upstream = ["http://127.0.0.1:3000"]
///     scopes = ["api:read"]
///     "#,
/// )?;
/// assert_eq!(config.routes[0].path.as_str(), "/api");
///
/// let error = Config::parse("[server]\nlisten = \"8080\"\nlisen = 1").unwrap_err();
/// let paths: Vec<_> = error.problems().map(|problem| problem.path.as_str()).collect();
/// assert_eq!(paths, ["server.listen", "server.lisen", "route"]);
/// # Ok::<(), portcullis_core::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// `[server]`: where it listens, and its bounds.
    pub server: Server,
    /// `[log]`: how it logs.
    pub log: Log,
    /// `[cors]`: what scripts of other origins may do; nothing without it.
    pub cors: Option<Cors>,
    /// `[forward_auth]`: where other proxies ask whether a request may pass.
    pub forward_auth: Option<ForwardAuth>,
    /// `[trace]`: how requests are made part of a trace; they are not touched without it.
    pub trace: Option<Trace>,
    /// `[control]`: where operators and other services revoke.
    pub control: Option<Control>,
    /// `[upstream_tls]`: how `https` upstreams are spoken to.
    pub upstream_tls: UpstreamTls,
    /// `[circuit_breaker]`: when an upstream is left alone for a while.
    pub circuit_breaker: CircuitBreaker,
    /// `[store]`: where nodes keep what all of them must know; the memory of this process without it.
    pub store: Store,
    /// `[revocation]`: how tokens end before they expire; they do not without it.
    pub revocation: Option<Revocation>,
    /// `[[issuer]]`: whose tokens are accepted.
    pub issuers: Vec<Issuer>,
    /// `[[route]]`: which paths go where, and for whom.
    pub routes: Vec<Route>,
}

/// An issuer whose tokens are accepted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Issuer {
    /// `url`: the issuer, byte for byte as in the `iss` of its tokens.
    pub url: String,
    /// `jwks_url` or `jwks_file`; discovery from `url` without them.
    pub keys: Keys,
    /// `audiences`: one of them must be in the `aud` of a token.
    pub audiences: Vec<String>,
    /// `clients`: the clients whose tokens are accepted, for issuers that write no `aud`.
    pub clients: Vec<String>,
    /// `algorithms`: the signature algorithms that are accepted; all that the keys are for unless set.
    pub algorithms: Option<Vec<Algorithm>>,
    /// `tokens`: how an access token is told from an ID token.
    pub tokens: TokenRule,
    /// `leeway`: by how much clocks may differ. 30 s unless set.
    pub leeway: Option<Duration>,
    /// `allow_http`: whether keys may come over plain http from another machine.
    pub allow_http: bool,
}

/// Where the keys of an issuer come from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Keys {
    /// From the metadata of the issuer (OpenID Connect Discovery, RFC 8414).
    Discovery,
    /// From a URL.
    Url(String),
    /// From a file.
    File(PathBuf),
}

/// How an access token is told from an ID token, which is made for clients to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenRule {
    /// By what it grants: a scope or a role, which ID tokens do not.
    #[default]
    Scoped,
    /// By its type, `at+jwt` (RFC 9068).
    AccessTokens,
    /// Not at all: ID tokens pass too.
    Any,
}

/// Which paths go where, and for whom.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Route {
    /// `path`: the prefix.
    pub path: RoutePath,
    /// `methods`: the methods it is for; any unless set. Never an empty list.
    pub methods: Option<Vec<Method>>,
    /// `upstream`: where requests go, in turn. Empty only where nothing is forwarded.
    pub upstreams: Vec<Upstream>,
    /// `protocol`: what the upstreams speak. gRPC goes over HTTP/2 in any case.
    pub protocol: UpstreamProtocol,
    /// `timeout`: how long an upstream may take until the head of its response. 60 s unless set.
    pub timeout: Duration,
    /// `idle_timeout`: for how long nothing may come in a body, or in an upgraded connection. 5 min unless set.
    pub idle_timeout: Duration,
    /// `max_body`: the largest body of a request, in bytes; no bound unless set.
    pub max_body: Option<u64>,
    /// `token`: whether upstreams see the token.
    pub token: TokenToUpstream,
    /// `host`: which host upstreams see.
    pub host: HostToUpstream,
    /// `auth`: whether a token is needed.
    pub auth: RouteAuth,
    /// `scopes`: all of which a token must have.
    pub scopes: Vec<String>,
    /// `on_idp_outage`: what passes while no verdict can be reached.
    pub on_idp_outage: OnIdpOutage,
    /// `on_stale_revocation`: what passes while it is not known what was revoked; as `[revocation]` says unless set.
    pub on_stale_revocation: Option<OnStaleRevocation>,
    /// `freshness`: how old what is known of revocations may be; `max_age` of `[revocation]` unless set.
    pub freshness: Option<Duration>,
}

/// A prefix of whole segments: `/api` has `/api` and `/api/x`, and never `/apix`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutePath(Box<str>);

/// What an upstream speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UpstreamProtocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2: by prior knowledge without TLS, by ALPN with it.
    Http2,
}

/// Whether upstreams see the token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenToUpstream {
    /// They see it as it came.
    #[default]
    Forward,
    /// `Authorization` is taken away.
    Drop,
}

/// Which host upstreams see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostToUpstream {
    /// The one that the client asked for.
    #[default]
    Preserve,
    /// Their own.
    Upstream,
}

/// Whether a route needs a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RouteAuth {
    /// No token, no entry.
    #[default]
    Required,
    /// Requests without a token pass; bad tokens are refused.
    Optional,
    /// Tokens are not looked at.
    None,
}

/// What passes while no verdict can be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnIdpOutage {
    /// Nothing: 503 with `Retry-After`.
    #[default]
    Deny,
    /// A caller who is known well enough, for this long beyond the ordinary bound.
    AllowFor {
        /// How long.
        grace: Duration,
        /// Whether with unsafe methods too.
        unsafe_methods: bool,
    },
    /// A request without identity, if its method is safe.
    Anonymous,
}

// === impl Config ===

impl Config {
    /// Every file that it refers to: TLS, authorities, key sets, secrets. What stands in them is part of it.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        if let Some(tls) = &self.server.tls {
            files.push(tls.certificate.clone());
            files.extend(tls.key.file().map(Path::to_owned));
        }
        let upstream = &self.upstream_tls;
        files.extend(upstream.ca.clone());
        files.extend(upstream.certificate.clone());
        files.extend(
            upstream
                .key
                .iter()
                .filter_map(|key| key.file())
                .map(Path::to_owned),
        );
        files.extend(self.issuers.iter().filter_map(|issuer| match &issuer.keys {
            Keys::File(path) => Some(path.clone()),
            Keys::Discovery | Keys::Url(_) => None,
        }));
        let key = self
            .control
            .iter()
            .filter_map(|section| section.key.as_ref());
        files.extend(key.filter_map(|key| key.file()).map(Path::to_owned));
        let feeds = self
            .revocation
            .iter()
            .filter_map(|section| section.rfc7009.as_ref());
        let secrets = feeds
            .flat_map(|feed| &feed.clients)
            .flat_map(RevokingClient::secrets);
        files.extend(secrets.filter_map(SecretSource::file).map(Path::to_owned));
        let revocation = self.revocation.iter().flat_map(Revocation::files);
        files.extend(revocation.chain(self.store.file()).map(Path::to_owned));
        files.sort();
        files.dedup();
        files
    }
}

/// A path of the file, relative to its folder.
fn path(folder: Option<&Path>, text: &str) -> PathBuf {
    folder.map_or_else(|| text.into(), |folder| folder.join(text))
}

// === impl RoutePath ===

impl RoutePath {
    /// The prefix, no slash at the end: empty for `/`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `path` is the prefix, or lies under it.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        path.strip_prefix(&*self.0)
            .is_some_and(|rest| rest.starts_with('/') || (rest.is_empty() && !path.is_empty()))
    }
}

impl fmt::Display for RoutePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.0)
    }
}

impl From<&str> for RoutePath {
    fn from(path: &str) -> Self {
        Self(path.trim_end_matches('/').into())
    }
}

// === impl RouteAuth ===

impl fmt::Display for RouteAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Required => "required",
            Self::Optional => "optional",
            Self::None => "none",
        })
    }
}

#[cfg(test)]
mod revocation_tests;
#[cfg(test)]
mod section_tests;
#[cfg(test)]
mod tests;
