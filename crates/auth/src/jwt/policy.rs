//! What the tokens of an issuer must look like. Plain decisions about a header and claims.

use std::time::Duration;

use portcullis_core::UnixTime;

use super::issuer::Issuer;
use super::roles::RolePath;
use crate::Reason;
use crate::jose::{Claims, Header, LogoutEvent};
use crate::key::{Algorithm, AlgorithmSet};

/// What the tokens of one issuer must look like. Its hash stands for it in the key of the verdict cache.
#[derive(Clone, Debug, Hash)]
pub(super) struct Policy {
    pub(super) name: Box<str>,
    pub(super) aliases: Vec<Box<str>>,
    pub(super) audiences: Vec<Box<str>>,
    pub(super) any_audience: bool,
    pub(super) clients: Vec<Box<str>>,
    pub(super) algorithms: AlgorithmSet,
    pub(super) rule: Option<TokenRule>,
    pub(super) roles: Vec<RolePath>,
    pub(super) tenant: Option<RolePath>,
    pub(super) leeway: Duration,
    pub(super) max_age: Option<Duration>,
}

/// How an access token is told from other tokens of the issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum TokenRule {
    /// By its type (RFC 9068).
    AccessToken,
    /// By what it grants.
    Scoped,
    /// Not at all.
    Any,
    /// It is no access token but a logout token (OpenID Connect Back-Channel Logout 1.0): only
    /// [`LogoutVerifier`](super::LogoutVerifier) asks for one.
    Logout {
        /// Whether the type must say so.
        typed: bool,
    },
}

// === impl Policy ===

impl Policy {
    pub(super) fn new(name: &str, algorithms: AlgorithmSet) -> Self {
        Self {
            name: name.into(),
            aliases: Vec::new(),
            audiences: Vec::new(),
            any_audience: false,
            clients: Vec::new(),
            algorithms,
            rule: None,
            roles: Vec::new(),
            tenant: None,
            leeway: Issuer::DEFAULT_LEEWAY,
            max_age: None,
        }
    }

    /// Whether `iss` names this issuer, byte for byte (RFC 8725 section 3.8).
    pub(super) fn is_named(&self, iss: &str) -> bool {
        *self.name == *iss || self.aliases.iter().any(|alias| **alias == *iss)
    }

    /// Everything that can be checked without a key. Gives the algorithm.
    pub(super) fn check(
        &self,
        header: &Header<'_>,
        claims: &Claims<'_>,
        now: UnixTime,
    ) -> Result<Algorithm, Reason> {
        let algorithm = self.algorithm(header)?;
        self.times(claims, now)?;
        self.audience(claims)?;
        self.token_type(header, claims)?;
        self.client(claims)?;
        // RFC 9449 section 7.2, RFC 8705 section 3: a bound token is not a bearer token.
        if claims.cnf {
            return Err(Reason::Bound);
        }
        Ok(algorithm)
    }

    /// When the token is too old, leeway included, whenever it expires.
    pub(super) fn too_old_after(&self, claims: &Claims<'_>) -> Option<UnixTime> {
        Some(claims.iat?.floor() + self.max_age? + self.leeway)
    }

    /// When the token expires, leeway included.
    pub(super) fn expires(&self, claims: &Claims<'_>) -> Option<UnixTime> {
        claims.exp.map(|exp| exp.floor() + self.leeway)
    }

    /// RFC 8725 section 3.1: the algorithm is one we chose, never one that the token suggests.
    fn algorithm(&self, header: &Header<'_>) -> Result<Algorithm, Reason> {
        header
            .algorithm()
            .and_then(Algorithm::from_name)
            .filter(|algorithm| self.algorithms.contains(*algorithm))
            .ok_or(Reason::Algorithm)
    }

    /// RFC 7519 sections 4.1.4 to 4.1.6.
    fn times(&self, claims: &Claims<'_>, now: UnixTime) -> Result<(), Reason> {
        let expires = self.expires(claims).ok_or(Reason::MissingClaim)?;
        if now >= expires {
            return Err(Reason::Expired);
        }
        let latest = now + self.leeway;
        if claims.nbf.is_some_and(|nbf| nbf.ceil() > latest) {
            return Err(Reason::NotYetValid);
        }
        if claims.iat.is_some_and(|iat| iat.floor() > latest) {
            return Err(Reason::IssuedInFuture);
        }
        if self.max_age.is_some() {
            let end = self.too_old_after(claims).ok_or(Reason::MissingClaim)?;
            if now > end {
                return Err(Reason::TooOld);
            }
        }
        Ok(())
    }

