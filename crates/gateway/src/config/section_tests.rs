//! Every section beside `[server]`'s addresses, `[[issuer]]` and `[[route]]`.

use std::fs;
use std::net::SocketAddr;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;

use super::*;

const ROUTE: &str = "[[route]]\npath = '/'\nauth = 'none'\nupstream = ['https://app.internal']\n";

/// A folder with a certificate, its key, and another key.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let made = || generate_simple_self_signed(["a.example".into()]).unwrap();
    let CertifiedKey { cert, signing_key } = made();
    let write = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
    write("tls.crt", cert.pem());
    write("tls.key", signing_key.serialize_pem());
    write("other.key", made().signing_key.serialize_pem());
    folder
}

fn load(folder: &TempDir, text: &str) -> Result<Config, portcullis_core::ConfigError> {
    let file = folder.path().join("gateway.toml");
    fs::write(&file, text).unwrap();
    Config::load(&file)
}

fn problems(text: &str) -> Vec<String> {
    let error = load(&folder(), text).unwrap_err();
    error
        .problems()
        .map(|problem| format!("{}: {}", problem.path, problem.message))
        .collect()
}

#[test]
fn every_key_of_every_section_is_read() {
    let folder = folder();
    let config = load(
        &folder,
        r#"
        [server]
        listen = "127.0.0.1:8443"
        hosts = ["api.example.com", "*.example.org"]
        trusted_proxies = ["10.0.0.0/8", "::1"]
        max_connections = 500
        max_headers = 50
        max_header_bytes = "64KiB"
        idle_timeout = "1m"
        watch = false
        [server.tls]
        certificate = "tls.crt"
        key = "tls.key"
        [log]
        format = "json"
        [cors]
        origins = ["https://app.example.com"]
        methods = ["GET", "PUT"]
        headers = ["x-a"]
        expose = ["x-b"]
        credentials = true
        max_age = "10m"
        [forward_auth]
        listen = "127.0.0.1:8445"
        peers = ["127.0.0.1"]
        [upstream_tls]
        ca = "tls.crt"
        certificate = "tls.crt"
        key = "tls.key"
        [[route]]
        path = "/"
        methods = ["GET", "POST"]
        upstream = ["https://app.internal"]
        auth = "none"
        idle_timeout = "1h"
        max_body = "10MiB"
        token = "drop"
        host = "upstream"
        "#,
    )
    .unwrap();
    let server = &config.server;
    let hosts = server.hosts.as_ref().unwrap();
    assert!(hosts.iter().any(|host| host.has("a.example.org")));
    assert_eq!(server.trusted_proxies.len(), 2);
    assert_eq!((server.max_connections, server.max_headers), (500, 50));
    assert_eq!(server.max_header_bytes, 64 << 10);
    assert_eq!(server.idle_timeout, Duration::from_secs(60));
    assert!(!server.watch);
    assert_eq!(config.log.format, LogFormat::Json);
    let cors = config.cors.as_ref().unwrap();
    assert_eq!(cors.methods, [Method::GET, Method::PUT]);
    assert_eq!(
        (cors.headers[0].as_str(), cors.expose[0].as_str()),
        ("x-a", "x-b")
    );
    assert!(cors.credentials);
    assert_eq!(cors.max_age, Some(Duration::from_secs(600)));
    let asked = config.forward_auth.as_ref().unwrap();
    assert_eq!(asked.listen, SocketAddr::from(([127, 0, 0, 1], 8445)));
    let route = &config.routes[0];
    assert_eq!(
        route.methods.as_deref(),
        Some(&[Method::GET, Method::POST][..])
    );
    assert_eq!(route.idle_timeout, Duration::from_secs(3600));
    assert_eq!(route.max_body, Some(10 << 20));
    assert_eq!(route.token, TokenToUpstream::Drop);
    assert_eq!(route.host, HostToUpstream::Upstream);
    assert!(route.upstreams[0].is_https());
    let files = ["tls.crt", "tls.key"].map(|name| folder.path().join(name));
    assert_eq!(config.files(), files);
    config.check().unwrap();
}

