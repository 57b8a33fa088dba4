//! Files that the process may have open: every connection is one.

/// What is not for connections: listeners, the log, files of the configuration.
const OTHERS: u64 = 64;

/// Asks for as many as the process may ask for. Systems begin with few (1024), for the sake of programs that
/// this one is not.
pub(crate) fn raise() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let maximum = getrlimit(Resource::Nofile).maximum;
        // Where it is refused, there are those that there were.
        let _ = setrlimit(
            Resource::Nofile,
            Rlimit {
                current: maximum,
                maximum,
            },
        );
    }
}

/// How many connections each of so many listeners may have, so that upstreams can be reached whatever clients
/// do: they have as many as one listener.
pub(crate) fn places(listeners: usize) -> usize {
    #[cfg(unix)]
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    #[cfg(not(unix))]
    let limit = None;
    share(limit, listeners)
}

fn share(limit: Option<u64>, listeners: usize) -> usize {
    let Some(limit) = limit else {
        return usize::MAX;
    };
    let left = usize::try_from(limit.saturating_sub(OTHERS)).unwrap_or(usize::MAX);
    // One at least: nobody could be told why there is none.
    (left / (listeners + 1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upstreams_have_a_share_like_every_listener() {
        for (limit, listeners, places) in [
            (None, 3, usize::MAX),
            (Some(1024), 1, 480),
            (Some(1024), 2, 320),
            (Some(524_288), 3, 131_056),
            (Some(64), 1, 1),
            (Some(0), 1, 1),
        ] {
            assert_eq!(share(limit, listeners), places, "{limit:?}");
        }
    }
}
