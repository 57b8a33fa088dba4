//! The names of keys.

use portcullis_core::ConfigError;

/// The names of keys: all in one hash slot.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    all: [String; 7],
    channel: String,
}

/// In the order in which the scripts expect them.
const NAMES: [&str; 7] = ["meta", "set", "expiry", "log", "secrets", "ops", "ages"];

// === impl Keys ===

impl Keys {
    pub(super) fn new(prefix: &str) -> Result<Self, ConfigError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b":_.-".contains(&byte);
        if prefix.is_empty() || prefix.len() > 64 || !prefix.bytes().all(plain) {
            return Err(ConfigError::new(
                "prefix",
                "is not 1 to 64 of letters, digits, `:`, `_`, `.` and `-`",
                "choose a name for this log, such as portcullis",
            ));
        }
        // What stands in braces decides over the slot.
        let name = |name: &str| format!("{prefix}:{{rv}}:{name}");
        Ok(Self {
            all: NAMES.map(name),
            channel: name("hint"),
        })
    }

    pub(super) fn all(&self) -> &[String] {
        &self.all
    }

    pub(super) fn channel(&self) -> &str {
        &self.channel
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_keys_share_a_slot_and_a_prefix() {
        let keys = Keys::new("team-a:portcullis").unwrap();
        assert!(
            keys.all()
                .iter()
                .all(|key| key.starts_with("team-a:portcullis:{rv}:"))
        );
        for bad in ["", "{x}", "a b", &"x".repeat(65), "ü"] {
            let error = Keys::new(bad).unwrap_err();
            assert_eq!(error.problems().next().unwrap().path, "prefix");
        }
    }
}
