//! One table of the file, read key by key.

use std::net::SocketAddr;
use std::time::Duration;

use portcullis_core::{ConfigError, Problems};
use toml::{Table, Value};

use super::{duration, size};

/// One table of the file: keys are taken out of it one by one, what is wrong with them is noted, and
/// what is left at the end is unknown.
///
/// Serde would stop at the first mistake; whoever repairs a file wants to see them all.
#[derive(Debug)]
pub(super) struct Section {
    table: Table,
    known: Vec<&'static str>,
    problems: Problems,
}

/// What was read of a section, and what is wrong with it.
///
/// There is a value although something is wrong, if only enough is known of it to be judged beside
/// others: whoever repairs one mistake should not be told of the next one then.
pub(super) struct Draft<T> {
    pub(super) value: Option<T>,
    pub(super) problems: Problems,
}

/// A section in the configuration.
#[derive(Debug)]
pub(super) struct Part<T> {
    pub(super) value: Option<T>,
    /// Nothing is wrong with it.
    pub(super) sound: bool,
}

// === impl Section ===

impl Section {
    pub(super) fn new(table: Table) -> Self {
        Self {
            table,
            known: Vec::new(),
            problems: Problems::new(),
        }
    }

    /// Notes a problem of a key.
    pub(super) fn wrong(
        &mut self,
        path: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.problems.push(path, message, remedy);
    }

    /// Takes over the problems of a part, or gives its value.
    pub(super) fn absorb<T>(&mut self, prefix: &str, part: Result<T, ConfigError>) -> Option<T> {
        self.problems.absorb(prefix, part)
    }

    /// Takes over the problems of a part, and its value although there are some.
    pub(super) fn adopt<T>(&mut self, prefix: &str, draft: Draft<T>) -> Part<T> {
        let noted = draft.problems.check();
        Part {
            value: draft.value,
            sound: self.problems.absorb(prefix, noted).is_some(),
        }
    }

    pub(super) fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.table.remove(key)
    }

    /// Whether the key is there, before it is taken.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Whether something is wrong with the key already, or with a member of it.
    pub(super) fn noted(&self, key: &str) -> bool {
        let noted = self.problems.clone().check().err();
        noted.iter().flat_map(ConfigError::problems).any(|problem| {
            let rest = problem.path.strip_prefix(key);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }

    /// Reads a key that must be there.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Self, &'static str) -> Option<T>,
    ) -> Option<T> {
        let missing = !self.table.contains_key(key);
        let value = read(self, key);
        if missing {
            self.wrong(key, "is missing", "there is no default for it");
        }
        value
    }

    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        match self.take(key)? {
            Value::String(text) => Some(text),
            other => self.wants(key, "a string", &other),
        }
    }

    /// A list of strings; a member that is none is left out, and noted.
    pub(super) fn texts(&mut self, key: &'static str) -> Option<Vec<String>> {
        let members = match self.take(key)? {
            Value::Array(members) => members,
            other => return self.wants(key, "a list of strings", &other),
        };
        let mut texts = Vec::with_capacity(members.len());
        for (index, member) in members.into_iter().enumerate() {
            match member {
                Value::String(text) => texts.push(text),
                other => {
                    self.wants::<()>(&format!("{key}[{index}]"), "a string", &other);
                }
            }
        }
        Some(texts)
    }

    /// One of several words; the default where the key is absent.
    pub(super) fn one_of<T: Copy + Default>(
        &mut self,
        key: &'static str,
        words: &[(&str, T)],
    ) -> T {
        let Some(text) = self.text(key) else {
            return T::default();
        };
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let words: Vec<_> = words
                .iter()
                .map(|(word, _)| format!("\"{word}\""))
                .collect();
            self.wrong(
                key,
                "is none of the known words",
                format!("choose {}", words.join(" or ")),
            );
        }
        found.map_or_else(T::default, |(_, value)| *value)
    }

    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        match self.take(key)? {
            Value::Boolean(flag) => Some(flag),
            other => self.wants(key, "true or false", &other),
        }
    }

    pub(super) fn address(&mut self, key: &'static str) -> Option<SocketAddr> {
        let text = self.text(key)?;
        let address = text.parse().ok();
        if address.is_none() {
            self.wrong(
                key,
                "is not an address",
                "write IP and port, such as \"127.0.0.1:8080\" or \"[::1]:8080\"",
            );
        }
        address
    }

    pub(super) fn duration(&mut self, key: &'static str) -> Option<Duration> {
        let value = self.take(key)?;
        let read = duration::read(&value);
        self.absorb(key, read)
    }

    pub(super) fn size(&mut self, key: &'static str) -> Option<u64> {
        let value = self.take(key)?;
        let read = size::read(&value);
        self.absorb(key, read)
    }

    pub(super) fn integer(&mut self, key: &'static str) -> Option<i64> {
        match self.take(key)? {
            Value::Integer(number) => Some(number),
            other => self.wants(key, "a whole number", &other),
        }
    }

    /// A number, with a point or without.
    pub(super) fn number(&mut self, key: &'static str) -> Option<f64> {
        match self.take(key)? {
            Value::Float(number) => Some(number),
            // Whole numbers that a double has not are far out of every range.
            #[expect(clippy::cast_precision_loss, reason = "of what is out of range anyway")]
            Value::Integer(number) => Some(number as f64),
            other => self.wants(key, "a number", &other),
        }
    }

    /// One table, `[key]`.
    pub(super) fn table(&mut self, key: &'static str) -> Option<Table> {
        match self.take(key)? {
            Value::Table(table) => Some(table),
            other => self.wants(key, &format!("a table: write [{key}]"), &other),
        }
    }

    /// A list of tables, `[[key]]`; a member that is none is `None`, and noted.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<Option<Table>> {
        let members = match self.take(key) {
            None => Vec::new(),
            Some(Value::Array(members)) => members,
            Some(other) => {
                self.wants::<()>(key, &format!("a list of tables: write [[{key}]]"), &other);
                Vec::new()
            }
        };
        members
            .into_iter()
            .enumerate()
            .map(|(index, member)| match member {
                Value::Table(table) => Some(table),
                other => self.wants(&format!("{key}[{index}]"), "a table", &other),
            })
            .collect()
    }

    /// Ends the reading of a section of which this is known.
    pub(super) fn draft<T>(self, value: impl Into<Option<T>>) -> Draft<T> {
        Draft {
            value: value.into(),
            problems: self.finish(),
        }
    }

    /// Ends the reading: whatever nobody asked for is unknown.
    pub(super) fn finish(mut self) -> Problems {
        if !self.table.is_empty() {
            let remedy = format!("remove it; known here: {}", self.known.join(", "));
            for (key, _) in self.table {
                self.problems.push(key, "is not known here", remedy.clone());
            }
        }
        self.problems
    }

    /// Ends the reading of a section whose value could not be made: why was noted.
    pub(super) fn failed(self) -> ConfigError {
        let noted = self.finish().check().err();
        noted.unwrap_or_else(|| ConfigError::new("", "cannot be read", "repair it"))
    }

    fn wants<T>(&mut self, path: &str, wanted: &str, found: &Value) -> Option<T> {
        self.wrong(
            path,
            format!("is of type {}", found.type_str()),
            format!("make it {wanted}"),
        );
        None
    }
}
