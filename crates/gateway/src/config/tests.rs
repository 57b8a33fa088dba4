use super::*;

fn problems(text: &str) -> Vec<(String, String)> {
    match Config::parse(text) {
        Ok(_) => Vec::new(),
        Err(error) => error
            .problems()
            .map(|problem| (problem.path.clone(), problem.message.clone()))
            .collect(),
    }
}

fn paths(text: &str) -> Vec<String> {
    problems(text).into_iter().map(|(path, _)| path).collect()
}

const GOOD: &str = r#"
[server]
listen = "127.0.0.1:8080"
admin = "127.0.0.1:9090"
header_timeout = "3s"

[[issuer]]
url = "https://idp.example.com"
audiences = ["https://api.example.com"]
algorithms = ["RS256", "ES256"]
leeway = "10s"

[[issuer]]
url = "https://other.example.com"
jwks_url = "https://keys.example.com/jwks"
clients = ["web"]
tokens = "at+jwt"

[[route]]
path = "/api/"
upstream = ["http://127.0.0.1:3000", "http://127.0.0.1:3001"]
scopes = ["api:read"]
on_idp_outage = { allow_for = "60s" }

[[route]]
path = "/grpc.health.v1.Health"
upstream = ["http://127.0.0.1:50051"]
protocol = "http2"
auth = "optional"
on_idp_outage = "anonymous"

[[route]]
path = "/"
upstream = ["http://127.0.0.1:3000"]
auth = "none"
timeout = "5m"
"#;

#[test]
fn a_right_file_is_read_as_it_says() {
    let config = Config::parse(GOOD).unwrap();
    assert_eq!(config.server.listen, "127.0.0.1:8080".parse().ok());
    assert_eq!(config.server.header_timeout, Duration::from_secs(3));
    assert_eq!(config.server.connect_timeout, Duration::from_secs(5));
    let [first, second] = &config.issuers[..] else {
        panic!("two issuers")
    };
    assert_eq!(first.keys, Keys::Discovery);
    assert_eq!(first.tokens, TokenRule::Scoped);
    assert_eq!(first.leeway, Some(Duration::from_secs(10)));
    assert_eq!(
        second.keys,
        Keys::Url("https://keys.example.com/jwks".into())
    );
    assert_eq!(second.tokens, TokenRule::AccessTokens);
    let [api, health, rest] = &config.routes[..] else {
        panic!("three routes")
    };
    assert_eq!(api.path.as_str(), "/api");
    assert_eq!(api.auth, RouteAuth::Required);
    assert_eq!(api.upstreams.len(), 2);
    assert_eq!(
        api.on_idp_outage,
        OnIdpOutage::AllowFor {
            grace: Duration::from_secs(60),
            unsafe_methods: false
        }
    );
    assert_eq!(health.protocol, UpstreamProtocol::Http2);
    assert_eq!(health.on_idp_outage, OnIdpOutage::Anonymous);
    assert_eq!(rest.auth, RouteAuth::None);
    assert_eq!(rest.timeout, Duration::from_secs(300));
    config.check().unwrap();
}

#[test]
fn the_summary_says_what_each_line_does() {
    let summary = Config::parse(GOOD).unwrap().summary();
    assert_eq!(
        summary,
        "listens on 127.0.0.1:8080\n\
         answers probes on 127.0.0.1:9090\n\
         trusts https://idp.example.com, keys by discovery, for https://api.example.com\n\
         trusts https://other.example.com, keys from https://keys.example.com/jwks, for clients web\n\
         /api/ to http://127.0.0.1:3000, http://127.0.0.1:3001: token required, scopes api:read; \
         during an outage known callers for 60s\n\
         /grpc.health.v1.Health/ to http://127.0.0.1:50051 over HTTP/2: token optional; \
         during an outage anonymous for safe methods\n\
         / to http://127.0.0.1:3000: open to everybody\n"
    );
}

#[test]
fn an_empty_file_lacks_everything_that_has_no_default() {
    assert_eq!(paths(""), ["server", "route"]);
    assert_eq!(
        paths("[server]\n[[issuer]]\n[[route]]"),
        [
            "server.listen",
            "issuer[0].url",
            "issuer[0].audiences",
            "route[0].path",
            "route[0].upstream"
        ]
    );
}

