//! From checked claims to an identity.

use std::sync::Arc;

use portcullis_core::{IdentityParts, Scopes};

use super::policy::Policy;
use crate::Reason;
use crate::jose::{Claims, Strings};

/// Everything of an identity but the payload, which the claims still borrow from.
pub(super) fn parts(
    issuer: &Arc<str>,
    policy: &Policy,
    claims: &Claims<'_>,
    payload: &[u8],
) -> Result<IdentityParts, Reason> {
    let scopes = scopes(claims)?;
    let mut roles = Vec::new();
    for path in &policy.roles {
        path.find(payload, &mut roles);
    }
    let mut tenants = Vec::new();
    if let Some(path) = &policy.tenant {
        path.find(payload, &mut tenants);
    }
    policy.grants(!scopes.is_empty(), !roles.is_empty())?;
    let owned = |text: Option<&str>| text.map(Box::from);
    let mut parts = IdentityParts::new(Arc::clone(issuer));
    parts.subject = owned(claims.sub.as_deref());
    parts.session = owned(claims.sid.as_deref());
    parts.client = owned(claims.client());
    parts.token_id = owned(claims.jti.as_deref());
    parts.acr = owned(claims.acr.as_deref());
    parts.amr = claims
        .amr
        .as_ref()
        .map(|amr| amr.iter().map(Box::from).collect())
        .unwrap_or_default();
    parts.expires_at = claims.exp.map(|date| date.floor());
    parts.issued_at = claims.iat.map(|date| date.floor());
    parts.auth_time = claims.auth_time.map(|date| date.floor());
    // Of several nobody can say which it is.
    parts.tenant = (tenants.len() == 1).then(|| tenants.remove(0));
    parts.scopes = scopes;
    parts.roles = roles;
    Ok(parts)
}

/// `scope` as text (RFC 9068), else `scp`; either may also be an array.
fn scopes(claims: &Claims<'_>) -> Result<Scopes, Reason> {
    let filled = |list: &&Strings<'_>| list.iter().any(|text| !text.is_empty());
    let scopes = match claims.scope.as_ref().filter(filled).or(claims.scp.as_ref()) {
        None => return Ok(Scopes::default()),
        Some(Strings::One(text)) => text.parse(),
        Some(many) => Scopes::new(many.iter()),
    };
    scopes.map_err(|_| Reason::MalformedClaim)
}
