//! `portcullis demo`: an issuer, an upstream and the gateway in one process, and what to try on them.

mod control;
mod echo;
mod query;
mod script;

use std::error::Error;
use std::fmt;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use portcullis_testing::FakeIssuer;
use tokio_util::sync::CancellationToken;

use self::control::Control;
use self::echo::Echo;
use self::script::Script;
use crate::server::{Limits, Server, Settings};
use crate::signals::Ends;
use crate::{Config, Gateway, Running, StartError, cli};

/// The ports of the demo, all on 127.0.0.1. A port of 0 is a free one.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Ports {
    /// The gateway.
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    port: u16,
    /// The issuer.
    #[arg(long, value_name = "PORT", default_value_t = 8081)]
    issuer_port: u16,
    /// The upstream, which echoes what it receives.
    #[arg(long, value_name = "PORT", default_value_t = 8082)]
    upstream_port: u16,
    /// The switch for outages and rotations, which hands out tokens too.
    #[arg(long, value_name = "PORT", default_value_t = 8083)]
    control_port: u16,
    /// The probes of the gateway.
    #[arg(long, value_name = "PORT", default_value_t = 8084)]
    admin_port: u16,
}

/// Everything that the demo runs, which ends with it.
struct Demo {
    gateway: Running,
    issuer: FakeIssuer,
    upstream: Server,
    control: Server,
    script: Script,
}

/// Why a part of the demo could not start.
#[derive(Debug)]
struct CannotStart {
    part: &'static str,
    option: &'static str,
    error: StartError,
}

const LIMITS: Limits = Limits {
    connections: 1_000,
    headers: 100,
    header_bytes: 32 << 10,
    header: Duration::from_secs(10),
    idle: Duration::from_secs(75),
    drain: Duration::from_secs(2),
};

/// Runs the demo until Ctrl-C or SIGTERM.
pub(crate) async fn run(ports: Ports) -> ExitCode {
    let mut ends = match Ends::listen() {
        Ok(ends) => ends,
        Err(error) => return cli::failed(&error),
    };
    let demo = match Demo::start(ports).await {
        Ok(demo) => demo,
        Err(error) => return cli::failed(&error),
    };
    // A reader that went away does not end the demo.
    let _ = writeln!(io::stdout(), "{}", demo.script);
    if let Err(error) = ends.next().await {
        return cli::failed(&error);
    }
    demo.end().await;
    ExitCode::SUCCESS
}

// === impl Demo ===

impl Demo {
    async fn start(ports: Ports) -> Result<Self, CannotStart> {
        let address = local(ports.issuer_port);
        let issuer = FakeIssuer::builder()
            .audience(script::AUDIENCE)
            .listen_on(address)
            .try_start()
            .await
            .map_err(taken(address))
            .map_err(cannot_start("the issuer", "--issuer-port"))?;
        let address = local(ports.upstream_port);
        let settings = Settings::new(LIMITS, None);
        let nothing = CancellationToken::new();
        let upstream = Server::start(address, Echo, settings.clone(), usize::MAX, nothing.clone())
            .await
            .map_err(taken(address))
            .map_err(cannot_start("the upstream", "--upstream-port"))?;
        let address = local(ports.control_port);
        let control = Control::new(issuer.clone());
        let control = Server::start(address, control, settings, usize::MAX, nothing)
            .await
            .map_err(taken(address))
            .map_err(cannot_start("the control port", "--control-port"))?;

        let mut script = Script {
            gateway: local(ports.port),
            admin: local(ports.admin_port),
            issuer: issuer.url().to_owned(),
            upstream: upstream.address(),
            control: control.address(),
            token: issuer.token().subject("alice").scope(script::SCOPE).issue(),
        };
        // From here on as `run` does it.
        let gateway = match Config::parse(&script.config()).map_err(StartError::from) {
            Ok(config) => Gateway::start(config).await,
            Err(error) => Err(error),
        };
        let gateway = gateway.map_err(cannot_start("the gateway", "--port or --admin-port"))?;
        script.gateway = gateway.address();
        script.admin = gateway.admin_address().unwrap_or(script.admin);
        Ok(Self {
            gateway,
            issuer,
            upstream,
            control,
            script,
        })
    }

    async fn end(self) {
        self.gateway.shut_down().await;
        self.upstream.shut_down().await;
        self.control.shut_down().await;
        drop(self.issuer);
    }
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

fn taken(address: SocketAddr) -> impl FnOnce(io::Error) -> StartError {
    move |error| StartError::Listen { address, error }
}

fn cannot_start(
    part: &'static str,
    option: &'static str,
) -> impl FnOnce(StartError) -> CannotStart {
    move |error| CannotStart {
        part,
        option,
        error,
    }
}

// === impl CannotStart ===

impl fmt::Display for CannotStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} cannot start: {}; choose another port with {}, 0 for a free one",
            self.part, self.error, self.option
        )
    }
}

impl Error for CannotStart {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}
