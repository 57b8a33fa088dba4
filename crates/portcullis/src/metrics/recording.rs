//! Where handles come from.

use std::sync::Arc;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder};

use super::family::{FAMILIES, Family, Kind};
use super::naming::Names;

/// Resolves handles: what follows is always so slow that it happens once for each.
pub(super) struct Recording {
    names: Names,
    /// The global one where there is none.
    recorder: Option<Arc<Own>>,
}

pub(super) type Own = dyn Recorder + Send + Sync;

const METADATA: Metadata<'static> =
    Metadata::new("portcullis", Level::INFO, Some("portcullis::metrics"));

// === impl Recording ===

impl Recording {
    pub(super) const fn new(names: Names, recorder: Option<Arc<Own>>) -> Self {
        Self { names, recorder }
    }

    /// Says of every family what it is.
    pub(super) fn describe(&self) {
        for family in FAMILIES {
            let name = KeyName::from(self.names.name(family));
            let (unit, help) = (Some(family.unit), family.help.into());
            self.ask(|recorder| match family.kind {
                Kind::Counter => recorder.describe_counter(name, unit, help),
                Kind::Gauge => recorder.describe_gauge(name, unit, help),
                Kind::Histogram(_) => recorder.describe_histogram(name, unit, help),
            });
        }
    }

    pub(super) fn counter(&self, family: &Family, values: &[&str]) -> Counter {
        let key = self.key(family, values);
        self.ask(|recorder| recorder.register_counter(&key, &METADATA))
    }

    pub(super) fn gauge(&self, family: &Family, values: &[&str]) -> Gauge {
        let key = self.key(family, values);
        self.ask(|recorder| recorder.register_gauge(&key, &METADATA))
    }

    pub(super) fn histogram(&self, family: &Family, values: &[&str]) -> Histogram {
        let key = self.key(family, values);
        self.ask(|recorder| recorder.register_histogram(&key, &METADATA))
    }

    fn key(&self, family: &Family, values: &[&str]) -> Key {
        let names = self.names.labels(family);
        debug_assert_eq!(names.len(), values.len(), "{}", family.name);
        let labels = names.iter().zip(values);
        let labels = labels.map(|(name, value)| Label::new(*name, (*value).to_owned()));
        Key::from_parts(self.names.name(family), labels.collect::<Vec<_>>())
    }

    fn ask<R>(&self, ask: impl FnOnce(&dyn Recorder) -> R) -> R {
        match &self.recorder {
            Some(recorder) => ask(recorder),
            None => metrics::with_recorder(ask),
        }
    }
}
