//! What the tests need beyond Rust.

use crate::packages::Manager;
use crate::process;
use crate::steps::Ended;

/// One thing that tests need. A new one is one entry of [`NEEDS`].
#[derive(Debug)]
struct Need {
    name: &'static str,
    /// What it is for, as the end of "needed for".
    why: &'static str,
    /// Command lines, one of which succeeds where the thing is installed.
    probe: &'static [&'static [&'static str]],
    /// Its packages by manager. Where none is named, `by_hand` says what to do.
    packages: &'static [(Manager, &'static [&'static str])],
    by_hand: &'static str,
}

const NEEDS: &[Need] = &[
    Need {
        name: "a C compiler",
        why: "building aws-lc (signature checks)",
        // No cmake beside it: aws-lc comes with bindings and a build of its own for every platform we support.
        probe: &[
            &["cc", "--version"],
            &["clang", "--version"],
            &["gcc", "--version"],
        ],
        packages: &[
            (Manager::Apt, &["gcc", "libc6-dev"]),
            (Manager::Dnf, &["gcc", "glibc-devel"]),
            (Manager::Apk, &["gcc", "musl-dev"]),
            (Manager::Pacman, &["gcc"]),
        ],
        by_hand: "on macOS run `xcode-select --install`, elsewhere install gcc or clang",
    },
    Need {
        name: "rustfmt",
        why: "the format check",
        probe: &[&["cargo", "fmt", "--version"]],
        packages: &[],
        by_hand: "run `rustup component add rustfmt`",
    },
    Need {
        name: "clippy",
        why: "the lints",
        probe: &[&["cargo", "clippy", "--version"]],
        packages: &[],
        by_hand: "run `rustup component add clippy`",
    },
    Need {
        name: "curl",
        why: "the tests that speak to the gateway with it, and run the lines which the demo prints",
        probe: &[&["curl", "--version"]],
        packages: &[
            (Manager::Apt, &["curl"]),
            (Manager::Dnf, &["curl"]),
            (Manager::Apk, &["curl"]),
            (Manager::Pacman, &["curl"]),
            (Manager::Brew, &["curl"]),
        ],
        by_hand: "install curl",
    },
    Need {
        name: "nginx",
        why: "the tests in which nginx asks the gateway, or stands before it",
        // Debian keeps it where only root looks for programs. The module is built in by every packager below, but an
        // nginx that somebody built by hand may lack it.
        probe: &[&["nginx", "-v"], &["/usr/sbin/nginx", "-v"]],
        packages: &[
            (Manager::Apt, &["nginx"]),
            (Manager::Dnf, &["nginx"]),
            (Manager::Apk, &["nginx"]),
            (Manager::Pacman, &["nginx"]),
            (Manager::Brew, &["nginx"]),
        ],
        by_hand: "install nginx, with its module http_auth_request",
    },
    Need {
        name: "promtool",
        why: "the tests that have Prometheus' own tool look at metrics and alerts",
        probe: &[&["promtool", "--version"]],
        packages: &[
            (Manager::Apt, &["prometheus"]),
            (Manager::Dnf, &["golang-github-prometheus"]),
            (Manager::Apk, &["prometheus"]),
            (Manager::Pacman, &["prometheus"]),
            (Manager::Brew, &["prometheus"]),
        ],
        by_hand: "install promtool, which comes with Prometheus",
    },
    Need {
        name: "redis-server",
        why: "the tests that freeze, kill, flush and partition it",
        probe: &[
            &["redis-server", "--version"],
            &["valkey-server", "--version"],
        ],
        packages: &[
            (Manager::Apt, &["redis-server"]),
            // Fedora has Valkey in its place.
            (Manager::Dnf, &["valkey"]),
            (Manager::Apk, &["redis"]),
            (Manager::Pacman, &["valkey"]),
            (Manager::Brew, &["redis"]),
        ],
        by_hand: "install redis-server 7 or newer, or valkey-server",
    },
];

/// Installs what is missing where a package manager is here and may be used; else an error that says what to install.
pub(crate) fn ensure() -> Result<Ended, String> {
    let missing: Vec<&Need> = NEEDS.iter().filter(|need| !need.is_met()).collect();
    if missing.is_empty() {
        return Ok(Ended::Ok);
    }
    let manager = Manager::here();
    let packages: Vec<&str> = missing
        .iter()
        .filter_map(|need| need.packages_of(manager))
        .flatten()
        .copied()
        .collect();
    let tried = match manager {
        Some(manager) if !packages.is_empty() => install(manager, &packages),
        _ => Ok(()),
    };
    // What counts is whether the thing is here now, not what the manager said.
    let still: Vec<String> = missing
        .iter()
        .filter(|need| !need.is_met())
        .map(|need| need.asking(manager))
        .collect();
    if still.is_empty() {
        return Ok(Ended::Said(format!("installed {}", packages.join(" "))));
    }
    let tried = tried
        .err()
        .map(|error| format!("\n{error}"))
        .unwrap_or_default();
    Err(format!(
        "something is missing:\n{}{tried}",
        still.join("\n")
    ))
}

fn install(manager: Manager, packages: &[&str]) -> Result<(), String> {
    let rights = manager
        .rights()
        .ok_or("installing needs root, or a sudo that asks for no password")?;
    // The last command decides: one broken package list must not keep the packages of the others away.
    let mut last = Ok(());
    for line in manager.install(packages) {
        last = process::run(&mut rights.command(&line));
    }
    last
}

// === impl Need ===

impl Need {
    fn is_met(&self) -> bool {
        self.probe
            .iter()
            .any(|line| process::succeeds(line[0], &line[1..]))
    }

    fn packages_of(&self, manager: Option<Manager>) -> Option<&'static [&'static str]> {
        self.packages
            .iter()
            .find(|(of, _)| Some(*of) == manager)
            .map(|(_, packages)| *packages)
    }

    /// What is missing, what for, and what to type.
    fn asking(&self, manager: Option<Manager>) -> String {
        let how = match (manager, self.packages_of(manager)) {
            (Some(manager), Some(packages)) => {
                let line = manager
                    .install(packages)
                    .pop()
                    .unwrap_or_default()
                    .join(" ");
                format!("run `{line}` as a user who may")
            }
            _ => self.by_hand.to_owned(),
        };
        format!("  {}, needed for {}: {how}", self.name, self.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURL: Need = Need {
        name: "curl",
        why: "fetching",
        probe: &[&["no-such-program-at-all", "--version"]],
        packages: &[(Manager::Apk, &["curl", "ca-certificates"])],
        by_hand: "install curl",
    };

    #[test]
    fn a_missing_thing_says_what_to_type_where_its_manager_is_known() {
        assert_eq!(
            CURL.asking(Some(Manager::Apk)),
            "  curl, needed for fetching: run `apk add --no-cache curl ca-certificates` as a user who may"
        );
        assert_eq!(
            CURL.asking(Some(Manager::Brew)),
            "  curl, needed for fetching: install curl"
        );
        assert_eq!(
            CURL.asking(None),
            "  curl, needed for fetching: install curl"
        );
    }

    #[test]
    fn a_need_is_met_by_any_of_its_probes() {
        assert!(!CURL.is_met());
        let either = Need {
            probe: &[&["no-such-program-at-all"], &["rustc", "--version"]],
            ..CURL
        };
        assert!(either.is_met());
    }

    #[test]
    fn every_need_can_be_probed_and_got_by_hand() {
        for need in NEEDS {
            assert!(
                !need.probe.is_empty() && need.probe.iter().all(|line| !line.is_empty()),
                "{}",
                need.name
            );
            assert!(
                !need.by_hand.is_empty() && !need.why.is_empty(),
                "{}",
                need.name
            );
            assert!(
                need.packages
                    .iter()
                    .all(|(_, packages)| !packages.is_empty()),
                "{}",
                need.name
            );
        }
    }
}
