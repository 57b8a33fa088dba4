//! `check --online`: whether issuers and upstreams can be reached, and where it breaks if not.
//!
//! Each is walked up to step by step (DNS, TCP, TLS, HTTP, content), by probes of its own, so that it is
//! known and not guessed which step broke. What the documents of an issuer must be is judged by the code
//! that fetches keys in a running gateway.

mod exchange;
mod issuer;
mod place;
mod reach;
mod report;
mod tls;
mod trail;
mod upstream;

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use portcullis_core::ConfigError;
use rustls::ClientConfig;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

pub(crate) use self::place::{printable, shown};
use self::reach::Deadlines;
use self::report::{Fault, Report, Stage};
use self::trail::Trail;
use crate::Config;
use crate::config::{Issuer, Keys, Upstream, UpstreamProtocol};

/// So many places at a time.
const AT_ONCE: usize = 16;
/// The longest that everything together may take.
const WHOLE: Duration = Duration::from_secs(60);

/// A place to check.
enum Target {
    Issuer(Issuer),
    Upstream(Upstream, UpstreamProtocol),
}

/// What all checks have in common.
struct Means {
    issuers: Arc<ClientConfig>,
    /// For HTTP/1.1, and for HTTP/2.
    upstreams: [Arc<ClientConfig>; 2],
    deadlines: Deadlines,
    room: Semaphore,
}

/// One place on the list.
struct Check {
    title: String,
    trail: Trail,
    done: bool,
}

/// Checks everything that the configuration names and tells `out` about each place in the order of the
/// file. Returns whether all is fine.
///
/// # Errors
/// If what TLS needs cannot be read any more.
pub(crate) async fn online(config: &Config, out: &mut dyn Write) -> Result<bool, ConfigError> {
    within(WHOLE, config, out).await
}

async fn within(
    whole: Duration,
    config: &Config,
    out: &mut dyn Write,
) -> Result<bool, ConfigError> {
    let mut upstreams = config.routes.iter().flat_map(|route| &route.upstreams);
    let https = upstreams.any(Upstream::is_https);
    let fetched = |issuer: &Issuer| !matches!(issuer.keys, Keys::File(_));
    let fetches = config.issuers.iter().any(fetched);
    let connect = config.server.connect_timeout;
    let means = Arc::new(Means {
        upstreams: tls::for_upstreams(&config.upstream_tls, https)?,
        issuers: Arc::new(tls::for_issuers(fetches)?),
        deadlines: Deadlines {
            dns: connect,
            tcp: connect,
            others: connect,
        },
        room: Semaphore::new(AT_ONCE),
    });
    let mut checks = Vec::new();
    let mut running = JoinSet::new();
    for (index, (title, target)) in places(config).into_iter().enumerate() {
        let (trail, means) = (Trail::default(), Arc::clone(&means));
        checks.push(Check {
            title,
            trail: trail.clone(),
            done: false,
        });
        running.spawn(async move {
            // Never closed.
            let _room = means.room.acquire().await;
            target.check(&means, &trail).await;
            index
        });
    }
    let (mut told, mut broken) = (0, 0);
    let end = Instant::now() + whole;
    while let Ok(Some(joined)) = timeout_at(end, running.join_next()).await {
        // One that panicked is told at the end, with what it had found out.
        if let Some(check) = joined.ok().and_then(|index| checks.get_mut(index)) {
            check.done = true;
        }
        // In the order of the file, each as soon as those before it are done.
        while let Some(check) = checks.get(told).filter(|check| check.done) {
            broken += usize::from(!check.tell(out));
            told += 1;
        }
    }
    // Steps under way are noted as broken when they are dropped.
    running.shutdown().await;
    for check in checks.iter().skip(told) {
        if !check.done && !check.trail.is_broken() {
            let what = format!("given up: all together may take {whole:?}");
            let remedy = "lower server.connect_timeout, or look at the other places first";
            check.trail.spoil(Stage::Dns, Fault::new(what, remedy));
        }
        broken += usize::from(!check.tell(out));
    }
    // A reader that went away changes nothing about the verdict, here and below.
    let _ = match (checks.len(), broken) {
        (0, _) => writeln!(out, "nothing to reach: neither issuers nor upstreams"),
        (all, 0) => writeln!(out, "all well: {all} of {all}"),
        (all, _) => writeln!(out, "BROKEN: {broken} of {all}"),
    };
    Ok(broken == 0)
}

