//! Heads that say who asks, or for whom, in ways that others read otherwise.

use super::row::{Answer, Row, head, plain, raw, with};

const BAD_HOST: Answer = Answer::Refused(400, "bad_host");
const UNREAD: Answer = Answer::Unread(400);
const CLEAN: Answer = plain("GET /open/x HTTP/1.1");

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = hosts();
    rows.extend(claims());
    rows.extend(lines());
    rows.extend(hops());
    rows
}

fn hosts() -> Vec<Row> {
    let get = |what, lines: &str, answer| {
        let sent = format!("GET /open/x HTTP/1.1\r\n{lines}connection: close\r\n\r\n");
        raw(what, sent, answer)
    };
    vec![
        get("no `Host`", "", BAD_HOST),
        get("two", "host: a\r\nhost: a\r\n", BAD_HOST),
        get("two, and different", "host: a\r\nhost: b\r\n", BAD_HOST),
        get("an empty one", "host:\r\n", BAD_HOST),
        get("a list", "host: a, b\r\n", BAD_HOST),
        get("a user name", "host: me@a\r\n", BAD_HOST),
        get("a path", "host: a/admin\r\n", BAD_HOST),
        get("a space", "host: a b\r\n", BAD_HOST),
        get("an encoding", "host: a%2eb\r\n", BAD_HOST),
        get("a port that is none", "host: a:80b\r\n", BAD_HOST),
        get(
            "a quote, into `Forwarded`",
            "host: a\";for=1.2.3.4;b=\"\r\n",
            BAD_HOST,
        ),
        get(
            "a host that is not served",
            "host: b\r\n",
            Answer::Refused(421, "unknown_host"),
        ),
        raw(
            "none with HTTP/1.0, where hosts are named",
            "GET /open/x HTTP/1.0\r\n\r\n",
            Answer::Refused(421, "unknown_host"),
        ),
    ]
}

fn claims() -> Vec<Row> {
    vec![
        head("an identity header", "X-Auth-Subject: mallory", CLEAN),
        head("with underscores", "x_auth_subject: mallory", CLEAN),
        head(
            "with both",
            "X-AUTH_subject: mallory\r\nx_auth-SCOPES: admin",
            CLEAN,
        ),
        head("with dots", "X.Auth.Subject: mallory", CLEAN),
        head(
            "with any other sign",
            "x~auth!subject: mallory\r\nx+auth^scopes: admin",
            CLEAN,
        ),
        head(
            "twice",
            "x-auth-subject: mallory\r\nx-auth-subject: mallory",
            CLEAN,
        ),
        head("one that does not exist yet", "x-auth-roles: admin", CLEAN),
        head(
            "named in `Connection`",
            "connection: x-auth-subject, x-auth-scopes\r\nx-auth-subject: mallory",
            CLEAN,
        ),
        head(
            "in `Connection` with underscores",
            "connection: x_auth_subject",
            CLEAN,
        ),
        head(
            "an address",
            "x-forwarded-for: 1.2.3.4\r\nx-real-ip: 1.2.3.4\r\nforwarded: for=1.2.3.4",
            CLEAN,
        ),
        head(
            "an address, with underscores",
            "x_forwarded_for: 1.2.3.4\r\nx_real-ip: 1.2.3.4",
            CLEAN,
        ),
        head(
            "an address, as content delivery networks tell it",
            "true-client-ip: 1.2.3.4\r\ncf-connecting-ip: 1.2.3.4\r\nclient-ip: 1.2.3.4",
            CLEAN,
        ),
        head(
            "an address, as one once told it",
            "x-forwarded: 1.2.3.4\r\nforwarded.for: 1.2.3.4\r\nx-client-ip: 1.2.3.4",
            CLEAN,
        ),
        head(
            "a host and a scheme",
            "x-forwarded-host: admin\r\nx-forwarded-proto: https",
            CLEAN,
        ),
        head(
            "another path",
            "x-original-url: /admin\r\nx-rewrite-url: /admin",
            CLEAN,
        ),
        head("another method", "x-http-method-override: DELETE", CLEAN),
        head("a request id", "x-request-id: mine", CLEAN),
        head(
            "a proxy for CGI programs",
            "proxy: http://evil.example",
            CLEAN,
        ),
        head("a length with an underscore", "content_length: 5", CLEAN),
        head("a length with a dot", "content.length: 5", CLEAN),
        head(
            "chunks with an underscore",
            "transfer_encoding: chunked",
            CLEAN,
        ),
        head(
            "a name of its own with an underscore",
            "x_custom: 1",
            with(&[("x_custom", "1")]),
        ),
    ]
}

