//! What the demo prints: where everything is, the configuration, and what to try.

use std::fmt;
use std::net::SocketAddr;

/// The audience that the gateway stands for.
pub(super) const AUDIENCE: &str = "https://api.example.com";
/// The scope that its route demands.
pub(super) const SCOPE: &str = "api:read";

/// Where everything is. `Display` writes all that the demo prints.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) gateway: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) issuer: String,
    pub(super) upstream: SocketAddr,
    pub(super) control: SocketAddr,
    pub(super) token: String,
}

/// A line to paste, and the answer to expect.
struct Try {
    title: &'static str,
    line: String,
    expected: &'static str,
}

// === impl Script ===

impl Script {
    /// The configuration of the gateway, as it could stand in a file.
    pub(super) fn config(&self) -> String {
        let Self {
            gateway,
            admin,
            issuer,
            upstream,
            ..
        } = self;
        format!(
            r#"[server]
listen = "{gateway}"
admin  = "{admin}"

[[issuer]]
url        = "{issuer}"
audiences  = ["{AUDIENCE}"]
algorithms = ["RS256"]

[[route]]
path     = "/api/"
upstream = ["http://{upstream}"]
auth     = "required"
scopes   = ["{SCOPE}"]

[[route]]
path     = "/public/"
upstream = ["http://{upstream}"]
auth     = "none"
"#
        )
    }

    fn tries(&self) -> Vec<Try> {
        let control = self.control;
        let api = format!("http://{}/api/orders", self.gateway);
        let with = |token: &str| {
            format!(
                r#"curl -si -H "Authorization: Bearer $(curl -s 'http://{control}/token{token}')" {api}"#
            )
        };
        let turn = |what: &str| format!("curl -si -X POST 'http://{control}/{what}'");
        let mut tries = Vec::new();
        let mut add = |title, line: String, expected| {
            tries.push(Try {
                title,
                line,
                expected,
            });
        };
        add(
            "accepted: the echo shows who the upstream is told you are",
            with(""),
            "200",
        );
        add("no token", format!("curl -si {api}"), "401");
        add("expired", with("?expired"), "401");
        add(
            "wrong audience: a token for another service",
            with("?audience=https://elsewhere.example.com"),
            "401",
        );
        add(
            "missing scope: a good token that may not do this",
            with("?scope=profile"),
            "403",
        );
        add(
            "an open route, with a forged identity header: the upstream does not get it",
            format!(
                "curl -si -H 'X-Auth-Subject: admin' http://{}/public/hello",
                self.gateway
            ),
            "200",
        );
        add("the issuer goes down", turn("outage?mode=down"), "200");
        add(
            "issuer down, known key: checked with the keys that are held",
            with(""),
            "200",
        );
        add(
            "issuer down, unknown key: nobody can say, so it is not 401",
            with("?unknown_key"),
            "503 with Retry-After",
        );
        add(
            "the probe says degraded, and stays 200",
            format!("curl -si http://{}/readyz", self.admin),
            "200",
        );
        add("the issuer is back", turn("outage?mode=ok"), "200");
        add(
            "rotation: from now on it signs with a new key",
            turn("rotate"),
            "200",
        );
        add(
            "a token of the new key; while the gateway has yet to find out that the issuer is back,\n\
             it says 503 and when to come again, and curl does",
            with("").replacen("curl -si", "curl -si --retry 8", 1),
            "200",
        );
        add(
            "the unknown key again: now the issuer was asked, and has no such key",
            with("?unknown_key").replacen("curl -si", "curl -si --retry 8", 1),
            "401",
        );
        tries
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "gateway   http://{}", self.gateway)?;
        writeln!(f, "probes    http://{}/livez and /readyz", self.admin)?;
        writeln!(f, "issuer    {}", self.issuer)?;
        writeln!(
            f,
            "upstream  http://{} (echoes what it receives)",
            self.upstream
        )?;
        writeln!(
            f,
            "control   http://{} (GET / says what it can do)",
            self.control
        )?;
        writeln!(
            f,
            "\nThe gateway runs with this configuration, as `portcullis run --config FILE` would:\n"
        )?;
        for line in self.config().lines() {
            writeln!(f, "    {line}")?;
        }
        writeln!(
            f,
            "\nA token of alice, good for five minutes:\n\n{}",
            self.token
        )?;
        writeln!(f, "\nTo try, in this order:")?;
        for one in self.tries() {
            writeln!(f, "\n{}", one.title)?;
            writeln!(f, "  {}", one.line)?;
            writeln!(f, "  => {}", one.expected)?;
        }
        write!(f, "\nCtrl-C ends it.")
    }
}