    /// RFC 7519 section 4.1.3. Where the clients stand in for the audience, a token that names one is
    /// meant for somebody else.
    fn audience(&self, claims: &Claims<'_>) -> Result<(), Reason> {
        if self.audiences.is_empty() {
            let fits = self.any_audience || claims.aud.is_none();
            return if fits { Ok(()) } else { Err(Reason::Audience) };
        }
        let aud = claims.aud.as_ref().ok_or(Reason::Audience)?;
        let meant = aud
            .iter()
            .any(|one| self.audiences.iter().any(|ours| **ours == *one));
        if meant { Ok(()) } else { Err(Reason::Audience) }
    }

    /// RFC 8725 section 3.11: what says to be another kind of token is never taken for this one.
    fn token_type(&self, header: &Header<'_>, claims: &Claims<'_>) -> Result<(), Reason> {
        let typ = header.media_type();
        let is = |name: &str| typ.is_some_and(|typ| typ.eq_ignore_ascii_case(name));
        if let Some(TokenRule::Logout { typed }) = self.rule {
            let untyped = !typed && (typ.is_none() || is("JWT"));
            return if untyped || is("logout+jwt") {
                logout(claims)
            } else {
                Err(Reason::TokenType)
            };
        }
        // Section 4.1 of the same: some issuers do not give logout tokens a type of their own.
        if claims.logout_event() != LogoutEvent::Absent {
            return Err(Reason::TokenType);
        }
        match self.rule {
            Some(TokenRule::AccessToken) => {
                if !is("at+jwt") {
                    return Err(Reason::TokenType);
                }
                // RFC 9068 section 2.2; `iss` and `exp` have been checked, and `aud` where there is
                // one to check.
                let complete = claims.sub.is_some()
                    && claims.iat.is_some()
                    && claims.jti.is_some()
                    && claims.client_id.is_some();
                if complete {
                    Ok(())
                } else {
                    Err(Reason::MissingClaim)
                }
            }
            // The client list alone does not tell them apart; an ID token is meant for its client.
            None if claims.is_id_token() || is_for_its_client(claims) => Err(Reason::TokenType),
            _ if typ.is_none() || is("JWT") || is("at+jwt") => Ok(()),
            _ => Err(Reason::TokenType),
        }
    }

    /// Whether the token grants something, where that is what tells an access token.
    pub(super) fn grants(&self, scopes: bool, roles: bool) -> Result<(), Reason> {
        match self.rule {
            Some(TokenRule::Scoped) if !scopes && !roles => Err(Reason::TokenType),
            _ => Ok(()),
        }
    }

    fn client(&self, claims: &Claims<'_>) -> Result<(), Reason> {
        if self.clients.is_empty() {
            return Ok(());
        }
        let known = claims
            .client()
            .is_some_and(|id| self.clients.iter().any(|one| **one == *id));
        if known { Ok(()) } else { Err(Reason::Client) }
    }
}

/// What a logout token must have and must not (sections 2.4 and 2.6).
fn logout(claims: &Claims<'_>) -> Result<(), Reason> {
    match claims.logout_event() {
        LogoutEvent::Absent => return Err(Reason::TokenType),
        LogoutEvent::Malformed => return Err(Reason::MalformedClaim),
        LogoutEvent::Present => {}
    }
    // What only ID tokens have. The `nonce` must not be there, whatever it is.
    if claims.nonce || claims.is_id_token() {
        return Err(Reason::TokenType);
    }
    let named = [&claims.jti, &claims.sub, &claims.sid];
    if named.into_iter().flatten().any(|name| name.is_empty()) {
        return Err(Reason::MalformedClaim);
    }
    let whose = claims.sub.is_some() || claims.sid.is_some();
    if whose && claims.jti.is_some() && claims.iat.is_some() {
        Ok(())
    } else {
        Err(Reason::MissingClaim)
    }
}

fn is_for_its_client(claims: &Claims<'_>) -> bool {
    let client = claims.client();
    claims
        .aud
        .as_ref()
        .is_some_and(|aud| aud.iter().any(|one| client == Some(one)))
}
