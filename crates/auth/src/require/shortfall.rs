//! What a request lacks for a route.

use std::fmt;

/// What a request lacks for the route that it asks for, although its token is good.
///
/// | shortfall | label | answer | gRPC |
/// |---|---|---|---|
/// | [`Layer`](Self::Layer) | `auth_layer_missing` | 500: nobody authenticated the request, not even as nobody | 13 |
/// | [`Role`](Self::Role) | `insufficient_role` | 403 without challenge: no other token of this caller will help | 7 |
/// | [`Scope`](Self::Scope) | `insufficient_scope` | 403 `insufficient_scope`, with every scope that is needed (RFC 6750 section 3.1) | 7 |
/// | [`AuthContext`](Self::AuthContext) | `step_up_required` | 401 `insufficient_user_authentication` (RFC 9470 section 3) | 16 |
/// | [`AuthAge`](Self::AuthAge) | `auth_too_old` | the same | 16 |
/// | [`TokenAge`](Self::TokenAge) | `token_too_old` | 401 `invalid_token`: get a fresh one | 16 |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Shortfall {
    /// No auth layer saw the request.
    Layer,
    /// A role.
    Role,
    /// A scope.
    Scope,
    /// An authentication of one of the demanded context classes (`acr`).
    AuthContext,
    /// A recent enough authentication (`auth_time`).
    AuthAge,
    /// A recently enough issued token (`iat`).
    TokenAge,
}

// === impl Shortfall ===

impl Shortfall {
    /// Every shortfall.
    pub const ALL: [Self; 6] = [
        Self::Layer,
        Self::Role,
        Self::Scope,
        Self::AuthContext,
        Self::AuthAge,
        Self::TokenAge,
    ];

    /// The stable label, for metrics, problems and `docs/reasons.md`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Layer => "auth_layer_missing",
            Self::Role => "insufficient_role",
            Self::Scope => "insufficient_scope",
            Self::AuthContext => "step_up_required",
            Self::AuthAge => "auth_too_old",
            Self::TokenAge => crate::Reason::TooOld.as_str(),
        }
    }

    /// One sentence for a person.
    #[must_use]
    pub const fn detail(self) -> &'static str {
        match self {
            Self::Layer => "The service is not set up to authenticate this request.",
            Self::Role => "The caller does not have the role that is needed here.",
            Self::Scope => "The token does not grant the scope that is needed here.",
            Self::AuthContext => "A stronger authentication is needed here.",
            Self::AuthAge => "A more recent authentication is needed here.",
            Self::TokenAge => crate::Reason::TooOld.detail(),
        }
    }
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
