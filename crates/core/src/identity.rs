//! Who was authenticated, and how we know.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::de::DeserializeOwned;

use crate::{Scopes, UnixTime};

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
    memo: OnceLock<Arc<dyn Any + Send + Sync>>,
}

/// What a verifier knows of a caller: the registered claims, and the whole payload.
///
/// Made by [`IdentityParts::new`], so that a field can be added without breaking verifiers of others.
#[derive(Clone)]
#[non_exhaustive]
pub struct IdentityParts {
    /// The issuer, byte for byte as configured (`iss`).
    pub issuer: Arc<str>,
    /// The subject (`sub`).
    pub subject: Option<Box<str>>,
    /// The session at the issuer (`sid`).
    pub session: Option<Box<str>>,
    /// The client that the token was issued to (`client_id`, `azp`, `appid` or `cid`).
    pub client: Option<Box<str>>,
    /// The granted scopes.
    pub scopes: Scopes,
    /// The roles found at the configured paths.
    pub roles: Vec<Box<str>>,
    /// The identifier of the token (`jti`).
    pub token_id: Option<Box<str>>,
    /// When the token ceases to be valid (`exp`), leeway not included.
    pub expires_at: Option<UnixTime>,
    /// When the token was issued (`iat`).
    pub issued_at: Option<UnixTime>,
    /// When the user last authenticated actively (`auth_time`).
    pub auth_time: Option<UnixTime>,
    /// The authentication context class (`acr`).
    pub acr: Option<Box<str>>,
    /// The authentication methods (`amr`, RFC 8176).
    pub amr: Vec<Box<str>>,
    /// The claims as JSON text, for [`Identity::claims`].
    pub payload: Box<[u8]>,
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
                memo: OnceLock::new(),
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
            .memo
            .get()
            .map(|memo| Arc::clone(memo).downcast())
        {
            return Ok(known);
        }
        let parsed: Arc<T> = serde_json::from_slice(&self.shared.parts.payload)
            .map(Arc::new)
            .map_err(|error| ClaimsError::new::<T>(&error))?;
        let _ = self
            .shared
            .memo
            .set(Arc::clone(&parsed) as Arc<dyn Any + Send + Sync>);
        Ok(parsed)
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

// === impl IdentityParts ===

impl IdentityParts {
    /// Parts that state only the issuer.
    #[must_use]
    pub fn new(issuer: impl Into<Arc<str>>) -> Self {
        Self {
            issuer: issuer.into(),
            subject: None,
            session: None,
            client: None,
            scopes: Scopes::default(),
            roles: Vec::new(),
            token_id: None,
            expires_at: None,
            issued_at: None,
            auth_time: None,
            acr: None,
            amr: Vec::new(),
            payload: Box::from(*b"{}"),
        }
    }

    /// Bytes on the heap, roughly: what a cache should charge for keeping it.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let text = |field: &Option<Box<str>>| field.as_ref().map_or(0, |text| text.len());
        let list =
            |fields: &Vec<Box<str>>| fields.iter().map(|text| text.len() + 16).sum::<usize>();
        size_of::<Self>()
            + self.payload.len()
            + self.scopes.as_str().len()
            + [
                &self.subject,
                &self.session,
                &self.client,
                &self.token_id,
                &self.acr,
            ]
            .into_iter()
            .map(text)
            .sum::<usize>()
            + list(&self.roles)
            + list(&self.amr)
    }
}

impl fmt::Debug for IdentityParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityParts")
            .field("issuer", &self.issuer)
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