#[test]
fn every_mistake_of_a_file_is_found_in_one_round() {
    let text = r#"
surprise = 1
[server]
listen = "8080"
admn = "127.0.0.1:9090"
header_timeout = 10
[[issuer]]
url = "http://idp.example.com"
audiences = ["https://api.example.com"]
leeway = "1h"
[[issuer]]
url = "https://idp.example.com"
audiences = ["a", 1]
algorithms = ["RS256", "none"]
[[route]]
path = "api"
upstream = ["http://127.0.0.1:3000", "127.0.0.1:3001"]
auth = "maybe"
[[route]]
path = "/open"
upstream = []
"#;
    let mut found = paths(text);
    found.sort();
    assert_eq!(
        found,
        [
            "issuer[0].leeway",
            "issuer[0].url",
            "issuer[1].algorithms[1]",
            "issuer[1].audiences[1]",
            "route[0].auth",
            "route[0].path",
            "route[0].upstream[1]",
            "route[1].upstream",
            "server.admn",
            "server.header_timeout",
            "server.listen",
            "surprise",
        ]
    );
}

#[test]
fn each_mistake_is_found_where_it_is() {
    let issuer = "[[issuer]]\nurl = \"https://idp.example.com\"\naudiences = [\"a\"]\n";
    let with = |issuer: &str, route: &str| {
        format!(
            "[server]\nlisten = \"127.0.0.1:8080\"\n{issuer}\n[[route]]\npath = \"/api\"\n\
             upstream = [\"http://127.0.0.1:3000\"]\n{route}\n"
        )
    };
    assert_eq!(paths(&with(issuer, "")), [""; 0]);
    for (issuer, route, path, message) in [
        ("", "", "issuer", "is missing"),
        (
            issuer,
            "scopes = [\"a b\"]",
            "route[0].scopes[0]",
            "not a scope",
        ),
        (
            issuer,
            "auth = \"none\"\nscopes = [\"a\"]",
            "route[0].scopes",
            "need no token",
        ),
        (
            issuer,
            "auth = \"optional\"\nscopes = [\"a\"]",
            "route[0].scopes",
            "need no token",
        ),
        (
            issuer,
            "auth = \"none\"\non_idp_outage = \"anonymous\"",
            "route[0].on_idp_outage",
            "not looked at",
        ),
        (
            issuer,
            "scopes = [\"a\"]\non_idp_outage = \"anonymous\"",
            "route[0].on_idp_outage",
            "anonymous callers",
        ),
        (
            issuer,
            "on_idp_outage = \"allow\"",
            "route[0].on_idp_outage",
            "none of the known",
        ),
        (
            issuer,
            "on_idp_outage = {}",
            "route[0].on_idp_outage.allow_for",
            "is missing",
        ),
        (
            issuer,
            "on_idp_outage = { allow_for = \"10m\" }",
            "route[0].on_idp_outage.allow_for",
            "300 s",
        ),
        (
            issuer,
            "on_idp_outage = { allow_for = \"1m\", for = 1 }",
            "route[0].on_idp_outage.for",
            "not known",
        ),
        (
            issuer,
            "timeout = \"0s\"",
            "route[0].timeout",
            "out of range",
        ),
        (
            issuer,
            "protocol = \"http3\"",
            "route[0].protocol",
            "none of the known",
        ),
        (
            issuer,
            "[[route]]\npath = \"/api/\"\nupstream = [\"http://127.0.0.1:1\"]",
            "route[1].path",
            "that of route[0]",
        ),
        (
            issuer,
            "[[route]]\npath = \"/x\"\nupstream = [\"http://127.0.0.1:8080/\"]",
            "route[1].upstream[0]",
            "the gateway itself",
        ),
        (
            "[[issuer]]\nurl = \"https://idp.example.com\"",
            "",
            "issuer[0].audiences",
            "not set",
        ),
        (
            "[[issuer]]\nurl = \"https://idp.example.com\"\naudiences = [\"a\"]\nleeway = \"10m\"",
            "",
            "issuer[0].leeway",
            "300 s",
        ),
        (
            "[[issuer]]\nurl = \"https://idp.example.com\"\naudiences = [\"a\"]\nalgorithms = [\"HS256\"]",
            "",
            "issuer[0].algorithms[0]",
            "not an algorithm of public keys",
        ),
        (
            "[[issuer]]\nurl = \"https://i.example\"\naudiences = [\"a\"]\njwks_url = \"x\"\njwks_file = \"y\"",
            "",
            "issuer[0].jwks_file",
            "beside jwks_url",
        ),
        (
            "[[issuer]]\nurl = \"https://i.example\"\naudiences = [\"a\"]\njwks_file = \"/no/such/file\"",
            "",
            "issuer[0].jwks_file",
            "cannot be read",
        ),
        (
            &format!("{issuer}{issuer}"),
            "",
            "issuer[1].url",
            "that of issuer[0]",
        ),
    ] {
        let found = problems(&with(issuer, route));
        assert_eq!(found.len(), 1, "{route} {issuer}: {found:?}");
        assert_eq!(found[0].0, path, "{route} {issuer}");
        assert!(found[0].1.contains(message), "{found:?}");
    }
}

