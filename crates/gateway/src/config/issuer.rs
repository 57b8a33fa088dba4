//! `[[issuer]]`

use std::path::Path;

use portcullis_auth::key::{Algorithm, Family};
use portcullis_core::{ConfigError, ConfigProblem};
use toml::Table;

use crate::auth;

use super::section::{Draft, Section};
use super::{Issuer, Keys, TokenRule};

// === impl Issuer ===

impl Issuer {
    pub(super) fn read(table: Table, folder: Option<&Path>) -> Draft<Self> {
        let mut section = Section::new(table);
        let url = section.required("url", Section::text);
        let keys = match (section.text("jwks_url"), section.text("jwks_file")) {
            (None, None) => Keys::Discovery,
            (Some(url), None) => Keys::Url(url),
            (None, Some(file)) => Keys::File(super::path(folder, &file)),
            (Some(_), Some(_)) => {
                section.wrong(
                    "jwks_file",
                    "stands beside jwks_url",
                    "keep one: keys come from one place",
                );
                Keys::Discovery
            }
        };
        let issuer = Self {
            url: url.clone().unwrap_or_default(),
            keys,
            audiences: section.texts("audiences").unwrap_or_default(),
            clients: section.texts("clients").unwrap_or_default(),
            algorithms: algorithms(&mut section),
            leeway: section.duration("leeway"),
            tokens: section.one_of(
                "tokens",
                &[
                    ("scoped", TokenRule::Scoped),
                    ("at+jwt", TokenRule::AccessTokens),
                    ("any", TokenRule::Any),
                ],
            ),
            allow_http: section.flag("allow_http").unwrap_or(false),
        };
        let mut problems = section.finish();
        let noted = problems.clone().check().err();
        let found = auth::problems(&issuer).err();
        for problem in found.iter().flat_map(ConfigError::problems) {
            // What could not be read need not be found wrong a second time.
            let twice = |other: &ConfigProblem| key_of(&other.path) == key_of(&problem.path);
            if !noted.iter().flat_map(ConfigError::problems).any(twice) {
                problems.push(&problem.path, &problem.message, &problem.remedy);
            }
        }
        Draft {
            value: url.map(|_| issuer),
            problems,
        }
    }
}

/// The key that a path begins with.
fn key_of(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or(path)
}

fn algorithms(section: &mut Section) -> Option<Vec<Algorithm>> {
    let names = section.texts("algorithms")?;
    let mut algorithms = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        match Algorithm::from_name(name) {
            Some(algorithm) if algorithm.family() != Family::Hmac => algorithms.push(algorithm),
            // A shared secret is no business of a gateway: whoever can check could sign.
            _ => section.wrong(
                format!("algorithms[{index}]"),
                "is not an algorithm of public keys that is known here",
                "choose among RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA",
            ),
        }
    }
    // A list in which nothing can be used is as empty as one that says nothing: that was noted.
    (!algorithms.is_empty() || names.is_empty()).then_some(algorithms)
}
