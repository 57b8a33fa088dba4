//! What cannot change while the gateway runs.

use std::net::SocketAddr;

use portcullis_core::{ConfigError, Problems};

use crate::Config;
use crate::config::LogFormat;

const REMEDY: &str = "set it back, or restart the gateway";

/// Whether the gateway can go from one configuration to another without a restart.
///
/// Addresses stay: another one may be taken, or may not be permitted any more to a process that gave up
/// its rights, and half a gateway would be worse than the old one. Lines of a log stay of one form.
///
/// # Errors
/// Every key that would need one.
pub(crate) fn needed(from: &Config, to: &Config) -> Result<(), ConfigError> {
    let mut problems = Problems::new();
    let asked = |config: &Config| config.forward_auth.as_ref().map(|asked| asked.listen);
    for (path, from, to) in [
        ("server.listen", from.server.listen, to.server.listen),
        ("server.admin", from.server.admin, to.server.admin),
        ("forward_auth.listen", asked(from), asked(to)),
    ] {
        if from != to {
            problems.push(path, moved(from), REMEDY);
        }
    }
    if from.server.tls.is_some() != to.server.tls.is_some() {
        let was = if from.server.tls.is_some() {
            "was"
        } else {
            "was not"
        };
        let message = format!("{was} stated when the gateway started");
        problems.push("server.tls", message, REMEDY);
    }
    if from.server.max_connections != to.server.max_connections {
        let message = format!(
            "was {} when the gateway started",
            from.server.max_connections
        );
        problems.push("server.max_connections", message, REMEDY);
    }
    if from.log.format != to.log.format {
        let was = match from.log.format {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        };
        let message = format!("was \"{was}\" when the gateway started");
        problems.push("log.format", message, REMEDY);
    }
    problems.check()
}

fn moved(from: Option<SocketAddr>) -> String {
    match from {
        Some(from) => format!("was {from} when the gateway started"),
        None => "was not set when the gateway started".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        let route = "[[route]]\npath = '/'\nauth = 'none'\nupstream = ['http://127.0.0.1:9']\n";
        Config::parse(&format!("{text}\n{route}")).unwrap()
    }

    #[test]
    fn addresses_and_the_form_of_the_log_need_a_restart_and_nothing_else_does() {
        let from = config("server = { listen = '127.0.0.1:1', admin = '127.0.0.1:2' }");
        let same = "server = { listen = '127.0.0.1:1', admin = '127.0.0.1:2', max_headers = 10 }";
        assert!(needed(&from, &config(same)).is_ok());
        let to = config(
            "server = { listen = '127.0.0.1:3' }\nlog = { format = 'json' }\n\
             forward_auth = { listen = '127.0.0.1:4', peers = ['127.0.0.1'] }",
        );
        let error = needed(&from, &to).unwrap_err();
        let said: Vec<_> = error
            .problems()
            .map(|problem| format!("{} {}", problem.path, problem.message))
            .collect();
        assert_eq!(
            said,
            [
                "server.listen was 127.0.0.1:1 when the gateway started",
                "server.admin was 127.0.0.1:2 when the gateway started",
                "forward_auth.listen was not set when the gateway started",
                "log.format was \"text\" when the gateway started",
            ]
        );
    }
}
