//! `on_stale_revocation`

use std::time::Duration;

use portcullis_auth::Degrade;
use portcullis_core::ConfigError;
use toml::{Table, Value};

use super::section::Section;

/// What passes while it is not known for certain what was revoked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnStaleRevocation {
    /// Nothing: 503 with `Retry-After`.
    #[default]
    Deny,
    /// A token that verifies, while the view is at most this much older than allowed.
    AllowFor {
        /// How much.
        grace: Duration,
        /// Whether with unsafe methods too.
        unsafe_methods: bool,
        /// Whether also before the view was complete for the first time: then nothing is known at all, and
        /// the grace has no end.
        never_synced: bool,
    },
}

pub(super) const KEY: &str = "on_stale_revocation";
const REMEDY: &str = "write \"deny\" or { allow_for = \"60s\" }";

// === impl OnStaleRevocation ===

impl OnStaleRevocation {
    pub(super) fn take(section: &mut Section) -> Option<Self> {
        match section.take(KEY)? {
            Value::String(word) if word == "deny" => Some(Self::Deny),
            Value::Table(table) => {
                let read = allow_for(table);
                // Whatever is wrong in it, it was stated.
                Some(section.absorb(KEY, read).unwrap_or_default())
            }
            _ => {
                section.wrong(KEY, "is none of the known answers", REMEDY);
                Some(Self::Deny)
            }
        }
    }
}

fn allow_for(table: Table) -> Result<OnStaleRevocation, ConfigError> {
    let mut section = Section::new(table);
    let grace = section
        .required("allow_for", Section::duration)
        .unwrap_or(Duration::ZERO);
    let unsafe_methods = section.flag("unsafe_methods").unwrap_or(false);
    let never_synced = section.flag("never_synced").unwrap_or(false);
    // The layer's own bound, found here and not when the gateway starts.
    section.absorb("", Degrade::allow_for(grace));
    section.finish().into_result(OnStaleRevocation::AllowFor {
        grace,
        unsafe_methods,
        never_synced,
    })
}