#[test]
fn what_is_not_set_has_its_documented_default() {
    let text = format!("[server]\nlisten = '127.0.0.1:1'\n[cors]\norigins = ['*']\n{ROUTE}");
    let config = Config::parse(&text).unwrap();
    let server = &config.server;
    assert!(server.hosts.is_none() && server.trusted_proxies.is_empty() && server.tls.is_none());
    assert_eq!((server.max_connections, server.max_headers), (20_000, 100));
    assert_eq!(server.max_header_bytes, 32 << 10);
    assert_eq!(server.idle_timeout, Duration::from_secs(75));
    assert!(server.watch);
    assert_eq!(config.log.format, LogFormat::Text);
    let cors = config.cors.as_ref().unwrap();
    assert_eq!(cors.methods, [Method::GET, Method::HEAD, Method::POST]);
    assert_eq!(cors.headers, [AUTHORIZATION, CONTENT_TYPE]);
    assert!(cors.expose.is_empty() && !cors.credentials && cors.max_age.is_none());
    let route = &config.routes[0];
    assert!(route.methods.is_none() && route.max_body.is_none());
    assert_eq!(route.idle_timeout, Duration::from_secs(300));
    assert_eq!(route.token, TokenToUpstream::Forward);
    assert_eq!(route.host, HostToUpstream::Preserve);
    assert!(config.files().is_empty());
}

#[test]
fn forward_auth_stands_alone_and_then_nothing_is_forwarded() {
    let alone = "[forward_auth]\nlisten = '127.0.0.1:1'\npeers = ['127.0.0.1']\n";
    let config = Config::parse(&format!("{alone}[[route]]\npath = '/'\nauth = 'none'\n")).unwrap();
    assert!(config.server.listen.is_none() && config.routes[0].upstreams.is_empty());
    config.check().unwrap();
    assert_eq!(
        problems(&format!(
            "{alone}[server]\ntls = {{ certificate = 'tls.crt', key = 'tls.key' }}\n{ROUTE}"
        )),
        [
            "server.tls: is stated without a public address",
            "route[0].upstream: is stated where nothing is forwarded",
        ]
    );
    let both =
        format!("{alone}[server]\nlisten = '127.0.0.1:2'\n[[route]]\npath = '/'\nauth = 'none'\n");
    assert_eq!(problems(&both), ["route[0].upstream: is missing"]);
}

#[test]
fn each_mistake_is_found_where_it_is() {
    for (server, rest, expected) in [
        ("hosts = []", "", "server.hosts: is empty"),
        ("hosts = ['a:80']", "", "server.hosts[0]: has a port"),
        (
            "trusted_proxies = ['10.0.0.1/8']",
            "",
            "server.trusted_proxies[0]: is an address inside",
        ),
        (
            "max_connections = 0",
            "",
            "server.max_connections: is out of range",
        ),
        (
            "max_headers = '9'",
            "",
            "server.max_headers: is of type string",
        ),
        (
            "max_header_bytes = '1KiB'",
            "",
            "server.max_header_bytes: is out of range",
        ),
        (
            "idle_timeout = '0s'",
            "",
            "server.idle_timeout: is out of range",
        ),
        ("tls = {}", "", "server.tls.certificate: is missing"),
        (
            "tls = { certificate = 'tls.crt', key = 'other.key' }",
            "",
            "server.tls.key: does not belong to the certificate",
        ),
        (
            "tls = { certificate = 'missing', key = 'tls.key' }",
            "",
            "server.tls.certificate: cannot be read",
        ),
        (
            "tls = { certificate = 'tls.crt', key = { env = 'PORTCULLIS_NOBODY_SETS_THIS' } }",
            "",
            "server.tls.key.env: names PORTCULLIS_NOBODY_SETS_THIS, which is not set",
        ),
        (
            "",
            "[log]\nformat = 'xml'",
            "log.format: is none of the known words",
        ),
        ("", "[cors]", "cors.origins: is missing"),
        ("", "[cors]\norigins = []", "cors.origins: is empty"),
        (
            "",
            "[cors]\norigins = ['*', 'https://a.example']",
            "cors.origins[0]: is everybody",
        ),
        (
            "",
            "[cors]\norigins = ['*']\nheaders = ['*']",
            "cors.headers[0]: is not the name",
        ),
        (
            "",
            "[cors]\norigins = ['*']\nmax_age = '25h'",
            "cors.max_age: is out of range",
        ),
        (
            "",
            "[forward_auth]\nlisten = '127.0.0.1:2'",
            "forward_auth.peers: is missing",
        ),
        (
            "",
            "[forward_auth]\nlisten = '127.0.0.1:2'\npeers = []",
            "forward_auth.peers: is empty",
        ),
        (
            "",
            "[forward_auth]\nlisten = '0.0.0.0:1'\npeers = ['::1']",
            "forward_auth.listen: is the public address",
        ),
        (
            "admin = '127.0.0.1:2'",
            "[forward_auth]\nlisten = '127.0.0.1:2'\npeers = ['::1']",
            "forward_auth.listen: is the address of the probes",
        ),
        (
            "",
            "[upstream_tls]\nkey = 'tls.key'",
            "upstream_tls.certificate: is missing beside key",
        ),
        (
            "",
            "[upstream_tls]\nca = 'tls.key'",
            "upstream_tls.ca: has no certificate in it",
        ),
    ] {
        let found = problems(&format!(
            "[server]\nlisten = '127.0.0.1:1'\n{server}\n{rest}\n{ROUTE}"
        ));
        assert!(found[0].starts_with(expected), "{expected}\n{found:?}");
        // The one table that lacks two keys.
        assert!(found.len() == 1 || server == "tls = {}", "{found:?}");
    }
}

