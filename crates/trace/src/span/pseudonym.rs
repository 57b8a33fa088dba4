//! A name for a user that is not the user's name.

use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, Mac};
use portcullis_core::{Identity, Secret};
use sha2::Sha256;

#[derive(Clone)]
pub(super) struct Pseudonyms(Arc<Secret>);

// === impl Pseudonyms ===

impl Pseudonyms {
    pub(super) fn new(key: Secret) -> Self {
        Self(Arc::new(key))
    }

    /// The name of a caller; none if the token names no subject.
    pub(super) fn of(&self, identity: &Identity) -> Option<String> {
        let subject = identity.subject()?;
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose()).ok()?;
        // The length first, so that no two pairs are one text.
        mac.update(&(identity.issuer().len() as u64).to_be_bytes());
        mac.update(identity.issuer().as_bytes());
        mac.update(subject.as_bytes());
        let code = mac.finalize().into_bytes();
        let half = code.first_chunk().map(|half| u128::from_be_bytes(*half))?;
        Some(format!("{half:032x}"))
    }
}

impl fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pseudonyms").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use portcullis_core::{IdentityParts, Provenance};

    use super::*;

    fn named(issuer: &str, subject: Option<&str>) -> Identity {
        let mut parts = IdentityParts::new(issuer);
        parts.subject = subject.map(Into::into);
        Identity::new(parts, Provenance::Fresh)
    }

    fn keyed(key: &str) -> Pseudonyms {
        Pseudonyms::new(Secret::new(key.into()))
    }

    #[test]
    fn a_caller_has_one_name_and_no_other_caller_has_it() {
        let names = keyed("k");
        let name = names.of(&named("iss", Some("alice"))).unwrap();
        assert_eq!(names.of(&named("iss", Some("alice"))).unwrap(), name);
        assert!(name.len() == 32 && !name.contains("alice"));
        for (issuer, subject) in [("iss", "bob"), ("issa", "lice"), ("other", "alice")] {
            assert_ne!(names.of(&named(issuer, Some(subject))).unwrap(), name);
        }
        assert_ne!(keyed("l").of(&named("iss", Some("alice"))).unwrap(), name);
        assert_eq!(names.of(&named("iss", None)), None);
        assert_eq!(format!("{names:?}"), "Pseudonyms { .. }");
    }
}
