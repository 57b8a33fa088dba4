//! The same in HTTP/2, and what only HTTP/2 has.

use super::frames::{Frames, Outcome};
use super::row::Clean;

/// Frames, with what becomes of them.
pub(crate) struct Row {
    pub(crate) what: &'static str,
    pub(crate) frames: Frames,
    pub(crate) outcome: Outcome,
    /// What the upstream sees, if anything.
    pub(crate) clean: Option<Clean>,
}

type Fields<'a> = &'a [(&'a str, &'a str)];

const GET: [(&str, &str); 4] = [
    (":method", "GET"),
    (":scheme", "http"),
    (":path", "/open/x"),
    (":authority", "a"),
];

const POST: [(&str, &str); 4] = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/open/x"),
    (":authority", "a"),
];

/// Malformed, as RFC 9113 section 8.1.1 wants it told.
const MALFORMED: Outcome = Outcome::Reset(1);

/// No field at all, so that the rest of the connection cannot be read either.
const UNREADABLE: Outcome = Outcome::GoAway(1);

const CLEAN: Clean = Clean {
    line: "GET /open/x HTTP/1.1",
    headers: &[],
    body: "",
    trailers: &[],
};

const fn row(what: &'static str, frames: Frames, outcome: Outcome) -> Row {
    Row {
        what,
        frames,
        outcome,
        clean: None,
    }
}

/// A GET with these fields beside its own.
fn get(what: &'static str, more: Fields<'_>, outcome: Outcome) -> Row {
    row(what, Frames::request(&[&GET, more].concat()), outcome)
}

/// A request with these pseudo-headers and no others.
fn pseudo(what: &'static str, fields: Fields<'_>, outcome: Outcome) -> Row {
    row(what, Frames::request(fields), outcome)
}

/// A GET of this path.
fn path(what: &'static str, path: &str, outcome: Outcome) -> Row {
    let mut fields = GET;
    fields[2].1 = path;
    row(what, Frames::request(&fields), outcome)
}

/// A request that arrives clean.
fn passes(what: &'static str, frames: Frames, clean: Clean) -> Row {
    Row {
        what,
        frames,
        outcome: Outcome::Status(200),
        clean: Some(clean),
    }
}

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = targets();
    rows.extend(fields());
    rows.extend(contents());
    rows
}

fn targets() -> Vec<Row> {
    const REFUSED: Outcome = Outcome::Status(400);
    let [method, scheme, target, authority] = GET;
    vec![
        path("a dot segment", "/open/../admin", REFUSED),
        path("an encoded one", "/open/%2e%2e/admin", REFUSED),
        path("a path that is the server", "*", REFUSED),
        path("a path without a slash", "open/x", MALFORMED),
        path("no path", "", MALFORMED),
        path(
            "a line break in the path",
            "/open/x HTTP/1.1\r\nhost: b",
            MALFORMED,
        ),
        path("a space in the path", "/open/x y", MALFORMED),
        path("a URL for a path", "http://b/open/x", MALFORMED),
        pseudo("no `:path`", &[method, scheme, authority], MALFORMED),
        pseudo("no `:method`", &[scheme, target, authority], MALFORMED),
        pseudo("no `:scheme`", &[method, target, authority], MALFORMED),
        pseudo("no host", &[method, scheme, target], REFUSED),
        pseudo(
            "two paths",
            &[method, scheme, target, target, authority],
            MALFORMED,
        ),
        pseudo(
            "two methods",
            &[method, method, scheme, target, authority],
            MALFORMED,
        ),
        pseudo(
            "another scheme",
            &[method, (":scheme", "ftp"), target, authority],
            REFUSED,
        ),
        pseudo(
            "a scheme with a URL in it",
            &[method, (":scheme", "http://b/?x="), target, authority],
            MALFORMED,
        ),
        pseudo(
            "a pseudo-header of an answer",
            &[method, scheme, target, authority, (":status", "200")],
            MALFORMED,
        ),
        pseudo(
            "one of its own",
            &[method, scheme, target, authority, (":x", "1")],
            UNREADABLE,
        ),
        pseudo(
            "one after a field",
            &[method, scheme, target, ("x-a", "1"), authority],
            MALFORMED,
        ),
        pseudo(
            "a tunnel",
            &[(":method", "CONNECT"), (":authority", "a:443")],
            REFUSED,
        ),
        pseudo(
            "a tunnel of a protocol",
            &[
                (":method", "CONNECT"),
                (":protocol", "websocket"),
                scheme,
                target,
                authority,
            ],
            MALFORMED,
        ),
        pseudo(
            "a line break in the method",
            &[(":method", "GET /\r\nx: "), scheme, target, authority],
            UNREADABLE,
        ),
        pseudo(
            "a user name",
            &[method, scheme, target, (":authority", "me@a")],
            REFUSED,
        ),
        pseudo(
            "a path in the host",
            &[method, scheme, target, (":authority", "a/admin")],
            MALFORMED,
        ),
        pseudo(
            "a host that is not served",
            &[method, scheme, target, (":authority", "b")],
            Outcome::Status(421),
        ),
        get("another `Host`", &[("host", "b")], REFUSED),
        passes(
            "the same `Host`",
            Frames::request(&[&GET[..], &[("host", "a")]].concat()),
            CLEAN,
        ),
    ]
}

