//! A real nginx, for tests in which it asks the gateway, or stands before it.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long nginx may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often another port is tried if somebody took the one that was free a moment ago.
const TRIES: usize = 5;

/// Where packages put it: Debian's only where root looks for programs.
const PROGRAMS: [&str; 4] = [
    "nginx",
    "/usr/sbin/nginx",
    "/usr/local/sbin/nginx",
    "/opt/homebrew/bin/nginx",
];

/// A running nginx. It ends when this is dropped.
#[derive(Debug)]
pub struct Nginx {
    address: SocketAddr,
    process: Child,
    folder: TempDir,
}

// === impl Nginx ===

impl Nginx {
    /// Starts nginx with what `http` says inside of `http { … }`, where it is told the address to listen on.
    ///
    /// # Panics
    /// If there is no nginx, or it does not start with this configuration.
    pub async fn start(http: impl Fn(SocketAddr) -> String) -> Self {
        let mut failed = None;
        for _ in 0..TRIES {
            let address = free();
            let folder = tempfile::tempdir().expect("a folder");
            fs::write(folder.path().join("nginx.conf"), whole(&http(address))).expect("written");
            let mut nginx = Self {
                address,
                process: spawn(folder.path()),
                folder,
            };
            match nginx.ready().await {
                Ok(()) => return nginx,
                Err(said) if said.contains("Address already in use") => failed = Some(said),
                Err(said) => panic!("nginx did not start:\n{said}"),
            }
        }
        panic!("nginx found no port: {failed:?}");
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it complained about.
    #[must_use]
    pub fn log(&self) -> String {
        log(self.folder.path())
    }

    /// Waits for the file with its process id, which nginx writes when it has its sockets.
    async fn ready(&mut self) -> Result<(), String> {
        let begun = Instant::now();
        let id = self.folder.path().join("nginx.pid");
        while !fs::metadata(&id).is_ok_and(|id| id.len() > 0) {
            if self.process.try_wait().expect("asked").is_some() || begun.elapsed() > PATIENCE {
                return Err(self.log());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = writeln!(io::stderr(), "nginx said:\n{}", self.log());
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One process that stays in the foreground and writes into its own folder, whoever runs it.
fn whole(http: &str) -> String {
    format!(
        "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log error.log info;\n\
         events {{ worker_connections 256; }}\n\
         http {{\naccess_log off;\nclient_body_temp_path body;\nproxy_temp_path proxy;\nfastcgi_temp_path fastcgi;\n\
         uwsgi_temp_path uwsgi;\nscgi_temp_path scgi;\n{http}\n}}\n"
    )
}

/// An address that nobody listened on a moment ago. nginx cannot be given one of its own choice.
fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address")
}

fn spawn(folder: &Path) -> Child {
    for program in PROGRAMS {
        let said = File::create(folder.join("stderr")).expect("a file");
        let spawned = Command::new(program)
            .arg("-p")
            .arg(folder)
            .args(["-c", "nginx.conf"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::from(said))
            .spawn();
        match spawned {
            Ok(child) => return child,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => panic!("{program}: {error}"),
        }
    }
    panic!("there is no nginx here, which this test needs: `cargo xtask test` installs it");
}

fn log(folder: &Path) -> String {
    let mut log = String::new();
    for file in ["stderr", "error.log"] {
        if let Ok(mut file) = File::open(folder.join(file)) {
            let _ = file.read_to_string(&mut log);
        }
    }
    log
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn it_serves_where_it_says_and_ends_when_it_is_dropped() {
        let nginx = Nginx::start(|address| {
            format!("server {{ listen {address}; location / {{ return 418 tea; }} }}")
        })
        .await;
        let address = nginx.address();
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream
            .write_all(b"GET / HTTP/1.0\r\n\r\n")
            .expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("read");
        assert!(answer.starts_with("HTTP/1.1 418 "), "{answer}");
        assert!(answer.ends_with("tea"), "{answer}");
        drop(nginx);
        assert!(TcpStream::connect(address).is_err());
    }

    #[tokio::test]
    #[should_panic(expected = "unknown directive \"nonsense\"")]
    async fn a_wrong_configuration_is_told() {
        Nginx::start(|_| "nonsense;".to_owned()).await;
    }
}
