//! Identities for tests of what comes after authentication.

use std::sync::Arc;

use portcullis_core::{Identity, IdentityParts, Provenance, Scopes, UnixTime};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// The issuer of everything in this kit that is not told another one.
pub const ISSUER: &str = "https://idp.example.com";

/// The audience of everything in this kit that is not told another one.
pub const AUDIENCE: &str = "api";

/// An identity of `subject` at [`ISSUER`], freshly verified.
///
/// ```
/// use portcullis_testing::identity;
///
/// let alice = identity("alice")
///     .scopes("api:read api:write")
///     .claim("tenant", "blue")
///     .build();
///
/// #[derive(serde::Deserialize)]
/// struct Tenant { tenant: String }
///
/// assert!(alice.has_scope("api:read"));
/// assert_eq!(alice.claims::<Tenant>().unwrap().tenant, "blue");
/// ```
pub fn identity(subject: &str) -> IdentityBuilder {
    let mut parts = IdentityParts::new(ISSUER);
    parts.subject = Some(subject.into());
    IdentityBuilder {
        parts,
        claims: Map::new(),
        provenance: Provenance::Fresh,
    }
    .claim("iss", ISSUER)
    .claim("sub", subject)
}

/// An [`Identity`] in the making. Every setter keeps field and claim in step.
#[derive(Clone, Debug)]
#[must_use = "a builder is no identity before `build`"]
pub struct IdentityBuilder {
    parts: IdentityParts,
    claims: Map<String, Value>,
    provenance: Provenance,
}

// === impl IdentityBuilder ===

impl IdentityBuilder {
    /// Sets the issuer (`iss`).
    pub fn issuer(mut self, issuer: &str) -> Self {
        self.parts.issuer = Arc::from(issuer);
        self.claim("iss", issuer)
    }

    /// Takes the subject away.
    pub fn without_subject(mut self) -> Self {
        self.parts.subject = None;
        self.claims.remove("sub");
        self
    }

    /// Sets the scopes (`scope`), with a space between two.
    ///
    /// # Panics
    /// If one has a character that RFC 6749 does not allow.
    pub fn scopes(mut self, scopes: &str) -> Self {
        self.parts.scopes = scopes
            .parse::<Scopes>()
            .unwrap_or_else(|error| panic!("{scopes:?}: {error}"));
        self.claim("scope", scopes)
    }

    /// Sets the roles (`roles`).
    pub fn roles<'a>(mut self, roles: impl IntoIterator<Item = &'a str>) -> Self {
        self.parts.roles = roles.into_iter().map(Into::into).collect();
        let roles = json!(self.parts.roles);
        self.claim("roles", roles)
    }

    /// Sets the client (`client_id`).
    pub fn client(mut self, client: &str) -> Self {
        self.parts.client = Some(client.into());
        self.claim("client_id", client)
    }

    /// Sets the session (`sid`).
    pub fn session(mut self, session: &str) -> Self {
        self.parts.session = Some(session.into());
        self.claim("sid", session)
    }

    /// Sets the identifier of the token (`jti`).
    pub fn token_id(mut self, id: &str) -> Self {
        self.parts.token_id = Some(id.into());
        self.claim("jti", id)
    }

    /// Sets the authentication context class (`acr`).
    pub fn acr(mut self, acr: &str) -> Self {
        self.parts.acr = Some(acr.into());
        self.claim("acr", acr)
    }

    /// Sets the authentication methods (`amr`).
    pub fn amr<'a>(mut self, methods: impl IntoIterator<Item = &'a str>) -> Self {
        self.parts.amr = methods.into_iter().map(Into::into).collect();
        let methods = json!(self.parts.amr);
        self.claim("amr", methods)
    }

    /// Sets when the user last authenticated (`auth_time`).
    pub fn auth_time(mut self, time: UnixTime) -> Self {
        self.parts.auth_time = Some(time);
        self.claim("auth_time", time.as_secs())
    }

    /// Sets when the token was issued (`iat`).
    pub fn issued_at(mut self, time: UnixTime) -> Self {
        self.parts.issued_at = Some(time);
        self.claim("iat", time.as_secs())
    }

    /// Sets when the token expires (`exp`).
    pub fn expires_at(mut self, time: UnixTime) -> Self {
        self.parts.expires_at = Some(time);
        self.claim("exp", time.as_secs())
    }

    /// Sets any claim of the payload. Fields have setters of their own; this one touches none.
    ///
    /// # Panics
    /// If `value` has no JSON form.
    pub fn claim(mut self, name: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).expect("a claim that has a JSON form");
        self.claims.insert(name.to_owned(), value);
        self
    }

    /// Sets how the identity came to be known.
    pub fn provenance(mut self, provenance: Provenance) -> Self {
        self.provenance = provenance;
        self
    }

    /// The identity.
    #[must_use]
    pub fn build(self) -> Identity {
        let Self {
            mut parts,
            claims,
            provenance,
        } = self;
        parts.payload = Value::Object(claims).to_string().into_bytes().into();
        Identity::new(parts, provenance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_core::OutageCause;

    #[test]
    fn every_setter_shows_in_the_field_and_in_the_claims() {
        let identity = identity("alice")
            .issuer("https://other.example.com")
            .scopes("a b")
            .roles(["admin"])
            .client("web")
            .session("s-1")
            .token_id("t-1")
            .acr("gold")
            .amr(["pwd", "otp"])
            .auth_time(UnixTime::from_secs(5))
            .issued_at(UnixTime::from_secs(6))
            .expires_at(UnixTime::from_secs(7))
            .claim("nested", json!({"deep": [1, 2]}))
            .provenance(Provenance::Degraded(OutageCause::KeysStale))
            .build();

        let claims = identity.claims::<Value>().unwrap();
        assert_eq!(
            *claims,
            json!({
                "iss": "https://other.example.com", "sub": "alice", "scope": "a b",
                "roles": ["admin"], "client_id": "web", "sid": "s-1", "jti": "t-1",
                "acr": "gold", "amr": ["pwd", "otp"], "auth_time": 5, "iat": 6, "exp": 7,
                "nested": {"deep": [1, 2]},
            })
        );
        let parts = identity.parts();
        assert_eq!(identity.issuer(), "https://other.example.com");
        assert_eq!(identity.subject(), Some("alice"));
        assert_eq!(identity.scopes().as_str(), "a b");
        assert_eq!(identity.roles().collect::<Vec<_>>(), ["admin"]);
        assert_eq!(identity.client(), Some("web"));
        assert_eq!(identity.session(), Some("s-1"));
        assert_eq!(parts.token_id.as_deref(), Some("t-1"));
        assert_eq!(parts.acr.as_deref(), Some("gold"));
        assert_eq!(parts.amr.len(), 2);
        assert_eq!(parts.auth_time, Some(UnixTime::from_secs(5)));
        assert_eq!(parts.issued_at, Some(UnixTime::from_secs(6)));
        assert_eq!(identity.expires_at(), Some(UnixTime::from_secs(7)));
        assert_eq!(
            identity.provenance(),
            Provenance::Degraded(OutageCause::KeysStale)
        );
    }

    #[test]
    fn a_client_credential_has_no_subject() {
        let identity = identity("ignored")
            .without_subject()
            .client("worker")
            .build();
        assert_eq!(identity.subject(), None);
        assert!(identity.claims::<Value>().unwrap().get("sub").is_none());
    }
}
