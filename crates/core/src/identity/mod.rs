//! Who was authenticated, and how we know.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::de::DeserializeOwned;

use crate::{Scopes, UnixTime};

mod memo;
mod parts;

pub use memo::MemoKey;
pub use parts::{IdentityParts, TokenHash};

use memo::Memos;

/// A caller whose token was verified.
///
/// Cheap to clone: one `Arc` and the [`Provenance`]. `Debug` shows neither the subject nor any claim.
///
/// ```
/// use portcullis_core::{Identity, IdentityParts, Provenance};
///
/// let mut parts = IdentityParts::new("https://idp.example.com");
/// parts.subject = Some("alice".into());
/// parts.payload = br#"{"sub":"alice","tenant":"blue"}"#.as_slice().into();
/// let identity = Identity::new(parts, Provenance::Fresh);
///
/// #[derive(serde::Deserialize)]
/// struct Tenant { tenant: String }
///
/// assert_eq!(identity.subject(), Some("alice"));
/// assert_eq!(identity.claims::<Tenant>()?.tenant, "blue");
/// # Ok::<(), portcullis_core::ClaimsError>(())
/// ```
#[derive(Clone)]
pub struct Identity {
    shared: Arc<Shared>,
    provenance: Provenance,
}

struct Shared {
    parts: IdentityParts,
    /// The first type asked for, parsed once; a service asks for one type as a rule.
    claims: OnceLock<Arc<dyn Any + Send + Sync>>,
    memos: Memos,
}

/// How an [`Identity`] came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Provenance {
    /// The token was verified for this request.
    Fresh,
    /// A verdict from the cache, re-checked against expiry and the live keys.
    Cached,
    /// The issuer was asked (RFC 7662).
    Introspected,
    /// Admitted by a degrade policy although the check could not be completed.
    Degraded(OutageCause),
}

/// Why a verdict could not be reached. The rows of the degrade table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum OutageCause {
    /// The keys are older than the hard age.
    KeysStale,
    /// No key for this token, and none could be fetched.
    KeyUnavailable,
    /// Introspection is unavailable.
    Introspection,
    /// The revocation view is older than the route's freshness.
    RevocationStale,
    /// The revocation view never synced since the start.
    NeverSynced,
}

/// Why [`Identity::claims`] failed: the claims are not of the shape asked for.
///
/// Names the type and the position, never a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimsError {
    wanted: &'static str,
    category: &'static str,
    column: usize,
}

// === impl Identity ===

impl Identity {
    /// An identity of `parts`, known by `provenance`.
    #[must_use]
    pub fn new(parts: IdentityParts, provenance: Provenance) -> Self {
        Self {
            shared: Arc::new(Shared {
                parts,
                claims: OnceLock::new(),
                memos: Memos::default(),
            }),
            provenance,
        }
    }

    /// The same caller, known by another `provenance`.
    #[must_use]
    pub fn with_provenance(&self, provenance: Provenance) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            provenance,
        }
    }

    /// Turns it into the same caller, known by another `provenance`.
    #[inline]
    #[must_use]
    pub fn into_provenance(mut self, provenance: Provenance) -> Self {
        self.provenance = provenance;
        self
    }

    /// How the identity came to be known.
    #[inline]
    #[must_use]
    pub fn provenance(&self) -> Provenance {
        self.provenance
    }

    /// Everything that is known, as fields.
    #[must_use]
    pub fn parts(&self) -> &IdentityParts {
        &self.shared.parts
    }

    /// The issuer, byte for byte as configured.
    #[inline]
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.shared.parts.issuer
    }

    /// The subject (`sub`). Unique only together with the issuer.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.shared.parts.subject.as_deref()
    }

    /// The session at the issuer (`sid`).
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        self.shared.parts.session.as_deref()
    }

    /// The client that the token was issued to.
    #[must_use]
    pub fn client(&self) -> Option<&str> {
        self.shared.parts.client.as_deref()
    }

    /// The granted scopes.
    #[must_use]
    pub fn scopes(&self) -> &Scopes {
        &self.shared.parts.scopes
    }

    /// Whether `scope` was granted.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.shared.parts.scopes.contains(scope)
    }

    /// The roles found at the configured paths.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.shared.parts.roles.iter().map(|role| &**role)
    }

    /// The tenant, where the verifier was told where to find it.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.shared.parts.tenant.as_deref()
    }

    /// When the token ceases to be valid, leeway not included.
    #[must_use]
    pub fn expires_at(&self) -> Option<UnixTime> {
        self.shared.parts.expires_at
    }

    /// The claims as a type of yours.
    ///
    /// The first type asked for is parsed once per cached verdict and shared by every request that
    /// carries the same token; a second type is parsed at each call.
    ///
    /// # Errors
    /// [`ClaimsError`] if the claims do not have the shape of `T`.
    pub fn claims<T>(&self) -> Result<Arc<T>, ClaimsError>
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        if let Some(Ok(known)) = self
            .shared
            .claims
            .get()
            .map(|claims| Arc::clone(claims).downcast())
        {
            return Ok(known);
        }
        let parsed: Arc<T> = serde_json::from_slice(&self.shared.parts.payload)
            .map(Arc::new)
            .map_err(|error| ClaimsError::new::<T>(&error))?;
        let _ = self
            .shared
            .claims
            .set(Arc::clone(&parsed) as Arc<dyn Any + Send + Sync>);
        Ok(parsed)
    }

    /// Looks at what is kept under `key`, made of the parts if it is not there yet.
    ///
    /// It is made once per cached verdict and shared by every request that carries the same token: a place
    /// for what costs something to work out (keyed digests of its ids, say). For a few keys only: beyond
    /// [`MemoKey::MOST`] it is made at each call. Where two requests are the first at once, both make it and
    /// one is kept: so it must follow from the parts alone.
    #[inline]
    pub fn memo<T, R>(
        &self,
        key: &MemoKey<T>,
        make: impl FnOnce(&IdentityParts) -> T,
        look: impl FnOnce(&T) -> R,
    ) -> R
    where
        T: Any + Send + Sync,
    {
        match self.shared.memos.find(key) {
            Some(known) => look(known),
            None => self.made(key, make, look),
        }
    }

    #[cold]
    #[inline(never)]
    fn made<T, R>(
        &self,
        key: &MemoKey<T>,
        make: impl FnOnce(&IdentityParts) -> T,
        look: impl FnOnce(&T) -> R,
    ) -> R
    where
        T: Any + Send + Sync,
    {
        let value = make(&self.shared.parts);
        let found = look(&value);
        self.shared.memos.keep(key, value);
        found
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("issuer", &self.issuer())
            .field("provenance", &self.provenance)
            .finish_non_exhaustive()
    }
}

