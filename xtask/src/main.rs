//! The project's own commands, run as `cargo xtask COMMAND` from anywhere in the workspace.
//!
//! | file | what it holds |
//! |---|---|
//! | `args` | the command line |
//! | `process` | starting programs, streaming what they say |
//! | `steps` | named, timed steps and the table at the end |
//! | `count` | how many tests ran, read from what the runners print |
//! | `workspace` | the members, from `cargo metadata` |
//! | `needs`, `packages` | what tests need beyond Rust, and how each package manager installs it |
//! | `test`, `ci`, `bench` | the commands |
//! | `alone`, `backends`, `budgets`, `tree`, `deny`, `house`, `loom` | steps of `ci`, a file each |

mod alone;
mod args;
mod backends;
mod bench;
mod budgets;
mod ci;
mod count;
mod deny;
mod house;
mod loom;
mod needs;
mod packages;
mod process;
mod steps;
mod test;
mod tree;
mod workspace;

use std::process::ExitCode;

use args::{Command, HELP};

fn main() -> ExitCode {
    let done = match args::parse(std::env::args().skip(1)) {
        Ok(Command::Help) => {
            print!("{HELP}");
            Ok(())
        }
        Ok(Command::Test(only)) => test::run(&only),
        Ok(Command::Ci { only, steps }) => ci::run(&only, &steps),
        Ok(Command::Bench { name, args }) => bench::run(name.as_deref(), &args),
        Err(wrong) => Err(format!("{wrong}\n\n{HELP}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(said) => {
            // An empty message means that everything was said while it happened.
            if !said.is_empty() {
                eprintln!("{said}");
            }
            ExitCode::FAILURE
        }
    }
}
