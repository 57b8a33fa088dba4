//! What was found out about one place, and how it is told.

use std::fmt;
use std::time::Duration;

/// What a step is about: where something can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Dns,
    Tcp,
    Tls,
    Http,
    Content,
}

/// What is wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) what: String,
    pub(crate) remedy: String,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Fine(String),
    /// Nothing breaks by it, and somebody should know.
    Note(String),
    Broken(Fault),
}

/// One step, with the time it took; none for what took no time of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) stage: Stage,
    pub(crate) took: Option<Duration>,
    pub(crate) outcome: Outcome,
}

/// The steps of one exchange: one URL, one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Visit {
    /// What was asked for, fit to be shown; empty where the title of the report says it.
    pub(crate) place: String,
    pub(crate) steps: Vec<Step>,
}

/// Everything about one issuer or upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) title: String,
    pub(crate) visits: Vec<Visit>,
}

// === impl Fault ===

impl Fault {
    pub(crate) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

// === impl Report ===

impl Report {
    pub(crate) fn is_fine(&self) -> bool {
        let mut steps = self.visits.iter().flat_map(|visit| &visit.steps);
        !steps.any(|step| matches!(step.outcome, Outcome::Broken(_)))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        self.visits.iter().try_for_each(|visit| visit.fmt(f))
    }
}

impl fmt::Display for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            writeln!(f, "  {}", self.place)?;
        }
        self.steps.iter().try_for_each(|step| step.fmt(f))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mark, text) = match &self.outcome {
            Outcome::Fine(text) => ("ok", text),
            Outcome::Note(text) => ("note", text),
            Outcome::Broken(fault) => ("BROKEN", &fault.what),
        };
        let took = match self.took {
            None => String::new(),
            Some(took) => format!("{} ms", took.as_millis()),
        };
        // In columns, so that the eye finds the step that broke.
        let columns = format!("    {mark:<6}  {:<7}  {took:>8}  ", self.stage.as_str());
        writeln!(f, "{columns}{text}")?;
        if let Outcome::Broken(fault) = &self.outcome {
            writeln!(
                f,
                "{:width$}remedy: {}",
                "",
                fault.remedy,
                width = columns.len()
            )?;
        }
        Ok(())
    }
}

// === impl Stage ===

impl Stage {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "DNS",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Http => "HTTP",
            Self::Content => "content",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(stage: Stage, millis: Option<u64>, outcome: Outcome) -> Step {
        Step {
            stage,
            took: millis.map(Duration::from_millis),
            outcome,
        }
    }

    #[test]
    fn a_report_is_columns_with_a_remedy_under_what_broke() {
        let report = Report {
            title: "issuer[0] https://idp.example.com".to_owned(),
            visits: vec![
                Visit {
                    place: "https://idp.example.com/x".to_owned(),
                    steps: vec![
                        step(Stage::Dns, Some(0), Outcome::Fine("192.0.2.1".to_owned())),
                        step(
                            Stage::Content,
                            None,
                            Outcome::Note("a key left out".to_owned()),
                        ),
                    ],
                },
                Visit {
                    place: String::new(),
                    steps: vec![step(
                        Stage::Tcp,
                        Some(5000),
                        Outcome::Broken(Fault::new("no answer", "start it")),
                    )],
                },
            ],
        };
        assert!(!report.is_fine());
        assert_eq!(
            report.to_string(),
            "issuer[0] https://idp.example.com\n\
             \x20 https://idp.example.com/x\n\
             \x20   ok      DNS          0 ms  192.0.2.1\n\
             \x20   note    content            a key left out\n\
             \x20   BROKEN  TCP       5000 ms  no answer\n\
             \x20                              remedy: start it\n"
        );
    }

    #[test]
    fn notes_break_nothing() {
        let visit = Visit {
            place: String::new(),
            steps: vec![step(Stage::Http, None, Outcome::Note(String::new()))],
        };
        let report = Report {
            title: String::new(),
            visits: vec![visit],
        };
        assert!(report.is_fine());
    }
}
