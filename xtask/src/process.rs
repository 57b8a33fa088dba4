//! Programs: started with a quiet environment, streamed line by line where somebody reads along.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// The cargo that started us, or the one on the path, in the given folder.
pub(crate) fn cargo(folder: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(folder);
    // `cargo run` describes *this* package in the environment. Inherited, it would make nested cargo calls differ from
    // the same calls in a shell, and rebuild what those built.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(describes_a_package) {
            command.env_remove(&name);
        }
    }
    command
}

fn describes_a_package(name: &str) -> bool {
    name.starts_with("CARGO_PKG_")
        || name.starts_with("CARGO_MANIFEST_")
        || name == "CARGO_BIN_NAME"
}

/// Runs a command with our output, saying first what is run.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    announce(command);
    let status = dress(command).stdin(Stdio::null()).status();
    judge(command, status)
}

/// Runs a command, streaming its output through, and shows every line of it to `reader`, colours removed.
pub(crate) fn run_reading(
    command: &mut Command,
    reader: impl FnMut(&str) + Send,
) -> Result<(), String> {
    announce(command);
    let child = dress(command)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.map_err(|error| cannot_start(command, &error))?;
    let reader = Mutex::new(reader);
    let (out, err) = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        scope.spawn(|| tee(out, io::stdout(), &reader));
        scope.spawn(|| tee(err, io::stderr(), &reader));
    });
    judge(command, child.wait())
}

/// Runs a command quietly and returns what it wrote to its standard output.
pub(crate) fn capture(command: &mut Command) -> Result<String, String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| cannot_start(command, &error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!(
        "`{}` failed:\n{}",
        spell(command),
        String::from_utf8_lossy(&output.stderr).trim_end()
    ))
}

/// Whether a command can be started and succeeds. Says nothing.
pub(crate) fn succeeds<A: AsRef<OsStr>>(program: &str, args: &[A]) -> bool {
    let mut command = Command::new(program);
    command
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Runs a command without output that may not take longer than `deadline`; afterwards it is killed.
pub(crate) fn within(command: &mut Command, deadline: Duration) -> Result<(), String> {
    announce(command);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command
        .spawn()
        .map_err(|error| cannot_start(command, &error))?;
    let started = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return judge(command, Ok(status)),
            Ok(None) if started.elapsed() < deadline => thread::sleep(Duration::from_millis(50)),
            Ok(None) => {
                // Killing fails only for a child that has just ended by itself; waiting reaps it either way.
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!(
                    "`{}` took longer than {} s",
                    spell(command),
                    deadline.as_secs()
                ));
            }
            Err(error) => return judge(command, Err(error)),
        }
    }
}

/// Colours go where we can see that they are wanted, and nowhere else.
fn dress(command: &mut Command) -> &mut Command {
    if io::stdout().is_terminal()
        && io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none()
    {
        command.env("CARGO_TERM_COLOR", "always")
    } else {
        command
            .env("CARGO_TERM_COLOR", "never")
            .env("NO_COLOR", "1")
    }
}

fn tee(from: Option<impl Read>, mut to: impl Write, reader: &Mutex<impl FnMut(&str)>) {
    let Some(from) = from else { return };
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while matches!(from.read_until(b'\n', &mut line), Ok(1..)) {
        // A closed terminal must not end the run: the result still counts.
        let _ = to.write_all(&line).and_then(|()| to.flush());
        let plain = without_colours(&String::from_utf8_lossy(&line));
        let mut reader = reader
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        reader(plain.trim_end_matches(['\r', '\n']));
        line.clear();
    }
}

/// Removes the escape sequences that terminals take for colours.
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(char) = chars.next() {
        if char != '\u{1b}' {
            plain.push(char);
        } else if chars.next() == Some('[') {
            // ECMA-48: a control sequence ends with the first byte from `@` to `~`.
            chars.by_ref().find(|char| ('@'..='~').contains(char));
        }
    }
    plain
}

fn announce(command: &Command) {
    println!("$ {}", spell(command));
}

fn judge(command: &Command, status: io::Result<ExitStatus>) -> Result<(), String> {
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{}` ended with {status}", spell(command))),
        Err(error) => Err(cannot_start(command, &error)),
    }
}

fn cannot_start(command: &Command, error: &io::Error) -> String {
    format!("`{}` could not be run: {error}", spell(command))
}

/// A command the way one would type it: environment set here, program without its folder, arguments.
fn spell(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or(command.get_program());
    let quiet = ["CARGO_TERM_COLOR", "NO_COLOR"];
    command
        .get_envs()
        .filter(|(name, _)| quiet.iter().all(|quiet| name != quiet))
        .filter_map(|(name, value)| Some(format!("{}={}", name.to_string_lossy(), quoted(value?))))
        .chain(
            std::iter::once(program)
                .chain(command.get_args())
                .map(quoted),
        )
        .collect::<Vec<_>>()
        .join(" ")
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    if word.contains(char::is_whitespace) {
        format!("'{word}'")
    } else {
        word.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_removed_and_text_is_kept() {
        assert_eq!(
            without_colours("\u{1b}[32;1m     Summary\u{1b}[0m [ 1s] é"),
            "     Summary [ 1s] é"
        );
        assert_eq!(without_colours("plain [32m"), "plain [32m");
        assert_eq!(without_colours("cut \u{1b}[3"), "cut ");
    }

    #[test]
    fn commands_are_spelled_as_one_would_type_them() {
        let mut command = Command::new("/opt/bin/cargo");
        command
            .args(["doc", "a b"])
            .env("RUSTDOCFLAGS", "-D warnings")
            .env("NO_COLOR", "1")
            .env_remove("GONE");
        assert_eq!(
            spell(&command),
            "RUSTDOCFLAGS='-D warnings' cargo doc 'a b'"
        );
    }

    #[test]
    fn every_line_of_both_streams_is_read() {
        let mut lines = Vec::new();
        let mut command = Command::new("rustc");
        command.arg("--version");
        run_reading(&mut command, |line| lines.push(line.to_owned())).unwrap();
        assert_eq!(lines.len(), 1);
        assert!(lines[0].starts_with("rustc "), "{lines:?}");

        lines.clear();
        let mut command = Command::new("rustc");
        command.arg("--no-such-flag");
        let failed = run_reading(&mut command, |line| lines.push(line.to_owned())).unwrap_err();
        assert!(failed.contains("rustc --no-such-flag"), "{failed}");
        assert!(
            lines.iter().any(|line| line.contains("no-such-flag")),
            "{lines:?}"
        );
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let failed = capture(&mut Command::new("no-such-program-at-all")).unwrap_err();
        assert!(failed.contains("no-such-program-at-all"), "{failed}");
        assert!(!succeeds::<&str>("no-such-program-at-all", &[]));
    }
}