/// The issuers, then the upstreams, each once: with all its names in the file, and where it is.
fn places(config: &Config) -> Vec<(String, Target)> {
    let mut places = Vec::new();
    for (index, issuer) in config.issuers.iter().enumerate() {
        let title = format!("issuer[{index}] {}", shown(&issuer.url));
        places.push((title, Target::Issuer(issuer.clone())));
    }
    let mut upstreams: Vec<(Vec<String>, &Upstream, UpstreamProtocol)> = Vec::new();
    for (index, route) in config.routes.iter().enumerate() {
        for (position, upstream) in route.upstreams.iter().enumerate() {
            let name = format!("route[{index}].upstream[{position}]");
            let same = |(_, other, protocol): &&mut (_, &Upstream, UpstreamProtocol)| {
                *other == upstream && *protocol == route.protocol
            };
            match upstreams.iter_mut().find(same) {
                Some((names, ..)) => names.push(name),
                None => upstreams.push((vec![name], upstream, route.protocol)),
            }
        }
    }
    for (names, upstream, protocol) in upstreams {
        let title = format!("{} {}", names.join(", "), shown(upstream.as_str()));
        places.push((title, Target::Upstream(upstream.clone(), protocol)));
    }
    places
}

// === impl Target ===

impl Target {
    async fn check(&self, means: &Means, trail: &Trail) {
        match self {
            Self::Issuer(issuer) => issuer::check(issuer, &means.issuers, trail).await,
            Self::Upstream(upstream, protocol) => {
                let [http1, http2] = &means.upstreams;
                let (tls, is_http2) = match protocol {
                    UpstreamProtocol::Http1 => (http1, false),
                    UpstreamProtocol::Http2 => (http2, true),
                };
                upstream::check(upstream, is_http2, tls, means.deadlines, trail).await;
            }
        }
    }
}

// === impl Check ===

impl Check {
    /// Tells what was found out, and whether it is fine.
    fn tell(&self, out: &mut dyn Write) -> bool {
        let report = Report {
            title: self.title.clone(),
            visits: self.trail.visits(),
        };
        let _ = write!(out, "{report}").and_then(|()| out.flush());
        report.is_fine()
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn everything_together_has_a_bound_and_what_was_not_reached_is_told() {
        // The kernel takes the connections, and nobody ever reads from them.
        let mut listeners = Vec::new();
        let mut text = "[server]\nlisten = \"127.0.0.1:0\"\nconnect_timeout = \"1h\"\n".to_owned();
        for index in 0..AT_ONCE + 2 {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            listeners.push(listener);
            text += &format!(
                "[[route]]\npath = \"/{index}/\"\nupstream = [\"http://{address}\"]\nauth = \"none\"\n"
            );
        }
        let config = Config::parse(&text).unwrap();
        let mut out = Vec::new();
        let whole = Duration::from_millis(500);
        let fine = within(whole, &config, &mut out).await.unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(!fine, "{out}");
        let count = |text: &str| out.matches(text).count();
        assert_eq!(count("BROKEN  HTTP "), AT_ONCE, "{out}");
        assert_eq!(count("given up: all together may take 500ms"), 2, "{out}");
        assert!(out.ends_with("BROKEN: 18 of 18\n"), "{out}");
    }

    #[tokio::test]
    async fn where_nobody_is_named_there_is_nothing_to_reach() {
        let config = Config::parse(
            "[forward_auth]\nlisten = \"127.0.0.1:0\"\npeers = [\"127.0.0.1\"]\n\
             [[route]]\npath = \"/\"\nauth = \"none\"\n",
        );
        let mut out = Vec::new();
        assert!(online(&config.unwrap(), &mut out).await.unwrap());
        let out = String::from_utf8(out).unwrap();
        assert_eq!(out, "nothing to reach: neither issuers nor upstreams\n");
    }
}
