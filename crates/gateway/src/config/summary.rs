//! What a configuration amounts to, in words.

use std::fmt::{self, Write as _};

use super::{Config, Keys, OnIdpOutage, RouteAuth, Store, UpstreamProtocol};
use crate::diagnose::shown;

// === impl Config ===

impl Config {
    /// What the gateway would do, a line for each listener, issuer and route.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        if let Some(listen) = self.server.listen {
            write!(out, "listens on {listen}")?;
            let tls = self.server.tls.is_some();
            writeln!(out, "{}", if tls { " with TLS" } else { "" })?;
        }
        if let Some(asked) = &self.forward_auth {
            let peers: Vec<_> = asked.peers.iter().map(ToString::to_string).collect();
            let (listen, peers) = (asked.listen, peers.join(", "));
            writeln!(
                out,
                "answers whether requests may pass on {listen}, to {peers}"
            )?;
        }
        match self.server.admin {
            Some(admin) => writeln!(out, "answers probes on {admin}")?,
            None => writeln!(out, "answers no probes: server.admin is not set")?,
        }
        if let Some(control) = &self.control {
            writeln!(out, "takes revocations on {}", control.listen)?;
        }
        if self.revocation.is_some() {
            match &self.store {
                Store::Memory => writeln!(out, "keeps revocations in this process")?,
                Store::Redis(redis) => writeln!(out, "keeps revocations on {}", shown(&redis.url))?,
            }
        }
        for issuer in &self.issuers {
            write!(out, "trusts {}, keys ", shown(&issuer.url))?;
            match &issuer.keys {
                Keys::Discovery => write!(out, "by discovery")?,
                Keys::Url(url) => write!(out, "from {}", shown(url))?,
                Keys::File(path) => write!(out, "from {}", path.display())?,
            }
            match (&*issuer.audiences, &*issuer.clients) {
                ([], clients) => writeln!(out, ", for clients {}", clients.join(", "))?,
                (audiences, _) => writeln!(out, ", for {}", audiences.join(", "))?,
            }
        }
        for route in &self.routes {
            let upstreams: Vec<_> = route.upstreams.iter().map(|one| one.as_str()).collect();
            if let Some(methods) = &route.methods {
                for method in methods {
                    write!(out, "{method} ")?;
                }
            }
            write!(out, "{}", route.path)?;
            if !upstreams.is_empty() {
                write!(out, " to {}", upstreams.join(", "))?;
            }
            if route.protocol == UpstreamProtocol::Http2 {
                write!(out, " over HTTP/2")?;
            }
            match route.auth {
                RouteAuth::None => writeln!(out, ": open to everybody")?,
                auth => {
                    write!(out, ": token {auth}")?;
                    if !route.scopes.is_empty() {
                        write!(out, ", scopes {}", route.scopes.join(" "))?;
                    }
                    match route.on_idp_outage {
                        OnIdpOutage::Deny => writeln!(out, "; during an outage 503")?,
                        OnIdpOutage::Anonymous => {
                            writeln!(out, "; during an outage anonymous for safe methods")?;
                        }
                        OnIdpOutage::AllowFor { grace, .. } => {
                            writeln!(out, "; during an outage known callers for {grace:?}")?;
                        }
                    }
                }
            }
        }
        Ok(())
    }
}
