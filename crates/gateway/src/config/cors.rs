//! `[cors]`

use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::uri::{Authority, Scheme};
use http::{HeaderName, HeaderValue, Method, Uri};
use portcullis_core::ConfigError;
use toml::Table;

use super::methods;
use super::section::Section;

/// What scripts of other origins may do.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Cors {
    /// `origins`: who may read answers.
    pub origins: CorsOrigins,
    /// `methods`: what they may ask with. GET, HEAD and POST unless set, which need no leave.
    pub methods: Vec<Method>,
    /// `headers`: what they may send. `authorization` and `content-type` unless set.
    pub headers: Vec<HeaderName>,
    /// `expose`: which headers of answers they may read, besides `www-authenticate` and `retry-after`.
    pub expose: Vec<HeaderName>,
    /// `credentials`: whether browsers may send cookies and client certificates. False unless set.
    pub credentials: bool,
    /// `max_age`: how long a browser may remember the answer to a preflight; its own bound unless set.
    pub max_age: Option<Duration>,
}

/// Who may read answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorsOrigins {
    /// `["*"]`: everybody.
    Any,
    /// These, byte for byte as browsers write them.
    List(Vec<HeaderValue>),
}

// === impl Cors ===

impl Cors {
    pub(super) fn read(table: Table) -> Result<Self, ConfigError> {
        let mut section = Section::new(table);
        let origins = section.required("origins", origins);
        let cors = Self {
            origins: origins.unwrap_or(CorsOrigins::List(Vec::new())),
            methods: methods::list(&mut section, "methods")
                .unwrap_or_else(|| vec![Method::GET, Method::HEAD, Method::POST]),
            headers: names(&mut section, "headers")
                .unwrap_or_else(|| vec![AUTHORIZATION, CONTENT_TYPE]),
            expose: names(&mut section, "expose").unwrap_or_default(),
            credentials: section.flag("credentials").unwrap_or(false),
            max_age: section.duration("max_age"),
        };
        if cors.credentials && cors.origins == CorsOrigins::Any {
            section.wrong(
                "credentials",
                "would give every site what the cookies of a visitor open",
                "name the origins, or remove it: tokens in Authorization do not need it",
            );
        }
        if cors
            .max_age
            .is_some_and(|age| age > Duration::from_secs(86_400))
        {
            section.wrong("max_age", "is out of range", "choose 24 h at most");
        }
        section.finish().into_result(cors)
    }
}

fn origins(section: &mut Section, key: &'static str) -> Option<CorsOrigins> {
    let texts = section.texts(key)?;
    if texts == ["*"] {
        return Some(CorsOrigins::Any);
    }
    if texts.is_empty() && !section.noted(key) {
        section.wrong(key, "is empty", "name an origin, or remove [cors]");
    }
    let mut origins = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        match origin(text) {
            Ok(origin) => origins.push(origin),
            Err((message, remedy)) => section.wrong(format!("{key}[{index}]"), message, remedy),
        }
    }
    Some(CorsOrigins::List(origins))
}

/// An origin as browsers write it (RFC 6454 section 6.2), for it is compared byte for byte.
fn origin(text: &str) -> Result<HeaderValue, (&'static str, &'static str)> {
    const REMEDY: &str = "write scheme, host and port if it is not the usual one: \
                          \"https://app.example.com\"";
    if text == "*" {
        return Err((
            "is everybody, beside others",
            "let it stand alone, or remove it",
        ));
    }
    let wrong = ("is not an origin", REMEDY);
    let uri: Uri = text.parse().map_err(|_| wrong)?;
    let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
        return Err(wrong);
    };
    let plain = format!("{scheme}://{authority}") == text && text == text.to_ascii_lowercase();
    if !plain || authority.as_str().contains('@') || authority.host().is_empty() {
        return Err(wrong);
    }
    if usual_port(scheme, authority) {
        return Err(("has a port that browsers leave out", REMEDY));
    }
    HeaderValue::from_str(text).map_err(|_| wrong)
}

fn usual_port(scheme: &Scheme, authority: &Authority) -> bool {
    match authority.port_u16() {
        Some(80) => *scheme == Scheme::HTTP,
        Some(443) => *scheme == Scheme::HTTPS,
        Some(_) => false,
        // A colon without a number behind it.
        None => !authority.as_str().ends_with(authority.host()),
    }
}

fn names(section: &mut Section, key: &'static str) -> Option<Vec<HeaderName>> {
    let texts = section.texts(key)?;
    let mut names = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        match HeaderName::from_bytes(text.as_bytes()) {
            // A star never covers Authorization, and nothing at all where there are credentials.
            Ok(name) if name != "*" => names.push(name),
            _ => section.wrong(
                format!("{key}[{index}]"),
                "is not the name of a header",
                "write one name, such as \"x-request-id\"",
            ),
        }
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_would_write() {
        for (text, good) in [
            ("https://app.example.com", true),
            ("http://localhost:3000", true),
            ("http://[::1]:3000", true),
            ("app-scheme://app", true),
            ("https://app.example.com/", false),
            ("https://app.example.com/x", false),
            ("https://App.example.com", false),
            ("https://app.example.com:443", false),
            ("http://app.example.com:80", false),
            ("http://app.example.com:", false),
            ("https://me@app.example.com", false),
            ("app.example.com", false),
            ("null", false),
            ("*", false),
            ("", false),
        ] {
            assert_eq!(origin(text).is_ok(), good, "{text}");
        }
    }

    #[test]
    fn everybody_with_credentials_is_refused() {
        let read = |text: &str| Cors::read(text.parse().unwrap());
        assert_eq!(read("origins = ['*']").unwrap().origins, CorsOrigins::Any);
        let error = read("origins = ['*']\ncredentials = true").unwrap_err();
        assert!(error.to_string().starts_with("credentials: "), "{error}");
        assert!(read("origins = ['https://a.example']\ncredentials = true").is_ok());
    }
}