#[test]
fn paths_that_could_never_be_matched_safely_are_refused() {
    for path in [
        "", "api", "/a/../b", "/a//b", "/a%2fb", "/%61", "/a;b", "/{id}", "/a*", "/a?b", "/ä",
    ] {
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:1\"\n[[route]]\npath = \"{path}\"\n\
             upstream = [\"http://127.0.0.1:3000\"]\nauth = \"none\""
        );
        assert_eq!(paths(&text), ["route[0].path"], "{path}");
    }
}

#[test]
fn what_is_not_toml_names_line_and_column_and_quotes_nothing() {
    let error = Config::parse("[server]\nlisten = \"hunter2").unwrap_err();
    let problem = error.problems().next().unwrap();
    assert!(problem.path.starts_with("line 2, column "), "{problem}");
    assert!(problem.message.contains("not TOML"), "{problem}");
    assert!(!error.to_string().contains("hunter2"));
    let twice = Config::parse("[server]\nlisten = \"a\"\nlisten = \"b\"").unwrap_err();
    assert!(twice.to_string().starts_with("line 3, column 1"), "{twice}");
}

#[test]
fn passwords_in_urls_are_refused_and_never_shown() {
    let text = r#"
[server]
listen = "127.0.0.1:1"
[[issuer]]
url = "https://me:hunter2@idp.example.com"
audiences = ["a"]
[[route]]
path = "/"
upstream = ["http://me:hunter2@127.0.0.1:3000"]
"#;
    let error = Config::parse(text).unwrap_err();
    assert_eq!(paths(text), ["issuer[0].url", "route[0].upstream[0]"]);
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[tokio::test]
async fn reading_a_file_inside_a_runtime_starts_nothing() {
    Config::parse(GOOD).unwrap();
    let metrics = tokio::runtime::Handle::current().metrics();
    assert_eq!(metrics.num_alive_tasks(), 0);
    // The same keys, built to be used, do start something.
    Config::parse(GOOD).unwrap().check().unwrap();
    assert_ne!(metrics.num_alive_tasks(), 0);
}

mod any_input {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
            let _ = Config::parse(&text);
        }

        #[test]
        fn any_value_of_any_key_is_read_or_refused(
            section in prop::sample::select(vec!["[server]", "[[issuer]]", "[[route]]"]),
            key in prop::sample::select(vec![
                "listen", "admin", "url", "audiences", "algorithms", "path", "upstream", "auth",
                "scopes", "on_idp_outage", "timeout", "leeway", "tokens", "protocol", "x",
            ]),
            value in prop::sample::select(vec![
                "1", "-1", "1.5", "true", "\"\"", "\"x\"", "[]", "[1]", "[\"\"]", "{}", "{ a = 1 }",
                "1979-05-27", "\"\\u0000\"", "[[]]", "\"/\\u0001\"", "nan",
            ]),
        ) {
            let error = Config::parse(&format!("{section}\n{key} = {value}")).unwrap_err();
            prop_assert!(error.problems().count() > 0);
        }
    }
}
