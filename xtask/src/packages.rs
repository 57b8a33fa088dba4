//! Package managers: which one is here, whether we may use it, how it is called.

use crate::process;
use std::process::Command;

/// A package manager that we know how to call without a question asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manager {
    Apt,
    Dnf,
    Apk,
    Pacman,
    Brew,
}

/// With whose rights a package manager is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rights {
    /// Those we have: we are root, or the manager works for its user.
    Ours,
    /// `sudo`, which needs no password here.
    Sudo,
}

// === impl Manager ===

impl Manager {
    const ALL: [Self; 5] = [Self::Apt, Self::Dnf, Self::Apk, Self::Pacman, Self::Brew];

    /// The first manager that is installed here.
    pub(crate) fn here() -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|manager| process::succeeds(manager.program(), &["--version"]))
    }

    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::Apt => "apt-get",
            Self::Dnf => "dnf",
            Self::Apk => "apk",
            Self::Pacman => "pacman",
            Self::Brew => "brew",
        }
    }

    /// The rights to install with; none if it would take a password.
    pub(crate) fn rights(self) -> Option<Rights> {
        // Homebrew refuses root and installs into folders of its user.
        if self == Self::Brew || is_root() {
            Some(Rights::Ours)
        } else {
            process::succeeds("sudo", &["-n", "true"]).then_some(Rights::Sudo)
        }
    }

    /// The commands that install packages, in their order.
    pub(crate) fn install(self, packages: &[&str]) -> Vec<Vec<String>> {
        let lines: &[&[&str]] = match self {
            // A fresh image has no package lists; a lock held by an unattended upgrade is waited for, not for ever.
            Self::Apt => &[
                &["apt-get", "-o", "DPkg::Lock::Timeout=120", "update"],
                &[
                    "apt-get",
                    "-o",
                    "DPkg::Lock::Timeout=120",
                    "install",
                    "--yes",
                    "--no-install-recommends",
                ],
            ],
            Self::Dnf => &[&["dnf", "install", "--assumeyes"]],
            Self::Apk => &[&["apk", "add", "--no-cache"]],
            Self::Pacman => &[&["pacman", "-Sy", "--noconfirm", "--needed"]],
            Self::Brew => &[&["brew", "install"]],
        };
        let mut lines: Vec<Vec<String>> = lines.iter().map(|line| owned(line)).collect();
        if let Some(last) = lines.last_mut() {
            last.extend(owned(packages));
        }
        lines
    }
}

// === impl Rights ===

impl Rights {
    /// A command line as a command with these rights.
    pub(crate) fn command(self, line: &[String]) -> Command {
        let mut words: Vec<&str> = match self {
            Self::Ours => vec![],
            Self::Sudo => vec!["sudo", "-n"],
        };
        // Through `env`, for sudo starts with a clean environment.
        words.extend(["env", "DEBIAN_FRONTEND=noninteractive"]);
        words.extend(line.iter().map(String::as_str));
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        command
    }
}

fn is_root() -> bool {
    process::capture(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_manager_installs_the_packages_with_its_own_program_and_no_question() {
        for manager in Manager::ALL {
            let lines = manager.install(&["one", "two"]);
            assert!(
                lines.iter().all(|line| line[0] == manager.program()),
                "{lines:?}"
            );
            let last = lines.last().unwrap();
            assert!(last.ends_with(&owned(&["one", "two"])), "{lines:?}");
        }
    }

    #[test]
    fn sudo_never_asks() {
        let command = Rights::Sudo.command(&owned(&["apt-get", "update"]));
        let words: Vec<_> = command.get_args().collect();
        assert_eq!(command.get_program(), "sudo");
        assert_eq!(
            words,
            [
                "-n",
                "env",
                "DEBIAN_FRONTEND=noninteractive",
                "apt-get",
                "update"
            ]
        );
    }
}
