//! `WWW-Authenticate`, in the words of RFC 6750, 9470 and 9728.

use std::fmt::Write as _;

use http::HeaderValue;
use portcullis_core::{ConfigError, Problems};

/// What every `WWW-Authenticate` challenge of a layer says beside the error: the realm, and where the
/// metadata of the resource is.
///
/// ```
/// use portcullis_auth::Challenge;
///
/// let challenge = Challenge::new()
///     .with_realm("orders")?
///     .with_resource_metadata("https://api.example.com/.well-known/oauth-protected-resource")?;
/// # Ok::<(), portcullis_core::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    realm: Option<Box<str>>,
    resource_metadata: Option<Box<str>>,
}

// === impl Challenge ===

impl Challenge {
    /// A bare challenge.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            realm: None,
            resource_metadata: None,
        }
    }

    /// Names the realm (RFC 9110 section 11.5).
    ///
    /// # Errors
    /// If the realm has a character that cannot stand in a quoted string as it is.
    pub fn with_realm(mut self, realm: &str) -> Result<Self, ConfigError> {
        quotable("realm", realm)?;
        self.realm = Some(realm.into());
        Ok(self)
    }

    /// Says where the metadata of the protected resource is (RFC 9728 section 5.1).
    ///
    /// # Errors
    /// If it is not an absolute `http` or `https` URL.
    pub fn with_resource_metadata(mut self, url: &str) -> Result<Self, ConfigError> {
        quotable("resource_metadata", url)?;
        let absolute = url.parse::<http::Uri>().is_ok_and(|uri| {
            uri.authority().is_some() && matches!(uri.scheme_str(), Some("http" | "https"))
        });
        if !absolute {
            return Err(ConfigError::new(
                "resource_metadata",
                "is not an absolute URL",
                "write it in full, such as https://api.example.com/.well-known/oauth-protected-resource",
            ));
        }
        self.resource_metadata = Some(url.into());
        Ok(self)
    }

    /// No credential was presented: no error code (RFC 6750 section 3.1).
    pub(crate) fn missing(&self) -> HeaderValue {
        self.render(&[])
    }

    /// A credential was presented and refused.
    pub(crate) fn refused(&self, error: &str, description: &str) -> HeaderValue {
        self.render(&[("error", error), ("error_description", description)])
    }

    /// RFC 6750 section 3.1, `insufficient_scope`.
    pub(crate) fn insufficient_scope(&self, scope: &str) -> HeaderValue {
        self.render(&[("error", "insufficient_scope"), ("scope", scope)])
    }

    /// RFC 9470 section 3.
    pub(crate) fn step_up(&self, acr_values: &str, max_age: Option<u64>) -> HeaderValue {
        let max_age = max_age.map(|seconds| seconds.to_string());
        let mut parameters = vec![("error", "insufficient_user_authentication")];
        if !acr_values.is_empty() {
            parameters.push(("acr_values", acr_values));
        }
        if let Some(max_age) = &max_age {
            parameters.push(("max_age", max_age));
        }
        self.render(&parameters)
    }

    /// RFC 9449 section 7.1: the scheme that a bound token must be presented with.
    pub(crate) fn bound() -> HeaderValue {
        HeaderValue::from_static("DPoP algs=\"ES256 EdDSA\"")
    }

    fn render(&self, parameters: &[(&str, &str)]) -> HeaderValue {
        let realm = self.realm.as_deref().map(|realm| ("realm", realm));
        let metadata = self
            .resource_metadata
            .as_deref()
            .map(|url| ("resource_metadata", url));
        let mut text = "Bearer".to_owned();
        let mut separator = " ";
        for (name, value) in realm
            .into_iter()
            .chain(parameters.iter().copied())
            .chain(metadata)
        {
            // Writing to a String cannot fail.
            let _ = write!(text, "{separator}{name}=\"{value}\"");
            separator = ", ";
        }
        if separator == " " {
            // Shared by all answers without a count of references.
            return HeaderValue::from_static("Bearer");
        }
        // Every value was checked when it was configured, or is from a closed set.
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("Bearer"))
    }
}

/// `%x20-21 / %x23-5B / %x5D-7E`: what a quoted string holds without escapes (RFC 6750 section 3).
pub(crate) fn quotable(field: &str, text: &str) -> Result<(), ConfigError> {
    let mut problems = Problems::new();
    if text.is_empty() {
        problems.push(field, "is empty", "give it a value or leave it out");
    }
    if !text
        .bytes()
        .all(|byte| matches!(byte, 0x20 | 0x21 | 0x23..=0x5B | 0x5D..=0x7E))
    {
        problems.push(
            field,
            "has a character that a challenge cannot hold",
            "use printable ASCII without quote and backslash",
        );
    }
    problems.check()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Challenge {
        Challenge::new()
            .with_realm("orders")
            .and_then(|challenge| challenge.with_resource_metadata("https://a.example/m"))
            .unwrap()
    }

    #[test]
    fn challenges_are_spelled_as_the_rfcs_say() {
        assert_eq!(Challenge::new().missing(), "Bearer");
        assert_eq!(
            full().missing(),
            "Bearer realm=\"orders\", resource_metadata=\"https://a.example/m\""
        );
        assert_eq!(
            Challenge::new().refused("invalid_token", "It expired."),
            "Bearer error=\"invalid_token\", error_description=\"It expired.\""
        );
        assert_eq!(
            full().insufficient_scope("a b"),
            "Bearer realm=\"orders\", error=\"insufficient_scope\", scope=\"a b\", \
             resource_metadata=\"https://a.example/m\""
        );
        assert_eq!(
            Challenge::new().step_up("gold silver", Some(300)),
            "Bearer error=\"insufficient_user_authentication\", acr_values=\"gold silver\", \
             max_age=\"300\""
        );
    }

    #[test]
    fn a_realm_cannot_break_out_of_its_quotes() {
        for bad in ["a\"b", "a\\b", "a\r\nSet-Cookie: x", "ä", ""] {
            assert!(Challenge::new().with_realm(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn metadata_must_be_an_absolute_url() {
        for bad in ["/m", "m", "ftp://a/m", "https://a/\"", "https:///m", ""] {
            assert!(
                Challenge::new().with_resource_metadata(bad).is_err(),
                "{bad:?}"
            );
        }
    }
}
