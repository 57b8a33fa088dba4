//! Which URLs keys may come from.

use portcullis_core::Problems;

use crate::url::HttpUrl;

/// Whether plain http is allowed off this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Http {
    #[default]
    OnLoopback,
    Anywhere,
}

/// Whether keys may come from a URL.
pub(super) fn is_allowed(url: &HttpUrl, http: Http) -> bool {
    url.is_https() || http == Http::Anywhere || url.is_loopback()
}

/// Reads a configured URL.
pub(super) fn parse(
    path: &str,
    text: &str,
    http: Http,
    problems: &mut Problems,
) -> Option<HttpUrl> {
    let url = match HttpUrl::parse(text) {
        Ok(url) => url,
        Err(fault) => {
            let (message, remedy) = fault.told();
            problems.push(path, message, remedy);
            return None;
        }
    };
    if !is_allowed(&url, http) {
        problems.push(
            path,
            "is http, not https",
            "use https, or allow http by name: who can change the keys can sign tokens",
        );
        return None;
    }
    Some(url)
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
            ("http://LocalHost/keys", true, true),
            ("http://issuer.localhost./keys", true, true),
            ("http://id.example/keys", false, true),
            ("http://localhost.example/keys", false, true),
            ("http://127.0.0.1.example/keys", false, true),
            ("http://127.1/keys", false, false),
            ("http://2130706433/keys", false, false),
            ("https://me@id.example/keys", false, false),
            ("https://me:secret@id.example/keys", false, false),
            ("http://:secret@127.0.0.1/keys", false, false),
            ("https://id.example/keys#one", false, false),
            ("ftp://id.example/keys", false, false),
            ("file:///etc/keys", false, false),
        ] {
            for (http, expected) in [(Http::OnLoopback, strict), (Http::Anywhere, open)] {
                let mut problems = Problems::new();
                let url = parse("jwks_url", text, http, &mut problems);
                assert_eq!(url.is_some(), expected, "{text} {http:?}");
                assert_eq!(problems.is_empty(), expected, "{text} {http:?}");
            }
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