fn fields() -> Vec<Row> {
    vec![
        get("a name in upper case", &[("X-A", "1")], UNREADABLE),
        get(
            "a line break in a value",
            &[("x-a", "1\r\nx-auth-subject: mallory")],
            UNREADABLE,
        ),
        get(
            "a line break in a name",
            &[("x-a\r\nx-auth-subject", "mallory")],
            UNREADABLE,
        ),
        get("a NUL in a value", &[("x-a", "1\0")], UNREADABLE),
        get("a colon in a name", &[("x:a", "1")], UNREADABLE),
        get("a space in a name", &[("x a", "1")], UNREADABLE),
        get("no name", &[("", "1")], UNREADABLE),
        get("`Connection`", &[("connection", "close")], MALFORMED),
        get("`Keep-Alive`", &[("keep-alive", "5")], MALFORMED),
        get(
            "`Proxy-Connection`",
            &[("proxy-connection", "close")],
            MALFORMED,
        ),
        get(
            "`Transfer-Encoding`",
            &[("transfer-encoding", "chunked")],
            MALFORMED,
        ),
        get("`Upgrade`", &[("upgrade", "h2c")], MALFORMED),
        get("`TE` with something else", &[("te", "gzip")], MALFORMED),
        passes(
            "claims",
            Frames::request(
                &[
                    &GET[..],
                    &[
                        ("x-auth-subject", "mallory"),
                        ("x_auth_scopes", "admin"),
                        ("x-forwarded-for", "1.2.3.4"),
                        ("forwarded", "for=1.2.3.4"),
                        ("x-request-id", "mine"),
                    ],
                ]
                .concat(),
            ),
            CLEAN,
        ),
        passes(
            "crumbs of cookies",
            Frames::request(&[&GET[..], &[("cookie", "a=1"), ("cookie", "b=2")]].concat()),
            Clean {
                headers: &[("cookie", "a=1; b=2")],
                ..CLEAN
            },
        ),
        row(
            "a head of more frames than it can have",
            Frames::continued(&GET, 10_000),
            Outcome::GoAway(11),
        ),
        get(
            "80 fields of 1000 bytes",
            &[("x-a", &*"x".repeat(1_000)); 80],
            Outcome::Status(431),
        ),
    ]
}

fn contents() -> Vec<Row> {
    let posted =
        |more: Fields<'_>, content: &str| Frames::with_content(&[&POST, more].concat(), content);
    vec![
        row(
            "less content than its length",
            posted(&[("content-length", "9")], "hello"),
            MALFORMED,
        ),
        row(
            "more content than its length",
            posted(&[("content-length", "2")], "hello"),
            MALFORMED,
        ),
        row(
            "two lengths",
            posted(&[("content-length", "5"), ("content-length", "6")], "hello"),
            MALFORMED,
        ),
        row(
            "a length that is no number",
            posted(&[("content-length", "+5")], "hello"),
            MALFORMED,
        ),
        passes(
            "a request within the content",
            posted(
                &[("content-length", "34")],
                "GET /admin/x HTTP/1.1\r\nhost: a\r\n\r\n",
            ),
            Clean {
                line: "POST /open/x HTTP/1.1",
                headers: &[("content-length", "34")],
                body: "GET /admin/x HTTP/1.1\r\nhost: a\r\n\r\n",
                trailers: &[],
            },
        ),
        passes(
            "claims in trailers",
            Frames::with_trailers(
                &[&POST[..], &[("trailer", "x-sum")]].concat(),
                "hello",
                &[
                    ("x-auth-subject", "mallory"),
                    ("x_auth_scopes", "admin"),
                    ("x-sum", "7"),
                ],
            ),
            Clean {
                line: "POST /open/x HTTP/1.1",
                headers: &[("trailer", "x-sum"), ("transfer-encoding", "chunked")],
                body: "hello",
                trailers: &[("x-sum", "7")],
            },
        ),
        passes(
            "pseudo-headers in trailers",
            Frames::with_trailers(
                &POST,
                "hello",
                &[(":path", "/admin/x"), ("x-auth-subject", "mallory")],
            ),
            Clean {
                line: "POST /open/x HTTP/1.1",
                headers: &[("transfer-encoding", "chunked")],
                body: "hello",
                trailers: &[],
            },
        ),
    ]
}

// === impl Row ===

impl Row {
    /// The row as the documentation has it.
    pub(crate) fn told(&self) -> String {
        let outcome = match (self.outcome, &self.clean) {
            (_, Some(clean)) => clean.told(),
            (Outcome::Status(status), None) => status.to_string(),
            (Outcome::Reset(code), None) => format!("the stream ends: {}", name(code)),
            (Outcome::GoAway(code), None) => format!("the connection ends: {}", name(code)),
            (Outcome::Closed, None) => "the connection ends".to_owned(),
        };
        format!("| {} | {outcome} |", self.what)
    }
}

/// The name of a code (RFC 9113 section 7).
fn name(code: u32) -> &'static str {
    match code {
        1 => "PROTOCOL_ERROR",
        11 => "ENHANCE_YOUR_CALM",
        _ => panic!("{code}"),
    }
}
