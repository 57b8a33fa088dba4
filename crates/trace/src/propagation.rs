//! Which headers carry a trace, and in which order they are believed.

use std::fmt;

use http::HeaderMap;
use portcullis_core::{Carried, ConfigError, TraceContext, TraceEvent, TraceOutcome};

use crate::codec::{Extracted, RemoteSpan, b3, baggage, names, strip, tracestate, w3c};
use crate::trust::TrustLevel;

/// A way to write a trace into headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// `traceparent` and `tracestate` (W3C Trace Context, level 2).
    W3c,
    /// `b3`.
    B3Single,
    /// `x-b3-traceid`, `x-b3-spanid`, `x-b3-sampled`, `x-b3-flags`.
    B3Multi,
}

/// The formats that a layer reads or writes, in order, and whether `baggage` goes along.
///
/// Reading, the first format with a valid span wins. Writing, each carries the same span.
///
/// # Examples
/// ```
/// use portcullis_trace::{Format, Formats};
///
/// let usual = Formats::W3C;
/// let in_transition = Formats::new([Format::W3c, Format::B3Single]);
/// assert_eq!(Formats::parse("tracecontext,baggage")?, usual);
/// assert_eq!(Formats::parse("tracecontext, b3, baggage")?, in_transition);
/// # Ok::<(), portcullis_core::ConfigError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Formats {
    order: [Option<Format>; 3],
    baggage: bool,
}

/// What the headers of a request say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) extracted: Extracted,
    /// Of which format it is.
    pub(crate) format: Option<Format>,
}

// === impl Format ===

impl Format {
    /// The stable label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::W3c => "w3c",
            Self::B3Single => "b3",
            Self::B3Multi => "b3multi",
        }
    }
}

// === impl Found ===

impl Found {
    /// What becomes of it, of a caller who is trusted so far.
    pub(crate) fn event(&self, level: TrustLevel) -> TraceEvent {
        let outcome = match (self.extracted, level) {
            (Extracted::Absent, _) => TraceOutcome::Absent,
            (Extracted::Invalid, _) => TraceOutcome::Invalid,
            (Extracted::Span(_), TrustLevel::Internal) => TraceOutcome::Continued,
            // A decision alone has no trace to go on.
            (Extracted::Span(_) | Extracted::Only(_), _) => TraceOutcome::Restarted,
        };
        TraceEvent::new(self.format.map(Format::as_str), outcome)
    }
}

// === impl Formats ===

impl Formats {
    /// W3C Trace Context and Baggage: the default.
    pub const W3C: Self = Self {
        order: [Some(Format::W3c), None, None],
        baggage: true,
    };

    /// No format at all: every request begins a trace, and none is told of it.
    pub const NONE: Self = Self {
        order: [None; 3],
        baggage: false,
    };

    /// These, in this order, and baggage. One that is named twice counts where it is named first.
    #[must_use]
    pub fn new(formats: impl IntoIterator<Item = Format>) -> Self {
        let mut all = Self {
            baggage: true,
            ..Self::NONE
        };
        for format in formats {
            all.push(format);
        }
        all
    }

    /// The same, with or without baggage.
    #[must_use]
    pub const fn with_baggage(mut self, baggage: bool) -> Self {
        self.baggage = baggage;
        self
    }

