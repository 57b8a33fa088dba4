//! The URL of a server.

use std::fmt;

use percent_encoding::percent_decode_str;
use portcullis_core::{ConfigError, Secret};

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    /// A name or an address, without the brackets of IPv6.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: u32,
}

const PORT: u16 = 6379;

/// Username and password.
type User = (Option<String>, Option<Secret>);

/// Reads a URL. Errors show nothing of it: there may be a password in it.
pub(super) fn parse(text: &str) -> Result<(Url, Option<String>, Option<Secret>), ConfigError> {
    let rest = match text.split_once("://") {
        Some(("redis", rest)) => rest,
        Some(("rediss", _)) => {
            return Err(wrong("asks for TLS, which is not supported yet"));
        }
        _ => return Err(wrong("does not begin with redis://")),
    };
    if rest.contains(['?', '#']) {
        return Err(wrong("has a query or a fragment"));
    }
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let database = match path {
        "" => 0,
        path => whole(path).ok_or_else(|| wrong("has a database that is no number"))?,
    };
    // A password may have an @ in it; a host may not.
    let (user, server) = match authority.rsplit_once('@') {
        Some((user, server)) => (user_of(user)?, server),
        None => ((None, None), authority),
    };
    let (host, port) = server_of(server)?;
    let url = Url {
        host: host.to_owned(),
        port,
        database,
    };
    Ok((url, user.0, user.1))
}

fn user_of(text: &str) -> Result<User, ConfigError> {
    let (name, password) = match text.split_once(':') {
        Some((name, password)) => (name, Some(password)),
        None => (text, None),
    };
    let name = percent_decode_str(name).decode_utf8();
    let name = name.map_err(|_| wrong("has a username that is not UTF-8"))?;
    let password = password
        .map(|password| Secret::new(percent_decode_str(password).collect()))
        .filter(|password| !password.is_empty());
    let name = (!name.is_empty()).then(|| name.into_owned());
    Ok((name, password))
}

fn server_of(text: &str) -> Result<(&str, u16), ConfigError> {
    let (host, port) = match text.strip_prefix('[') {
        Some(text) => {
            let (host, port) = text
                .split_once(']')
                .ok_or_else(|| wrong("has an address without its closing bracket"))?;
            if host.parse::<std::net::Ipv6Addr>().is_err() {
                return Err(wrong("has brackets round what is no IPv6 address"));
            }
            (
                host,
                port.strip_prefix(':')
                    .map_or((port, false), |port| (port, true)),
            )
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, (port, true)),
            None => (text, ("", false)),
        },
    };
    let named = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    if host.is_empty() || !host.bytes().all(named) {
        return Err(wrong("has no host, or more than one"));
    }
    let port = match port {
        ("", false) => PORT,
        (port, true) => whole(port)
            .and_then(|port| u16::try_from(port).ok())
            .filter(|port| *port > 0)
            .ok_or_else(|| wrong("has a port that is no number from 1 to 65535"))?,
        (_, false) => return Err(wrong("has something between its address and its port")),
    };
    Ok((host, port))
}

fn whole(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|digit| digit.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn wrong(message: &str) -> ConfigError {
    ConfigError::new(
        "url",
        message,
        "write redis://host:port/database, such as redis://redis.internal:6379/0",
    )
}

// === impl Url ===

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "redis://[{}]:{}/{}", self.host, self.port, self.database)
        } else {
            write!(f, "redis://{}:{}/{}", self.host, self.port, self.database)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn urls_are_read_whole_or_refused_without_being_shown() {
        let read = |text| parse(text).unwrap().0.to_string();
        for (text, whole) in [
            ("redis://localhost", "redis://localhost:6379/0"),
            ("redis://localhost/", "redis://localhost:6379/0"),
            ("redis://10.0.0.1:7000/3", "redis://10.0.0.1:7000/3"),
            ("redis://[::1]", "redis://[::1]:6379/0"),
            ("redis://[::1]:7000", "redis://[::1]:7000/0"),
            ("redis://u:p@x@host:1", "redis://host:1/0"),
            ("redis://:p@host", "redis://host:6379/0"),
        ] {
            assert_eq!(read(text), whole, "{text}");
        }
        for text in [
            "",
            "redis://",
            "redis:///0",
            "http://hunter2",
            "rediss://hunter2",
            "redis://hunter2:0",
            "redis://hunter2:",
            "redis://hunter2:65536",
            "redis://hunter2:+1",
            "redis://hunter2/x",
            "redis://hunter2/-1",
            "redis://hunter2?db=1",
            "redis://a,hunter2",
            "redis://[::1",
            "redis://[hunter2]",
            "redis://[::1]hunter2",
            "redis://hunter2:hunter2@",
            "redis://%ff:hunter2@host",
            "redis://a:1:hunter2",
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.problems().next().unwrap().path, "url");
            assert!(!error.to_string().contains("hunter2"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_so_that_it_is_read_again(text in "(redis://)?[a-z0-9:@/.\\[\\]%,?]{0,24}") {
            if let Ok((url, ..)) = parse(&text) {
                let again = parse(&url.to_string()).unwrap();
                prop_assert_eq!(again.0, url);
            }
        }
    }
}