#[test]
fn routes_share_a_path_if_no_method_is_in_two_of_them() {
    let with = |one: &str, other: &str| {
        let server = "[server]\nlisten = '127.0.0.1:1'\n";
        Config::parse(&format!("{server}{ROUTE}{one}\n{ROUTE}{other}\n"))
            .map_err(|error| error.to_string())
    };
    assert!(with("methods = ['GET', 'HEAD']", "methods = ['POST']").is_ok());
    for (one, other, said) in [
        (
            "",
            "",
            "route[1].path: is that of route[0] too, and both take any method",
        ),
        ("", "methods = ['GET']", "both take GET"),
        (
            "methods = ['GET', 'PUT']",
            "methods = ['POST', 'PUT']",
            "both take PUT",
        ),
        (
            "methods = []",
            "methods = ['GET']",
            "route[0].methods: is empty",
        ),
        (
            "methods = ['get']",
            "methods = ['GET']",
            "route[0].methods[0]: is not a method",
        ),
        (
            "methods = ['GET', 'GET']",
            "methods = ['POST']",
            "route[0].methods[1]: is there already",
        ),
        (
            "methods = 'GET'",
            "methods = ['GET']",
            "route[0].methods: is of type string",
        ),
    ] {
        let error = with(one, other).unwrap_err();
        assert!(error.contains(said), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn one_mistake_does_not_hide_another() {
    let found = problems(
        "[server]\nlisten = '127.0.0.1:1'\nadmin = '127.0.0.1:1'\nmax_headers = 0\n\
         [forward_auth]\nlisten = '127.0.0.1:1'\npeers = ['x']\n\
         [[route]]\npath = '/'\nauth = 'maybe'\nupstream = ['http://127.0.0.1:1']\n\
         [[route]]\npath = '/'\nauth = 'none'\nupstream = ['gopher://x']\n",
    );
    let mut paths: Vec<_> = found
        .iter()
        .map(|one| one.split(": ").next().unwrap())
        .collect();
    paths.sort_unstable();
    assert_eq!(
        paths,
        [
            "forward_auth.listen",
            "forward_auth.listen",
            "forward_auth.peers[0]",
            "route[0].auth",
            "route[0].upstream[0]",
            "route[1].path",
            "route[1].upstream[0]",
            "server.admin",
            "server.max_headers",
        ],
        "{found:#?}"
    );
}

#[test]
fn secrets_are_never_in_the_configuration_nor_in_what_is_said_of_it() {
    let found = problems(&format!(
        "[server]\nlisten = '127.0.0.1:1'\n[server.tls]\ncertificate = 'tls.crt'\n\
         key = \"-----BEGIN PRIVATE KEY-----\\nhunter2\"\n{ROUTE}"
    ));
    assert_eq!(found, ["server.tls.key: holds the secret itself"]);
    let folder = folder();
    let text = format!(
        "[server]\nlisten = '127.0.0.1:1'\n\
         tls = {{ certificate = 'tls.crt', key = 'tls.key' }}\n{ROUTE}"
    );
    let config = load(&folder, &text).unwrap();
    let secret = fs::read_to_string(folder.path().join("tls.key")).unwrap();
    let shown = format!("{config:?}{}", config.summary());
    assert!(!shown.contains(secret.lines().nth(1).unwrap()));
}
