//! Taking the configuration again: when it is asked for, and when a file changes.

mod file;
mod follow;
pub(crate) mod restart;
mod snapshot;
mod watch;

pub use file::ConfigFile;
pub(crate) use follow::Follower;
pub(crate) use snapshot::Snapshot;
