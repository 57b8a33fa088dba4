//! `[log]`

use portcullis_core::ConfigError;
use toml::Table;

use super::section::Section;

/// How the gateway logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Log {
    /// `format`: text or JSON.
    pub format: LogFormat,
}

/// What a line of the log is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

// === impl Log ===

impl Log {
    pub(super) fn read(table: Table) -> Result<Self, ConfigError> {
        let mut section = Section::new(table);
        let log = Self {
            format: section.one_of(
                "format",
                &[("text", LogFormat::Text), ("json", LogFormat::Json)],
            ),
        };
        section.finish().into_result(log)
    }
}
