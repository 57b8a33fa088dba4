//! Who may control.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::AUTHORIZATION;
use http::{HeaderMap, Request};
use parking_lot::Mutex;
use portcullis_auth::{JwtVerifier, Revocations, Verdict, Verifier};
use portcullis_core::{ConfigError, Problems, Secret};
use portcullis_revocation::Check;

use super::denied::Denied;
use crate::auth::Trust;
use crate::config::{self, HostPattern, MOST_KEY};
use crate::host;
use crate::revoking::{Revoking, without_line_end};

/// Who may control, and how often.
pub(super) struct Access {
    hosts: Vec<HostPattern>,
    key: Option<Secret>,
    tokens: Option<Tokens>,
    spent: Arc<Spent>,
}

/// Whose tokens count.
struct Tokens {
    verifier: JwtVerifier,
    scope: String,
    revocations: Revocations,
}

/// Who controls, for the audit.
pub(super) enum Caller {
    /// Whoever has the key.
    Key,
    /// Whoever a token was issued to. The client and not the subject: people are not named in logs.
    Token {
        issuer: Box<str>,
        client: Box<str>,
        /// Whether it has the scope.
        granted: bool,
    },
}

/// What was spent of the limits. Those who may, and tokens that have yet to be judged: so a stranger who
/// floods cannot keep the key out.
#[derive(Debug)]
struct Spent {
    known: Mutex<Bucket>,
    strangers: Mutex<Bucket>,
}

/// So many at once, and so many each second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    left: f64,
    at: Instant,
    most: f64,
    each_second: f64,
}

// === impl Access ===

impl Access {
    pub(super) fn new(
        section: &config::Control,
        trust: Option<&Trust>,
        revoking: &Revoking,
        before: Option<&Self>,
    ) -> Result<Self, ConfigError> {
        let mut problems = Problems::new();
        let key = section.key.as_ref().map(|key| {
            let key = key.read(MOST_KEY).map(without_line_end);
            problems.absorb("control.key", key)
        });
        problems.check()?;
        let tokens = match (trust, &section.scope) {
            (Some(trust), Some(scope)) => Some(Tokens {
                verifier: trust.verifier.clone(),
                scope: scope.clone(),
                revocations: revoking.revocations(None)?,
            }),
            _ => None,
        };
        Ok(Self {
            hosts: section.hosts.clone(),
            key: key.flatten(),
            tokens,
            spent: before.map_or_else(Arc::default, |before| Arc::clone(&before.spent)),
        })
    }

    /// Whether it was asked by an address, by `localhost`, or by a name that was configured.
    pub(super) fn host<B>(&self, request: &Request<B>) -> Result<(), Denied> {
        let named = host::named(request).map_err(|_| Denied::Host)?;
        let named = named.as_ref().and_then(|named| named.to_str().ok());
        let host = host::without_port(named.ok_or(Denied::Host)?);
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let here = bare.unwrap_or(host).parse::<IpAddr>().is_ok()
            || host.eq_ignore_ascii_case("localhost")
            || self.hosts.iter().any(|pattern| pattern.has(host));
        if here { Ok(()) } else { Err(Denied::Host) }
    }

    /// Whether it may, and may now. Counts a request of somebody who may.
    pub(super) fn admit(&self, caller: &Caller) -> Result<(), Denied> {
        match caller {
            Caller::Token { granted: false, .. } => Err(Denied::Scope),
            _ => spend(&self.spent.known),
        }
    }

    /// Who it is, if whoever it is may.
    pub(super) async fn caller(&self, headers: &HeaderMap) -> Result<Caller, Denied> {
        let mut lines = headers.get_all(AUTHORIZATION).iter();
        let (Some(line), None) = (lines.next(), lines.next()) else {
            return Err(Denied::Stranger);
        };
        let text = line.to_str().map_err(|_| Denied::Stranger)?;
        // RFC 9110 section 11.1: the scheme is case-insensitive.
        let (scheme, presented) = text.split_once(' ').ok_or(Denied::Stranger)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Denied::Stranger);
        }
        let presented = Secret::from(presented.trim());
        // In constant time, before anything that can be down.
        if self.key.as_ref() == Some(&presented) {
            return Ok(Caller::Key);
        }
        spend(&self.spent.strangers)?;
        let tokens = self.tokens.as_ref().ok_or(Denied::Stranger)?;
        tokens.caller(presented).await
    }
}

// === impl Tokens ===

impl Tokens {
    async fn caller(&self, presented: Secret) -> Result<Caller, Denied> {
        let identity = match self.verifier.clone().verify(presented).await {
            Verdict::Valid(identity) => identity,
            Verdict::Invalid(_) => return Err(Denied::Stranger),
            Verdict::Indeterminate(_) => return Err(Denied::NoVerdict),
        };
        match self.revocations.check(&identity) {
            Check::Clear => {}
            Check::Revoked(_) | Check::Unfit(_) => return Err(Denied::Stranger),
            // Nothing is admitted on trust where everybody can be thrown out.
            _ => return Err(Denied::NoVerdict),
        }
        Ok(Caller::Token {
            issuer: identity.issuer().into(),
            client: identity.client().unwrap_or("-").into(),
            granted: identity.scopes().contains(&self.scope),
        })
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key => f.write_str("key"),
            Self::Token { issuer, client, .. } => write!(f, "client {client:?} of {issuer:?}"),
        }
    }
}

// === impl Spent ===

impl Default for Spent {
    fn default() -> Self {
        Self {
            known: Mutex::new(Bucket::new(100.0, 50.0)),
            strangers: Mutex::new(Bucket::new(20.0, 10.0)),
        }
    }
}

fn spend(bucket: &Mutex<Bucket>) -> Result<(), Denied> {
    let spent = bucket.lock().spend(Instant::now());
    spent.then_some(()).ok_or(Denied::TooMany)
}

// === impl Bucket ===

impl Bucket {
    pub(super) fn new(most: f64, each_second: f64) -> Self {
        Self {
            left: most,
            at: Instant::now(),
            most,
            each_second,
        }
    }

    pub(super) fn spend(&mut self, now: Instant) -> bool {
        let passed: Duration = now.saturating_duration_since(self.at);
        self.at = self.at.max(now);
        self.left = (self.left + passed.as_secs_f64() * self.each_second).min(self.most);
        let enough = self.left >= 1.0;
        if enough {
            self.left -= 1.0;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_once_and_so_many_each_second() {
        let mut bucket = Bucket::new(3.0, 2.0);
        let start = bucket.at;
        let taken = |bucket: &mut Bucket, at| (0..10).filter(|_| bucket.spend(at)).count();
        assert_eq!(taken(&mut bucket, start), 3);
        assert_eq!(taken(&mut bucket, start + Duration::from_secs(1)), 2);
        assert_eq!(
            taken(&mut bucket, start),
            0,
            "a clock that goes back grants nothing"
        );
        assert_eq!(taken(&mut bucket, start + Duration::from_secs(100)), 3);
    }
}
