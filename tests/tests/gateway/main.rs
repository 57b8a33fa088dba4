//! The gateway over real sockets: a real issuer, real upstreams, real clients.

mod auth;
mod docs;
mod ending;
mod forwarding;
mod identity;
mod issuers;
mod outage;
mod probes;
mod protocols;
mod refusals;
mod stand;
mod upgrade;
