//! What the issuer answers, and where.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

/// An endpoint of the issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `/.well-known/openid-configuration` (OpenID Connect Discovery).
    OpenIdConfiguration,
    /// `/.well-known/oauth-authorization-server` (RFC 8414).
    AuthorizationServer,
    /// `/jwks` (RFC 7517).
    Jwks,
    /// `/token` (RFC 6749).
    Token,
    /// Any other path: 404.
    Other,
}

/// How the issuer behaves: the positions of the outage switch.
///
/// | mode | the client sees | counted |
/// |---|---|---|
/// | `Ok` | the right answer | yes |
/// | `Slow(d)` | the right answer, `d` later | yes |
/// | `Hold` | nothing until the mode changes, then what the new mode says | yes |
/// | `Hang` | a connection that takes the request and never answers, whatever comes later | yes |
/// | `Error500` | 500 with an HTML body | yes |
/// | `Garbage` | 200 with `application/json` that is not JSON | yes |
/// | `Oversize` | 200 with the right answer behind 64 MiB of white space, chunked, no length stated | yes |
/// | `EmptySet` | 200 with `{"keys":[]}` from `/jwks`; everything else is right | yes |
/// | `Reset` | the request is taken, then the connection is reset (RST) | yes |
/// | `Refuse` | connect refused; open connections are cut | no |
/// | `Redirect(base)` | 302 to the same path under `base` | yes |
/// | `Custom(status, body)` | that status and those bytes as `application/json` | yes |
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the table above")]
pub enum Mode {
    #[default]
    Ok,
    Slow(Duration),
    Hold,
    Hang,
    Error500,
    Garbage,
    Oversize,
    EmptySet,
    Reset,
    Refuse,
    Redirect(String),
    Custom(StatusCode, Bytes),
}

/// The mode of every endpoint.
#[derive(Clone, Debug, Default)]
pub(super) struct Modes {
    everywhere: Mode,
    somewhere: HashMap<Endpoint, Mode>,
}

// === impl Endpoint ===

impl Endpoint {
    /// The path of the endpoint at an issuer whose own path is `base`.
    pub(super) fn path(self, base: &str) -> String {
        match self {
            Self::OpenIdConfiguration => format!("{base}/.well-known/openid-configuration"),
            // RFC 8414 section 3.1: the well-known part goes in front of the issuer's path.
            Self::AuthorizationServer => format!("/.well-known/oauth-authorization-server{base}"),
            Self::Jwks => format!("{base}/jwks"),
            Self::Token => format!("{base}/token"),
            Self::Other => base.to_owned(),
        }
    }

    pub(super) fn of(base: &str, path: &str) -> Self {
        [
            Self::OpenIdConfiguration,
            Self::AuthorizationServer,
            Self::Jwks,
            Self::Token,
        ]
        .into_iter()
        .find(|endpoint| endpoint.path(base) == path)
        .unwrap_or(Self::Other)
    }
}

// === impl Modes ===

impl Modes {
    pub(super) fn everywhere(mode: Mode) -> Self {
        Self {
            everywhere: mode,
            somewhere: HashMap::new(),
        }
    }

    pub(super) fn set(&mut self, endpoint: Endpoint, mode: Mode) {
        self.somewhere.insert(endpoint, mode);
    }

    pub(super) fn at(&self, endpoint: Endpoint) -> &Mode {
        self.somewhere.get(&endpoint).unwrap_or(&self.everywhere)
    }
}
