//! The status of an answer, as a label.

use std::borrow::Cow;

use portcullis_core::{Ending, RequestEnded};

/// How a request ended, in as few words as are bounded: a handler may answer with any of 900 codes, and one that
/// answers with what it is asked for lets clients choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Status {
    /// A registered code.
    Code(u16),
    /// The class of any other.
    Class(u16),
    /// There was no answer, or a good one that did not come to its end.
    Ended(&'static str),
}

// === impl Status ===

impl Status {
    pub(super) fn of(event: &RequestEnded<'_>) -> Self {
        let complete = event.end == Ending::Complete;
        match event.status {
            // Who was told of an error was told, read on or not.
            Some(status) if complete || status.as_u16() >= 400 => {
                let code = status.as_u16();
                match status.canonical_reason() {
                    Some(_) => Self::Code(code),
                    None => Self::Class(code / 100),
                }
            }
            _ => Self::Ended(event.end.as_str()),
        }
    }

    pub(super) fn label(self) -> Cow<'static, str> {
        match self {
            Self::Code(code) => code.to_string().into(),
            Self::Class(class) => format!("{class}xx").into(),
            Self::Ended(end) => end.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use portcullis_core::{Phase, Protocol, RequestBegan, Side, TraceContext};

    use super::*;

    fn label(status: Option<u16>, end: Ending) -> String {
        let began = RequestBegan::new(Side::Server, &Default::default(), Protocol::Http);
        let span = TraceContext::root(true);
        let mut event = RequestEnded::new(began, span, end, Duration::ZERO);
        if let Some(code) = status {
            event = event.answered(code.try_into().unwrap(), Duration::ZERO);
        }
        Status::of(&event).label().into_owned()
    }

    #[test]
    fn an_answer_has_its_code_and_what_is_none_says_why() {
        let (head, body) = (Phase::Head, Phase::Body);
        for (status, end, expected) in [
            (Some(200), Ending::Complete, "200"),
            (Some(404), Ending::Complete, "404"),
            (Some(499), Ending::Complete, "4xx"),
            (Some(999), Ending::Complete, "9xx"),
            (None, Ending::Cancelled(head), "cancelled"),
            (None, Ending::Failed(head), "failed"),
            (None, Ending::Panicked(head), "panicked"),
            (Some(200), Ending::Cancelled(body), "cancelled"),
            (Some(200), Ending::Failed(body), "failed"),
            (Some(500), Ending::Cancelled(body), "500"),
        ] {
            assert_eq!(label(status, end), expected);
        }
    }

    #[test]
    fn whatever_is_answered_there_are_few_labels() {
        let codes = (100..1000).map(|code| label(Some(code), Ending::Complete));
        assert!(codes.collect::<BTreeSet<_>>().len() < 80);
    }
}
