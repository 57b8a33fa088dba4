//! What a group found out, as a table.

use std::fmt;

/// The figures of a group. `Display` is a Markdown table.
#[derive(Clone, Debug)]
pub struct Report {
    pub(crate) title: String,
    pub(crate) note: String,
    pub(crate) peer: Option<String>,
    pub(crate) method: String,
    pub(crate) rows: Vec<Row>,
}

/// The figures of one case; nanoseconds and allocations are per operation.
#[derive(Clone, Debug)]
pub struct Row {
    pub(crate) name: String,
    pub(crate) absent: Option<String>,
    pub(crate) is_over: bool,
    pub(crate) status: u16,
    /// The least of the rounds.
    pub minimum: f64,
    /// The median of the rounds.
    pub median: f64,
    /// The greatest of the rounds.
    pub maximum: f64,
    /// The least, less the least of the bare case.
    pub added: f64,
    /// The median, less the median of the bare case.
    pub added_median: f64,
    /// How many times as fast as the named peer: the median of the ratios of each round.
    pub times_as_fast: Option<f64>,
    /// Allocations, less those of the bare case; none if nobody counted.
    pub allocations: Option<f64>,
    /// Bytes allocated, less those of the bare case.
    pub bytes: Option<f64>,
}

// === impl Report ===

impl Report {
    /// The row of a case, if it was measured.
    #[must_use]
    pub fn row(&self, name: &str) -> Option<&Row> {
        self.rows
            .iter()
            .find(|row| row.name == name && row.absent.is_none())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "### {}\n", self.title)?;
        let peer = self.peer.as_deref().unwrap_or("the peer");
        // Nothing that has a status, nothing that is put round something: no columns of dashes.
        let statuses = self.rows.iter().any(|row| row.status != 0);
        let bases = self.rows.iter().any(|row| row.is_over);
        let mut columns = vec!["case"];
        let times = format!("times as fast as {peer}");
        if statuses {
            columns.push("answer");
        }
        columns.extend(["min ns", "median ns"]);
        if bases {
            columns.extend(["added ns (min)", "added ns (median)"]);
        }
        columns.push(&times);
        columns.extend(if bases {
            ["allocations added", "bytes added"]
        } else {
            ["allocations", "bytes"]
        });
        line(f, &columns)?;
        let rules: Vec<&str> = columns
            .iter()
            .map(|column| if *column == "case" { "---" } else { "--:" })
            .collect();
        line(f, &rules)?;
        for row in &self.rows {
            let cells = row.cells(statuses, bases);
            let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
            line(f, &cells)?;
        }
        writeln!(f)?;
        for row in &self.rows {
            if let Some(reason) = &row.absent {
                writeln!(f, "– `{}`: {reason}\n", row.name)?;
            }
        }
        let note = if self.note.is_empty() {
            String::new()
        } else {
            format!(" {}", self.note)
        };
        writeln!(f, "<sub>{}.{note}</sub>\n", self.method)
    }
}

// === impl Row ===

impl Row {
    fn cells(&self, statuses: bool, bases: bool) -> Vec<String> {
        let mut cells = vec![self.name.clone()];
        let mut cell = |wanted: bool, text: Option<String>| {
            if wanted {
                let text = text.filter(|_| self.absent.is_none());
                cells.push(text.unwrap_or_else(|| "–".to_owned()));
            }
        };
        let over = |figure: f64| self.is_over.then(|| nanos(figure));
        cell(
            statuses,
            (self.status != 0).then(|| self.status.to_string()),
        );
        cell(true, Some(nanos(self.minimum)));
        cell(true, Some(nanos(self.median)));
        cell(bases, over(self.added));
        cell(bases, over(self.added_median));
        cell(true, self.times_as_fast.map(times));
        cell(true, self.allocations.map(|each| format!("{each:.2}")));
        cell(true, self.bytes.map(|each| format!("{each:.0}")));
        cells
    }
}

fn line(f: &mut fmt::Formatter<'_>, cells: &[&str]) -> fmt::Result {
    writeln!(f, "| {} |", cells.join(" | "))
}

/// A ratio: as many digits as it has meaning.
fn times(ratio: f64) -> String {
    if ratio >= 10.0 {
        format!("{ratio:.0}")
    } else {
        format!("{ratio:.2}")
    }
}

/// Nanoseconds: one decimal where it means something.
fn nanos(value: f64) -> String {
    if value.abs() < 100.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}
