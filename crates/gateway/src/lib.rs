//! A gateway made of the Portcullis layers: a front door for services in any language.
//!
//! The program `portcullis` reads a [`Config`] and runs a [`Gateway`]: a reverse proxy that verifies
//! access tokens, demands scopes by route, tells upstreams who the caller is, and stays right while the
//! identity provider is broken. The same can be done in a process of your own, which is how its tests
//! do it:
//!
//! ```
//! use portcullis_gateway::{Config, Gateway};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = Config::parse(
//!     r#"
//!     [server]
//!     listen = "127.0.0.1:0"
//!
//!     [[route]]
//!     path = "/"
//!     upstream = ["http://127.0.0.1:3000"]
//!     auth = "none"
//!     "#,
//! )?;
//! let gateway = Gateway::start(config).await?;
//! println!("listening on {}", gateway.address());
//! assert!(gateway.shut_down().await);
//! # Ok(())
//! # }
//! ```
//!
//! # Limitations
//! The probes and the endpoint for other proxies speak cleartext. WebSocket is the only upgrade.

mod access;
mod admin;
mod assembly;
mod auth;
mod cli;
mod client_headers;
pub mod config;
mod control;
mod cors;
#[cfg(feature = "demo")]
mod demo;
mod descriptors;
mod diagnose;
mod explain;
mod files;
mod forward_auth;
mod forwarded;
mod front;
mod gateway;
mod host;
mod identity_headers;
mod live;
mod log;
mod metrics;
mod path;
mod peers;
mod pem;
mod proxy;
mod refused;
mod reload;
mod request_id;
mod revoking;
mod routes;
mod screen;
mod server;
mod signals;
mod sockets;
mod to_upstream;
mod trace;
mod trailers;
mod via;

pub use cli::main;
pub use config::Config;
pub use gateway::{Gateway, Running, StartError};
pub use reload::ConfigFile;
