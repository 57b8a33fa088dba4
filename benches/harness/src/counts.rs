//! Allocations, counted by a twin of the process.
//!
//! An allocator that counts costs a few nanoseconds for each allocation, also while it is told not to
//! count. So the process that takes the time has the allocator of the system, and what it says of
//! allocations it was told by a twin: the same benchmark with the same arguments, built with the feature
//! `count`, which takes no time.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

/// What the cases of each group allocate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<(String, String), Count>);

/// What the operations of one case allocate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) operations: u64,
    pub(crate) allocations: u64,
    pub(crate) bytes: u64,
}

/// What a line of the twin begins with that is meant for us.
const MARK: &str = "counted";

// === impl Counts ===

impl Counts {
    /// Has a twin count, with the same arguments. Without one there are no counts, and the reason is told.
    pub(crate) fn gather(arguments: &[String]) -> Self {
        if cfg!(feature = "count") {
            return Self::default();
        }
        twin(arguments).unwrap_or_else(|reason| {
            eprintln!("Allocations are not counted: {reason}.");
            Self::default()
        })
    }

    /// Allocations and bytes of one operation.
    pub(crate) fn of(&self, group: &str, case: &str) -> Option<(f64, f64)> {
        let named = (group.to_owned(), case.to_owned());
        self.0.get(&named).map(Count::each)
    }

    fn read(output: &str) -> Self {
        let lines = output.lines().filter_map(|line| {
            let mut cells = line.strip_prefix(MARK)?.strip_prefix('\t')?.split('\t');
            let name = (cells.next()?.to_owned(), cells.next()?.to_owned());
            let mut number = || cells.next()?.parse().ok();
            let count = Count {
                operations: number()?,
                allocations: number()?,
                bytes: number()?,
            };
            Some((name, count))
        });
        Self(lines.collect())
    }
}

fn twin(arguments: &[String]) -> Result<Counts, String> {
    let cargo = std::env::var_os("CARGO").ok_or("cargo did not start this process")?;
    // Of the benchmark, which cargo tells what it runs; this crate has others.
    let package = std::env::var_os("CARGO_PKG_NAME").ok_or("cargo named no package")?;
    let folder = std::env::var_os("CARGO_MANIFEST_DIR").ok_or("cargo named no folder")?;
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let own = own.file_stem().ok_or("this process has no name")?;
    let mut twin = Command::new(cargo);
    twin.args(["run", "--quiet", "--features", "count", "--package"])
        .arg(package)
        .arg("--manifest-path")
        .arg(Path::new(&folder).join("Cargo.toml"))
        .arg("--bin")
        .arg(own);
    if !cfg!(debug_assertions) {
        twin.arg("--release");
    }
    twin.arg("--").args(arguments);
    let output = twin
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("the twin that counts ended with {}", output.status));
    }
    Ok(Counts::read(&String::from_utf8_lossy(&output.stdout)))
}

// === impl Count ===

impl Count {
    /// Allocations and bytes of one operation.
    pub(crate) fn each(&self) -> (f64, f64) {
        let per = |total: u64| total as f64 / self.operations as f64;
        (per(self.allocations), per(self.bytes))
    }

    /// The line by which a twin tells it.
    #[cfg(any(feature = "count", test))]
    pub(crate) fn line(&self, group: &str, case: &str) -> String {
        let Self {
            operations,
            allocations,
            bytes,
        } = self;
        format!("{MARK}\t{group}\t{case}\t{operations}\t{allocations}\t{bytes}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_twin_tells_is_what_is_read() {
        let count = Count {
            operations: 4,
            allocations: 10,
            bytes: 100,
        };
        let line = count.line("RS256, valid", "ours, cache off");
        let counts = Counts::read(&format!(
            "## a title\n\n{line}\n| a | table |\ncounted\tx\n"
        ));
        assert_eq!(counts.0.len(), 1);
        assert_eq!(
            counts.of("RS256, valid", "ours, cache off"),
            Some((2.5, 25.0))
        );
        assert_eq!(counts.of("RS256, valid", "ours"), None);
    }
}
