//! nginx as a plain proxy, where it is installed.

use std::fs;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use crate::load::Protocol;
use crate::server::Server;

/// Where packages put it: Debian's only where root looks for programs.
const PROGRAMS: [&str; 4] = [
    "nginx",
    "/usr/sbin/nginx",
    "/usr/local/sbin/nginx",
    "/opt/homebrew/bin/nginx",
];

/// Starts nginx before `upstream`, with as many workers as there are processors, connections to the upstream kept, and
/// a line in a log for each request, as the gateway writes one.
pub(crate) fn start(upstream: SocketAddr, protocol: Protocol) -> Result<Server, String> {
    let program = PROGRAMS
        .into_iter()
        .find(|program| is_there(program))
        .ok_or("is not installed")?;
    Ok(Server::start(|folder, own| {
        let config = folder.join("nginx.conf");
        fs::write(&config, configuration(own, upstream, protocol))?;
        let mut command = Command::new(program);
        command.arg("-p").arg(folder).arg("-c").arg(config);
        Ok(command)
    }))
}

fn is_there(program: &str) -> bool {
    let mut command = Command::new(program);
    command
        .arg("-v")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Paths are relative to the folder that nginx is started with.
fn configuration(own: SocketAddr, upstream: SocketAddr, protocol: Protocol) -> String {
    // Where the word stands that the oldest nginx still in use understands.
    let http2 = match protocol {
        Protocol::Http1 => "",
        Protocol::Http2 => " http2",
    };
    format!(
        "daemon off;
        worker_processes auto;
        pid nginx.pid;
        error_log error.log warn;
        events {{ worker_connections 16384; }}
        http {{
            access_log access.log;
            keepalive_requests 100000000;
            client_body_temp_path body;
            proxy_temp_path proxy;
            fastcgi_temp_path fastcgi;
            uwsgi_temp_path uwsgi;
            scgi_temp_path scgi;
            upstream service {{
                server {upstream};
                keepalive 64;
                keepalive_requests 100000000;
            }}
            server {{
                listen {own}{http2};
                location / {{
                    proxy_pass http://service;
                    proxy_http_version 1.1;
                    proxy_set_header Connection \"\";
                    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                    proxy_set_header X-Forwarded-Host $host;
                    proxy_set_header X-Forwarded-Proto $scheme;
                }}
            }}
        }}
        "
    )
}
