//! The gateway over real sockets: a real issuer, real upstreams, real clients.

mod auth;
mod body_limits;
mod broken_off;
mod circuits;
mod cors;
#[cfg(unix)]
mod crowd;
mod curl;
mod docs;
mod ending;
mod expect;
mod expiry;
mod forward_auth;
mod forwarded;
mod forwarding;
mod grpc_calls;
mod hostile;
mod hosts;
mod identity;
mod issuers;
mod lateness;
mod limits;
mod loops;
mod methods;
mod metrics;
#[cfg(unix)]
mod nginx_asks;
#[cfg(unix)]
mod nginx_in_front;
mod outage;
mod probes;
mod protocols;
mod refusals;
mod reload;
mod request_id;
mod revocation;
mod stand;
mod streams;
mod timeouts;
mod tls;
mod trace;
mod upgrade;
mod websocket;
mod wire;
