//! A subscriber that remembers spans.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

/// The spans that closed, in order, and the events within them.
#[derive(Clone, Default)]
pub(crate) struct Spans {
    closed: Arc<Mutex<Vec<Shown>>>,
    events: Arc<Mutex<Vec<Shown>>>,
}

/// A span, or an event by its target.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    pub(crate) name: &'static str,
    pub(crate) parent: Option<String>,
    pub(crate) fields: BTreeMap<String, String>,
}

struct Fields(BTreeMap<String, String>);

// === impl Spans ===

impl Spans {
    /// A subscriber that shows what it is told here.
    pub(crate) fn subscriber(&self) -> impl Subscriber + Send + Sync {
        Registry::default().with(self.clone())
    }

    pub(crate) fn closed(&self) -> Vec<Shown> {
        self.closed.lock().unwrap().clone()
    }

    /// The events of a target.
    pub(crate) fn events(&self, target: &str) -> Vec<Shown> {
        let events = self.events.lock().unwrap();
        events
            .iter()
            .filter(|event| event.name == target)
            .cloned()
            .collect()
    }

    pub(crate) fn only(&self) -> Shown {
        let closed = self.closed();
        assert_eq!(closed.len(), 1, "{closed:?}");
        closed[0].clone()
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields(BTreeMap::new());
        attributes.record(&mut fields);
        let span = context.span(id).unwrap();
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        values.record(span.extensions_mut().get_mut::<Fields>().unwrap());
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields(BTreeMap::new());
        event.record(&mut fields);
        self.events.lock().unwrap().push(Shown {
            name: event.metadata().target(),
            parent: None,
            fields: fields.0,
        });
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let span = context.span(&id).unwrap();
        let parent = span.parent().and_then(|parent| {
            let extensions = parent.extensions();
            extensions
                .get::<Fields>()
                .unwrap()
                .0
                .get("span_id")
                .cloned()
        });
        let fields = span.extensions_mut().remove::<Fields>().unwrap().0;
        self.closed.lock().unwrap().push(Shown {
            name: span.name(),
            parent,
            fields,
        });
    }
}

// === impl Shown ===

impl Shown {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}
