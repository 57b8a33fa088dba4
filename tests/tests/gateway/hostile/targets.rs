//! Targets that mean one thing to the gateway and another behind it.

use super::row::{Answer, HEAD, Row, plain, raw, target};

const AMBIGUOUS: Answer = Answer::Refused(400, "ambiguous_path");
const NO_TARGET: Answer = Answer::Refused(400, "bad_target");

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = paths();
    rows.extend(forms());
    rows
}

fn paths() -> Vec<Row> {
    vec![
        target("a dot segment", "/open/../admin/x", AMBIGUOUS),
        target("one dot", "/open/./x", AMBIGUOUS),
        target("an encoded dot segment", "/open/%2e%2E/admin/x", AMBIGUOUS),
        target("a half encoded one", "/open/.%2e/admin/x", AMBIGUOUS),
        target(
            "one with path parameters",
            "/open/..;x=1/admin/x",
            AMBIGUOUS,
        ),
        target(
            "one with encoded path parameters",
            "/open/..%3bx/admin/x",
            AMBIGUOUS,
        ),
        target(
            "one with overlong UTF-8",
            "/open/%c0%ae%c0%ae/admin/x",
            AMBIGUOUS,
        ),
        target(
            "one in the way of IIS",
            "/open/%u002e%u002e/admin/x",
            AMBIGUOUS,
        ),
        target("an encoded slash", "/open%2f..%2fadmin", AMBIGUOUS),
        target("an overlong slash", "/open/x%c0%afadmin", AMBIGUOUS),
        target("a backslash", "/open\\..\\admin", AMBIGUOUS),
        target("an encoded backslash", "/open/..%5cadmin", AMBIGUOUS),
        target("an encoded NUL", "/open/x%00.png", AMBIGUOUS),
        target(
            "an encoded line break",
            "/open/x%0d%0aset-cookie:a=b",
            AMBIGUOUS,
        ),
        target("half an escape", "/open/x%2", AMBIGUOUS),
        target("bytes beyond ASCII", "/open/\u{e4}", AMBIGUOUS),
        target(
            "an empty segment before a guarded path",
            "//admin/x",
            AMBIGUOUS,
        ),
        target("a guarded path, encoded", "/%61dmin/x", AMBIGUOUS),
        target("a guarded path with parameters", "/admin;x=1/x", AMBIGUOUS),
        target("parameters before a guarded path", "/;x/admin/x", AMBIGUOUS),
        target(
            "an empty segment that matters to nobody",
            "/open//x",
            plain("GET /open//x HTTP/1.1"),
        ),
        target(
            "an encoding that matters to nobody",
            "/open/%78",
            plain("GET /open/%78 HTTP/1.1"),
        ),
        target(
            "a path encoded twice",
            "/open/%252e%252e/x",
            plain("GET /open/%252e%252e/x HTTP/1.1"),
        ),
        target(
            "dots and slashes in the query",
            "/open/x?a=../..&b=%00%2f//",
            plain("GET /open/x?a=../..&b=%00%2f// HTTP/1.1"),
        ),
        target(
            "a fragment",
            "/open/x#/../../admin",
            plain("GET /open/x HTTP/1.1"),
        ),
        target(
            "a path that no route has",
            "/nowhere",
            Answer::Refused(404, "no_route"),
        ),
        target(
            "a path that is guarded",
            "/admin/x",
            Answer::Refused(401, "missing_token"),
        ),
    ]
}

fn forms() -> Vec<Row> {
    let form =
        |what, line: &str, answer| raw(what, format!("{line} HTTP/1.1\r\n{HEAD}\r\n"), answer);
    vec![
        target(
            "a URL of the same host",
            "http://a/open/x",
            plain("GET /open/x HTTP/1.1"),
        ),
        target(
            "a URL of another host",
            "http://b/open/x",
            Answer::Refused(400, "bad_host"),
        ),
        target(
            "a URL with a user name",
            "http://me:pw@a/open/x",
            Answer::Refused(400, "bad_host"),
        ),
        target("a URL of another scheme", "ftp://a/open/x", NO_TARGET),
        target(
            "a URL with a dot segment",
            "http://a/open/../admin",
            AMBIGUOUS,
        ),
        target("an authority", "a:80", Answer::Refused(400, "bad_host")),
        target("the authority of its host", "a", NO_TARGET),
        target("no slash in front", "open/x", Answer::Unread(400)),
        target("only a query", "?q", Answer::Unread(400)),
        target("characters of no URL", "/open/x<y>", Answer::Unread(400)),
        form("the server itself", "OPTIONS *", NO_TARGET),
        form(
            "a tunnel",
            "CONNECT a:443",
            Answer::Refused(400, "bad_host"),
        ),
        form("a tunnel to its host", "CONNECT a", NO_TARGET),
        form("a tunnel to a path", "CONNECT /open/x", NO_TARGET),
        form(
            "an echo",
            "TRACE /open/x",
            Answer::Refused(405, "method_not_allowed"),
        ),
        form(
            "a method that the route has not",
            "DELETE /get/x",
            Answer::Refused(405, "method_not_allowed"),
        ),
        form(
            "a method in lower case",
            "get /get/x",
            Answer::Refused(405, "method_not_allowed"),
        ),
        form(
            "a method that is no token",
            "GE(T /open/x",
            Answer::Unread(400),
        ),
        form("two spaces", "GET  /open/x", Answer::Unread(400)),
        form("a tab for a space", "GET\t/open/x", Answer::Unread(400)),
        form("a space in the path", "GET /open/x y", Answer::Unread(400)),
        form("a space in front", " GET /open/x", Answer::Unread(400)),
        raw(
            "an empty line in front",
            format!("\r\nGET /open/x HTTP/1.1\r\n{HEAD}\r\n"),
            plain("GET /open/x HTTP/1.1"),
        ),
        raw("HTTP/0.9", "GET /open/x\r\n\r\n", Answer::Unread(400)),
        raw(
            "HTTP/1.2",
            format!("GET /open/x HTTP/1.2\r\n{HEAD}\r\n"),
            Answer::Unread(400),
        ),
        raw(
            "HTTP/2.0 without its preface",
            format!("GET /open/x HTTP/2.0\r\n{HEAD}\r\n"),
            Answer::Unread(400),
        ),
        raw(
            "half a preface of HTTP/2",
            "PRI * HTTP/2.0\r\n\r\n",
            Answer::Closed,
        ),
        raw("no HTTP at all", "HELP\r\n\r\n", Answer::Unread(400)),
    ]
}