fn lines() -> Vec<Row> {
    let get = |what, lines: &str, answer| {
        let sent =
            format!("GET /open/x HTTP/1.1\r\nhost: a\r\n{lines}\r\nconnection: close\r\n\r\n");
        raw(what, sent, answer)
    };
    vec![
        get(
            "a bare CR in a value",
            "x-a: b\rx-auth-subject: mallory",
            UNREAD,
        ),
        get(
            "a bare LF for an end of line",
            "x-a: b\nx-b: c",
            with(&[("x-a", "b"), ("x-b", "c")]),
        ),
        get(
            "a bare LF before a claim",
            "x-a: b\nx-auth-subject: mallory",
            with(&[("x-a", "b")]),
        ),
        raw(
            "bare LF throughout",
            "GET /open/x HTTP/1.1\nhost: a\nconnection: close\n\n",
            CLEAN,
        ),
        get("a NUL in a value", "x-a: b\0c", UNREAD),
        get("a NUL in a name", "x-\0a: b", UNREAD),
        get("a space before the colon", "x-a : b", UNREAD),
        get("a tab before the colon", "x-a\t: b", UNREAD),
        get("a folded line", "x-a: b\r\n folded", UNREAD),
        get(
            "a line folded with a tab",
            "x-a: b\r\n\tx-auth-subject: mallory",
            UNREAD,
        ),
        get("a space before the first name", " x-a: b", UNREAD),
        get("no name", ": b", UNREAD),
        get("no colon", "x-a", UNREAD),
        get("a name that is no token", "x(a): b", UNREAD),
        get("a name beyond ASCII", "x-\u{e4}: b", UNREAD),
    ]
}

fn hops() -> Vec<Row> {
    const BAD: Answer = Answer::Refused(400, "bad_connection");
    const EXPECTATION: Answer = Answer::Refused(417, "bad_expectation");
    vec![
        head("`Connection` names `Host`", "connection: host", BAD),
        head(
            "… or `Authorization`",
            "connection: Authorization\r\nauthorization: Bearer x",
            BAD,
        ),
        head(
            "… or `Cookie`",
            "connection: close, cookie\r\ncookie: a=1",
            BAD,
        ),
        head("… or `Content-Length`", "connection: content-length", BAD),
        head(
            "… or a field of its own",
            "connection: x-a\r\nx-a: 1",
            CLEAN,
        ),
        head(
            "credentials for a proxy",
            "proxy-authorization: Basic eDp5",
            CLEAN,
        ),
        head(
            "fields of one hop",
            "keep-alive: 5\r\nproxy-connection: keep-alive\r\nte: gzip",
            CLEAN,
        ),
        head(
            "an upgrade to h2c",
            "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk",
            CLEAN,
        ),
        head(
            "an upgrade to something else",
            "connection: upgrade\r\nupgrade: tls/1.0",
            CLEAN,
        ),
        head("`Expect` with something else", "expect: junk", EXPECTATION),
        head("… with more", "expect: 100-continue, junk", EXPECTATION),
        head("… disguised", "expect: y 100-continue", EXPECTATION),
        head(
            "… twice",
            "expect: 100-continue\r\nexpect: 100-continue",
            EXPECTATION,
        ),
    ]
}
