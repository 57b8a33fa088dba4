//! Serves [`trace_echo::router`].

use std::env::{self, VarError};
use std::error::Error;

use tokio::net::TcpListener;
use trace_echo::{Limits, router};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listen = match env::var("LISTEN") {
        Err(VarError::NotPresent) => "127.0.0.1:8000".to_owned(),
        other => other.map_err(|error| format!("LISTEN: {error}"))?,
    };
    let listener = TcpListener::bind(listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, router(Limits::default())).await?;
    Ok(())
}
