//! From an issuer to the URL of its keys.

use portcullis_core::Problems;
use serde::Deserialize;

use crate::url::HttpUrl;

use super::FetchError;
use super::endpoint::{self, Http};

/// Where the metadata of an issuer is, and who it must say it is of.
#[derive(Clone, Debug)]
pub(super) struct Discovery {
    /// Tried in turn.
    pub(super) candidates: [HttpUrl; 2],
    /// The issuer as configured; compared byte for byte.
    issuer: Box<str>,
    /// Other names under which the metadata may know the issuer.
    aliases: Vec<Box<str>>,
    http: Http,
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

// === impl Discovery ===

impl Discovery {
    /// Derives the metadata URLs from the issuer.
    pub(super) fn new(
        issuer: &str,
        aliases: Vec<Box<str>>,
        http: Http,
        problems: &mut Problems,
    ) -> Option<Self> {
        let url = endpoint::parse("issuer", issuer, http, problems)?;
        if url.query().is_some() {
            // RFC 8414 section 2.
            problems.push(
                "issuer",
                "has a query",
                "leave it out, or state the URL of the keys",
            );
            return None;
        }
        // OpenID Connect Discovery section 4 and RFC 8414 section 3.1: a trailing slash goes first.
        let path = url.path().trim_end_matches('/');
        // Appended by the one, inserted by the other.
        let oidc = url.with_path(&format!("{path}/.well-known/openid-configuration"));
        let oauth = url.with_path(&format!("/.well-known/oauth-authorization-server{path}"));
        let (Ok(oidc), Ok(oauth)) = (oidc, oauth) else {
            // The longest URL and a bit more.
            problems.push("issuer", "is too long", "state the URL of the keys");
            return None;
        };
        Some(Self {
            candidates: [oidc, oauth],
            issuer: issuer.into(),
            aliases,
            http,
        })
    }

    /// The URL of the keys, from the metadata.
    pub(super) fn jwks_uri(&self, metadata: &[u8]) -> Result<HttpUrl, FetchError> {
        let metadata: Metadata =
            serde_json::from_slice(metadata).map_err(|_| FetchError::NotJson)?;
        // RFC 8414 section 3.3: identical, so that nobody can speak for another issuer.
        let named = metadata.issuer.as_str();
        if *self.issuer != *named && !self.aliases.iter().any(|alias| **alias == *named) {
            return Err(FetchError::IssuerMismatch);
        }
        HttpUrl::parse(&metadata.jwks_uri)
            .ok()
            .filter(|url| endpoint::is_allowed(url, self.http))
            .ok_or(FetchError::JwksUri)
    }

    /// Whom the metadata says that it is of.
    pub(super) fn named(metadata: &[u8]) -> Option<Box<str>> {
        let metadata: Metadata = serde_json::from_slice(metadata).ok()?;
        Some(metadata.issuer.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(issuer: &str) -> Option<Discovery> {
        let mut problems = Problems::new();
        let discovery = Discovery::new(issuer, Vec::new(), Http::OnLoopback, &mut problems);
        assert_eq!(discovery.is_none(), !problems.is_empty());
        discovery
    }

    #[test]
    fn metadata_is_where_the_standards_put_it() {
        for (issuer, oidc, oauth) in [
            (
                "https://id.example",
                "https://id.example/.well-known/openid-configuration",
                "https://id.example/.well-known/oauth-authorization-server",
            ),
            (
                "https://id.example/",
                "https://id.example/.well-known/openid-configuration",
                "https://id.example/.well-known/oauth-authorization-server",
            ),
            (
                "https://id.example:8443/realms/one",
                "https://id.example:8443/realms/one/.well-known/openid-configuration",
                "https://id.example:8443/.well-known/oauth-authorization-server/realms/one",
            ),
            (
                "https://id.example/realms/a%20b/",
                "https://id.example/realms/a%20b/.well-known/openid-configuration",
                "https://id.example/.well-known/oauth-authorization-server/realms/a%20b",
            ),
        ] {
            let found = of(issuer).unwrap().candidates.map(|url| url.to_string());
            assert_eq!(found, [oidc, oauth]);
        }
        for issuer in [
            "id.example",
            "http://id.example",
            "https://id.example?tenant=1",
            "",
            // No request has room for what comes behind it.
            &format!("https://id.example/{}", "a".repeat(65_500)),
        ] {
            assert!(of(issuer).is_none(), "{issuer}");
        }
    }

    #[test]
    fn the_issuer_is_compared_byte_for_byte() {
        let document = |issuer: &str, uri: &str| {
            format!(r#"{{"issuer":"{issuer}","jwks_uri":"{uri}","grant_types_supported":[]}}"#)
        };
        let keys = "https://cdn.example/keys";
        let discovery = of("https://id.example/a").unwrap();
        let read = |text: String| discovery.jwks_uri(text.as_bytes());
        assert_eq!(
            read(document("https://id.example/a", keys))
                .unwrap()
                .to_string(),
            keys
        );
        for other in [
            "https://id.example/a/",
            "https://ID.example/a",
            "https://id.example/b",
            "",
        ] {
            assert_eq!(
                read(document(other, keys)),
                Err(FetchError::IssuerMismatch),
                "{other}"
            );
        }
        for uri in [
            "http://cdn.example/keys",
            "keys",
            "https://u@cdn.example/keys",
            "https://cdn.example/keys#1",
            "file:///etc/keys",
        ] {
            assert_eq!(
                read(document("https://id.example/a", uri)),
                Err(FetchError::JwksUri)
            );
        }
        for text in ["", "[]", "{}", r#"{"issuer":1,"jwks_uri":""}"#, "<html>"] {
            assert_eq!(read(text.to_owned()), Err(FetchError::NotJson), "{text}");
        }
    }

    #[test]
    fn an_alias_is_accepted() {
        let alias = "https://login.example/{tenantid}/v2.0";
        let discovery = Discovery::new(
            "https://login.example/common/v2.0",
            vec![alias.into()],
            Http::OnLoopback,
            &mut Problems::new(),
        )
        .unwrap();
        let document = format!(r#"{{"issuer":"{alias}","jwks_uri":"https://login.example/keys"}}"#);
        assert!(discovery.jwks_uri(document.as_bytes()).is_ok());
    }
}
