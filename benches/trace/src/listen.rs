//! Who listens to spans. There is one at a time, so that nobody pays for what the subscriber of another case wants.

use std::cell::{Cell, RefCell};
use std::io;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::{DefaultGuard, Interest};
use tracing::{Dispatch, Event, Metadata, Subscriber, dispatcher, span};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

/// A subscriber at INFO, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listening {
    Nobody,
    /// A line for each span that ends.
    Lines,
    /// OpenTelemetry: what most of the peers need to propagate anything. Nothing processes its spans.
    Otel(Noting),
    /// Both.
    OtelAndLines(Noting),
}

/// What OpenTelemetry's layer notes of each span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noting {
    /// As it comes.
    Everything,
    /// No threads, no source locations, no idle times.
    Little,
}

thread_local! {
    static NOW: RefCell<Option<(Listening, DefaultGuard)>> = const { RefCell::new(None) };
    static LINES: Cell<u64> = const { Cell::new(0) };
}

// === impl Listening ===

impl Listening {
    /// From now on, on this thread.
    pub(crate) fn begin(self) {
        NOW.with_borrow_mut(|now| {
            let before = now.as_ref().map_or(Self::Nobody, |(before, _)| *before);
            if before == self {
                return;
            }
            *now = None;
            // Levels and call sites are as if there had never been anybody.
            drop(Dispatch::new(Deaf));
            *now = self
                .dispatch()
                .map(|dispatch| (self, dispatcher::set_default(&dispatch)));
        });
    }

    /// Whether lines are written.
    pub(crate) const fn writes(self) -> bool {
        matches!(self, Self::Lines | Self::OtelAndLines(_))
    }

    fn dispatch(self) -> Option<Dispatch> {
        let info = Registry::default().with(LevelFilter::INFO);
        Some(match self {
            Self::Nobody => return None,
            Self::Lines => info.with(lines()).into(),
            Self::Otel(noting) => info.with(otel(noting)).into(),
            Self::OtelAndLines(noting) => info.with(otel(noting)).with(lines()).into(),
        })
    }
}

/// How many lines this thread has written.
pub(crate) fn lines_written() -> u64 {
    LINES.get()
}

fn lines<S: Subscriber + for<'s> LookupSpan<'s>>() -> impl Layer<S> {
    tracing_subscriber::fmt::layer()
        .with_writer(|| Sink)
        .with_span_events(FmtSpan::CLOSE)
}

fn otel<S: Subscriber + for<'s> LookupSpan<'s>>(
    noting: Noting,
) -> OpenTelemetryLayer<S, SdkTracer> {
    let tracer = SdkTracerProvider::builder().build().tracer("bench");
    let layer = tracing_opentelemetry::layer().with_tracer(tracer);
    match noting {
        Noting::Everything => layer,
        Noting::Little => layer
            .with_threads(false)
            .with_location(false)
            .with_tracked_inactivity(false),
    }
}

/// Where lines go: counted, and lost.
struct Sink;

/// Wants nothing.
struct Deaf;

// === impl Sink ===

impl io::Write for Sink {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        LINES.set(LINES.get() + 1);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

// === impl Deaf ===

impl Subscriber for Deaf {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::never()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::OFF)
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        false
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}