// === impl Provenance ===

impl Provenance {
    /// The stable label, for metrics and headers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Cached => "cached",
            Self::Introspected => "introspected",
            Self::Degraded(_) => "degraded",
        }
    }

    /// The cause, if a degrade policy admitted the caller.
    #[must_use]
    pub const fn degraded(self) -> Option<OutageCause> {
        match self {
            Self::Degraded(cause) => Some(cause),
            _ => None,
        }
    }
}

// === impl OutageCause ===

impl OutageCause {
    /// Every cause, in the order of the degrade table.
    pub const ALL: [Self; 5] = [
        Self::KeysStale,
        Self::KeyUnavailable,
        Self::Introspection,
        Self::RevocationStale,
        Self::NeverSynced,
    ];

    /// The stable label, for metrics, headers and `docs/reasons.md`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KeysStale => "keys_stale",
            Self::KeyUnavailable => "key_unavailable",
            Self::Introspection => "introspection_unavailable",
            Self::RevocationStale => "revocation_stale",
            Self::NeverSynced => "revocation_never_synced",
        }
    }
}

impl fmt::Display for OutageCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl ClaimsError ===

impl ClaimsError {
    fn new<T>(error: &serde_json::Error) -> Self {
        use serde_json::error::Category;
        let category = match error.classify() {
            Category::Data => "a claim is missing or of another type",
            Category::Syntax | Category::Eof | Category::Io => "the claims are not JSON",
        };
        Self {
            wanted: std::any::type_name::<T>(),
            category,
            column: error.column(),
        }
    }
}

impl fmt::Display for ClaimsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "claims do not fit {}: {} (column {})",
            self.wanted, self.category, self.column
        )
    }
}

impl std::error::Error for ClaimsError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(payload: &str) -> Identity {
        let mut parts = IdentityParts::new("https://idp.example.com");
        parts.subject = Some("alice-the-secret".into());
        parts.payload = payload.as_bytes().into();
        Identity::new(parts, Provenance::Fresh)
    }

    #[derive(serde::Deserialize, Debug, PartialEq)]
    struct Age {
        age: u8,
    }

    #[derive(serde::Deserialize, Debug, PartialEq)]
    struct Name {
        name: String,
    }

    #[test]
    fn the_first_claims_type_is_parsed_once_and_shared_by_clones() {
        let first = identity(r#"{"age":7,"name":"x"}"#);
        let second = first.with_provenance(Provenance::Cached);
        let a = first.claims::<Age>().unwrap();
        let b = second.claims::<Age>().unwrap();
        assert!(Arc::ptr_eq(&a, &b));
        assert_eq!(first.claims::<Name>().unwrap().name, "x");
    }

    #[test]
    fn a_claims_error_shows_no_value() {
        let error = identity(r#"{"age":"hunter2"}"#)
            .claims::<Age>()
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("Age") && !error.contains("hunter2"),
            "{error}"
        );
    }

    #[test]
    fn debug_shows_neither_subject_nor_claims() {
        let identity = identity(r#"{"secret":"hunter2"}"#);
        let text = format!("{identity:?} {:?}", identity.parts());
        assert!(
            !text.contains("alice") && !text.contains("hunter2"),
            "{text}"
        );
    }

    #[test]
    fn an_identity_is_two_words() {
        assert_eq!(size_of::<Identity>(), 2 * size_of::<usize>());
    }
}
