//! Which URLs keys may come from.

use portcullis_core::Problems;
use url::{Host, Url};

/// Whether plain http is allowed off this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Http {
    #[default]
    OnLoopback,
    Anywhere,
}

/// What is wrong with a URL, and what to do about it; nothing if keys may come from it.
pub(super) fn fault(url: &Url, http: Http) -> Option<(&'static str, &'static str)> {
    if !url.username().is_empty() || url.password().is_some() {
        return Some(("has user information", "leave it out: it would be logged"));
    }
    if url.fragment().is_some() {
        return Some(("has a fragment", "leave it out"));
    }
    match url.scheme() {
        "https" => None,
        "http" if http == Http::Anywhere || is_loopback(url) => None,
        "http" => Some((
            "is http, not https",
            "use https, or allow http by name: who can change the keys can sign tokens",
        )),
        _ => Some(("is neither https nor http", "use https")),
    }
}

/// Reads a configured URL.
pub(super) fn parse(path: &str, text: &str, http: Http, problems: &mut Problems) -> Option<Url> {
    let Ok(url) = Url::parse(text) else {
        problems.push(path, "is not a URL", "write it in full: https://…");
        return None;
    };
    if let Some((message, remedy)) = fault(&url, http) {
        problems.push(path, message, remedy);
        return None;
    }
    Some(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        // RFC 6761 section 6.3.
        Some(Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            name == "localhost" || name.ends_with(".localhost")
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_anywhere_and_http_on_loopback() {
        for (text, strict, open) in [
            ("https://id.example/keys", true, true),
            ("https://10.0.0.1:8443/keys?v=1", true, true),
            ("http://127.0.0.1:8080/keys", true, true),
            ("http://127.1.2.3/keys", true, true),
            ("http://[::1]/keys", true, true),
            ("http://localhost/keys", true, true),
            ("http://issuer.localhost./keys", true, true),
            ("http://id.example/keys", false, true),
            ("http://localhost.example/keys", false, true),
            ("http://127.0.0.1.example/keys", false, true),
            ("https://me@id.example/keys", false, false),
            ("https://me:secret@id.example/keys", false, false),
            ("http://:secret@127.0.0.1/keys", false, false),
            ("https://id.example/keys#one", false, false),
            ("ftp://id.example/keys", false, false),
            ("file:///etc/keys", false, false),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!(fault(&url, Http::OnLoopback).is_none(), strict, "{text}");
            assert_eq!(fault(&url, Http::Anywhere).is_none(), open, "{text}");
        }
    }

    #[test]
    fn a_fault_does_not_show_the_secret() {
        let mut problems = Problems::new();
        parse(
            "jwks_url",
            "https://me:hunter2@id.example",
            Http::OnLoopback,
            &mut problems,
        );
        parse("jwks_url", "hunter2", Http::OnLoopback, &mut problems);
        let error = problems.check().unwrap_err();
        assert_eq!(error.problems().count(), 2);
        assert!(!error.to_string().contains("hunter2"));
    }
}