    /// Reads a list as OpenTelemetry writes it in `OTEL_PROPAGATORS`: `tracecontext`, `baggage`, `b3`, `b3multi`, or
    /// `none` alone.
    ///
    /// # Errors
    /// Names every part that is none of them.
    pub fn parse(list: &str) -> Result<Self, ConfigError> {
        let mut formats = Self::NONE;
        let mut unknown = Vec::new();
        let parts = || {
            list.split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty())
        };
        if parts().next().is_none() {
            return Err(ConfigError::new("propagators", "is empty", REMEDY));
        }
        for part in parts() {
            match part {
                "tracecontext" => formats.push(Format::W3c),
                "b3" => formats.push(Format::B3Single),
                "b3multi" => formats.push(Format::B3Multi),
                "baggage" => formats.baggage = true,
                "none" if parts().count() == 1 => {}
                "none" => unknown.push("\"none\" beside others".to_owned()),
                other => unknown.push(format!("{other:?}")),
            }
        }
        if unknown.is_empty() {
            return Ok(formats);
        }
        let message = format!("has {}", unknown.join(", "));
        Err(ConfigError::new("propagators", message, REMEDY))
    }

    /// What `OTEL_PROPAGATORS` says; [`W3C`](Self::W3C) if it is not set or empty, as OpenTelemetry has it.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::of_variable(std::env::var_os(VARIABLE).as_deref())
    }

    fn of_variable(value: Option<&std::ffi::OsStr>) -> Result<Self, ConfigError> {
        let Some(value) = value.filter(|value| !value.is_empty()) else {
            return Ok(Self::W3C);
        };
        let rename = |error: ConfigError| {
            let problems: Vec<_> = error
                .problems()
                .map(|problem| problem.message.clone())
                .collect();
            ConfigError::new(VARIABLE, problems.join(", "), REMEDY)
        };
        match value.to_str() {
            Some(list) => Self::parse(list).map_err(rename),
            None => Err(ConfigError::new(VARIABLE, "is not text", REMEDY)),
        }
    }

    /// The formats, in order.
    pub fn iter(self) -> impl Iterator<Item = Format> {
        self.order.into_iter().flatten()
    }

    /// Whether baggage goes along.
    #[must_use]
    pub const fn carries_baggage(self) -> bool {
        self.baggage
    }

    fn push(&mut self, format: Format) {
        if self.order.contains(&Some(format)) {
            return;
        }
        if let Some(free) = self.order.iter_mut().find(|slot| slot.is_none()) {
            *free = Some(format);
        }
    }

    /// What the headers say: the first valid span; else whether to record; else whether anything was there.
    #[inline]
    pub(crate) fn extract(self, headers: &HeaderMap) -> Found {
        let mut best = Found {
            extracted: Extracted::Absent,
            format: None,
        };
        for format in self.iter() {
            let extracted = match format {
                Format::W3c => w3c::extract(headers),
                Format::B3Single => b3::extract_single(headers),
                Format::B3Multi => b3::extract_multi(headers),
            };
            let found = Found {
                extracted,
                format: Some(format),
            };
            match (extracted, best.extracted) {
                // Who denied it in a format that comes first, denied it.
                (Extracted::Span(span), Extracted::Only(decision)) => {
                    let extracted = Extracted::Span(RemoteSpan { decision, ..span });
                    return Found { extracted, ..found };
                }
                (Extracted::Span(_), _) => return found,
                (Extracted::Only(_), Extracted::Only(_)) | (Extracted::Absent, _) => {}
                (Extracted::Only(_), _) | (Extracted::Invalid, Extracted::Absent) => best = found,
                (Extracted::Invalid, _) => {}
            }
        }
        best
    }

    /// What goes along with a span of `format`.
    #[inline]
    pub(crate) fn carried(self, format: Option<Format>, headers: &HeaderMap) -> Carried {
        let state = match format {
            Some(Format::W3c) => tracestate::carry(headers, TRACESTATE_MOST),
            _ => None,
        };
        let baggage = if self.baggage {
            baggage::carry(headers)
        } else {
            None
        };
        Carried::new(state, baggage)
    }

    /// Writes a span, and what goes along, and nothing else: whatever was there before goes.
    pub(crate) fn inject(self, headers: &mut HeaderMap, span: &TraceContext, carried: &Carried) {
        strip(headers);
        for format in self.iter() {
            match format {
                Format::W3c => {
                    w3c::inject(headers, span);
                    if let Some(state) = &carried.state {
                        headers.insert(&names::TRACESTATE, state.clone());
                    }
                }
                Format::B3Single => b3::inject_single(headers, span),
                Format::B3Multi => b3::inject_multi(headers, span),
            }
        }
        if self.baggage
            && let Some(baggage) = &carried.baggage
        {
            headers.insert(&names::BAGGAGE, baggage.clone());
        }
    }
}

const VARIABLE: &str = "OTEL_PROPAGATORS";
const REMEDY: &str = "name some of tracecontext, baggage, b3 and b3multi, or none alone";

/// How much of a `tracestate` is handed on, in bytes: four times what every implementation must.
pub(crate) const TRACESTATE_MOST: usize = 2048;

impl Default for Formats {
    fn default() -> Self {
        Self::W3C
    }
}

impl fmt::Debug for Formats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Formats")
            .field("order", &self.iter().collect::<Vec<_>>())
            .field("baggage", &self.baggage)
            .finish()
    }
}
