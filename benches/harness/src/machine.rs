//! What a reader must know to compare figures: the machine, and the versions.

use std::fmt::Write as _;

/// One line about the machine.
#[must_use]
pub fn describe() -> String {
    let processor = std::fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        })
        .unwrap_or_else(|| "processor unknown".to_owned());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "{processor}, {threads} hardware threads, {} {}",
        std::env::consts::OS,
        std::env::consts::ARCH
    )
}

/// The versions of `packages`, as locked.
#[must_use]
pub fn versions(packages: &[&str]) -> String {
    let lock = include_str!("../../Cargo.lock");
    let mut list = String::new();
    for package in packages {
        let name = format!("name = \"{package}\"\n");
        for entry in lock
            .split("[[package]]")
            .filter(|entry| entry.contains(&name))
        {
            let version = entry
                .lines()
                .find_map(|line| line.strip_prefix("version = "))
                .unwrap_or("unknown")
                .trim_matches('"');
            let comma = if list.is_empty() { "" } else { ", " };
            let _ = write!(list, "{comma}{package} {version}");
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_of_the_lock_file() {
        let text = versions(&["tower", "no-such-package"]);
        assert!(text.starts_with("tower 0.5"), "{text}");
        assert!(!text.contains("no-such"));
    }
}
