//! What is compared: ways from a client to the same upstream.

use std::env;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::load::Protocol;
use crate::nginx;
use crate::serve;
use crate::server::Server;
use crate::tokens::{AUDIENCE, ISSUER, Tokens};

pub(crate) const DIRECT: &str = "no proxy";
pub(crate) const BARE: &str = "axum-reverse-proxy, bare";
pub(crate) const OPEN: &str = "portcullis, open route";
pub(crate) const PROTECTED: &str = "portcullis, protected route";
pub(crate) const NGINX: &str = "nginx";

/// A way to the upstream, with the process that is measured on it.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Why there is none.
    pub(crate) server: Result<Server, String>,
}

/// Starts what has one of the wanted names.
pub(crate) fn start(
    upstream: &Server,
    protocol: Protocol,
    tokens: &Tokens,
    wanted: impl Fn(&str) -> bool,
) -> Vec<Case> {
    let to = upstream.address();
    let names = [DIRECT, BARE, OPEN, PROTECTED, NGINX];
    let start = |name: &'static str| {
        let server = match name {
            DIRECT => Ok(start_upstream()),
            BARE => Ok(bare(to, protocol)),
            OPEN => Ok(gateway(to, protocol, tokens, "auth = \"none\"", "")),
            PROTECTED => Ok(gateway(to, protocol, tokens, "scopes = [\"api:read\"]", "")),
            _ => nginx::start(to, protocol),
        };
        Case { name, server }
    };
    names
        .into_iter()
        .filter(|name| wanted(name))
        .map(start)
        .collect()
}

/// The upstream in a process of its own.
pub(crate) fn start_upstream() -> Server {
    Server::start(|_, own| {
        let mut command = this()?;
        command.arg(serve::UPSTREAM).arg(own.to_string());
        Ok(command)
    })
}

fn bare(upstream: SocketAddr, protocol: Protocol) -> Server {
    Server::start(|_, own| {
        let mut command = this()?;
        command.arg(serve::BARE);
        command.args([own.to_string(), upstream.to_string()]);
        command.arg(protocol.upstream());
        Ok(command)
    })
}

/// The program `portcullis run`, with one route. It logs as it does when nothing is said about logs.
pub(crate) fn gateway(
    upstream: SocketAddr,
    protocol: Protocol,
    tokens: &Tokens,
    route: &str,
    server: &str,
) -> Server {
    Server::start(|folder, own| {
        let config = format!(
            r#"
            [server]
            listen = "{own}"
            {server}
            [[issuer]]
            url = "{ISSUER}"
            jwks_file = "keys.json"
            audiences = ["{AUDIENCE}"]
            [[route]]
            path = "/api/"
            upstream = ["http://{upstream}"]
            protocol = "{protocol}"
            {route}
            "#,
            protocol = protocol.upstream(),
        );
        fs::write(folder.join("keys.json"), tokens.jwks())?;
        program(folder, &config)
    })
}

fn program(folder: &Path, config: &str) -> io::Result<Command> {
    let file = folder.join("portcullis.toml");
    fs::write(&file, config)?;
    let mut command = this()?;
    command.args(["run", "--config"]).arg(file);
    command.env_remove("RUST_LOG");
    Ok(command)
}

/// This program.
fn this() -> io::Result<Command> {
    Ok(Command::new(env::current_exe()?))
}
