//! What cannot change while the gateway runs.

use std::net::SocketAddr;

use portcullis_core::{ConfigError, Problems};

use crate::Config;
use crate::config::LogFormat;

const REMEDY: &str = "set it back, or restart the gateway";

/// Whether the gateway can go from one configuration to another without a restart.
///
/// Addresses stay: another one may be taken, or may not be permitted any more to a process that gave up
/// its rights, and half a gateway would be worse than the old one. Lines of a log stay of one form. So does the
/// view of revocations, which would know nothing for a moment.
///
/// # Errors
/// Every key that would need one.
pub(crate) fn needed(from: &Config, to: &Config) -> Result<(), ConfigError> {
    let mut problems = Problems::new();
    let asked = |config: &Config| config.forward_auth.as_ref().map(|asked| asked.listen);
    let controlled = |config: &Config| config.control.as_ref().map(|section| section.listen);
    for (path, from, to) in [
        ("server.listen", from.server.listen, to.server.listen),
        ("server.admin", from.server.admin, to.server.admin),
        ("forward_auth.listen", asked(from), asked(to)),
        ("control.listen", controlled(from), controlled(to)),
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
    for (path, same) in kept(from, to) {
        if !same {
            let message = "is not what it was when the gateway started";
            problems.push(path, message, REMEDY);
        }
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

/// What the view of revocations, its task and its log were made from. Another log knows other revocations.
fn kept(from: &Config, to: &Config) -> Vec<(&'static str, bool)> {
    let mut kept = vec![("store", from.store == to.store)];
    match (&from.revocation, &to.revocation) {
        (None, None) => {}
        (Some(from), Some(to)) => kept.extend([
            ("revocation.secret", from.secret == to.secret),
            (
                "revocation.other_secret",
                from.other_secret == to.other_secret,
            ),
            ("revocation.poll_every", from.poll_every == to.poll_every),
            (
                "revocation.poll_deadline",
                from.poll_deadline == to.poll_deadline,
            ),
            ("revocation.max_age", from.max_age == to.max_age),
            (
                "revocation.max_token_lifetime",
                from.max_token_lifetime == to.max_token_lifetime,
            ),
            ("revocation.capacity", from.capacity == to.capacity),
        ]),
        (None, Some(_)) | (Some(_), None) => kept.push(("revocation", false)),
    }
    kept
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

    #[test]
    fn the_view_of_revocations_stays_and_what_routes_ask_of_it_does_not() {
        let of = |revocation: &str| {
            config(&format!(
                "server = {{ listen = '127.0.0.1:1' }}\nrevocation = {revocation}"
            ))
        };
        let from = of("{ }");
        let other = of("{ on_stale_revocation = { allow_for = '9s' } }");
        assert!(needed(&from, &other).is_ok());
        let error = needed(&from, &of("{ max_age = '9s', capacity = 9 }")).unwrap_err();
        let paths: Vec<_> = error.problems().map(|problem| &*problem.path).collect();
        assert_eq!(paths, ["revocation.max_age", "revocation.capacity"]);
        let without = config("server = { listen = '127.0.0.1:1' }");
        let error = needed(&from, &without).unwrap_err();
        assert_eq!(error.problems().next().unwrap().path, "revocation");
    }
}
