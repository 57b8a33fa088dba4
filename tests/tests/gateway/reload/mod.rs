//! The configuration is replaced while the gateway serves.

mod connections;
mod files;
mod keys;
mod load;
mod questions;
mod tls;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use http::Request;
use http_body_util::Full;
use portcullis_gateway::{ConfigFile, Gateway, Running};
use portcullis_tests::outage::until_async;
use serde_json::Value;
use tempfile::TempDir;

use crate::stand::{Answer, PATIENCE, send};

/// How often the files are looked at here.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A gateway that follows a file.
struct Followed {
    folder: TempDir,
    gateway: Running,
}

const SERVER: &str = "[server]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n";

/// Everything goes to one upstream, without a token.
fn all_to(upstream: &str) -> String {
    format!("{SERVER}[[route]]\npath = \"/\"\nauth = \"none\"\nupstream = [\"{upstream}\"]\n")
}

// === impl Followed ===

impl Followed {
    async fn start(config: &str) -> Self {
        Self::start_with(&[("gateway.toml", config)]).await
    }

    /// Several files, of which `gateway.toml` is the configuration.
    async fn start_with(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            fs::write(folder.path().join(name), text).expect("a file");
        }
        let file = ConfigFile::load(folder.path().join("gateway.toml"))
            .unwrap_or_else(|error| panic!("{error}"));
        let mut gateway = Gateway::start(file.config().clone())
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        gateway.follow(file, LOOK_EVERY);
        Self { folder, gateway }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, config: &str) {
        fs::write(self.path("gateway.toml"), config).expect("written");
    }

    async fn get(&self, target: &str) -> Answer {
        let url = format!("http://{}{target}", self.gateway.address());
        send(Request::get(url).body(Full::default()).expect("a request")).await
    }

    /// What `/readyz` says, which is 200 whatever it is.
    async fn ready(&self) -> Value {
        ready(&self.gateway).await
    }

    /// Waits until `/readyz` says so.
    async fn until(&self, what: &str, good: impl Fn(&Value) -> bool) -> Value {
        until_async(what, PATIENCE, || async {
            let ready = self.ready().await;
            good(&ready).then_some(ready)
        })
        .await
        .0
    }

    /// Waits for the next configuration after this one.
    async fn until_after(&self, generation: u64) -> u64 {
        let newer = |ready: &Value| ready["config"]["generation"].as_u64() > Some(generation);
        let ready = self.until("a newer configuration", newer).await;
        ready["config"]["generation"].as_u64().expect("a number")
    }

    /// Waits until a configuration was not taken; gives the problems.
    async fn until_refused(&self) -> String {
        let ready = self
            .until("a refused configuration", |ready| {
                ready["config"]["last_error"].is_array()
            })
            .await;
        assert_eq!(ready["status"], "degraded");
        ready["config"]["last_error"].to_string()
    }
}

async fn ready(gateway: &Running) -> Value {
    let admin = gateway.admin_address().expect("an admin listener");
    let request = Request::get(format!("http://{admin}/readyz")).body(Full::default());
    let answer = send(request.expect("a request")).await;
    assert_eq!(answer.status, 200);
    serde_json::from_slice(&answer.body).expect("JSON")
}
