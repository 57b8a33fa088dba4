//! Requests that end somewhere else for others.

use super::row::{Answer, Clean, HEAD, Row, chunks, plain, post, raw, streamed};

const UNREAD: Answer = Answer::Unread(400);
const FRAMING: Answer = Answer::Refused(400, "bad_framing");

const HELLO: Answer = Answer::Passes(Clean {
    line: "POST /open/x HTTP/1.1",
    headers: &[("content-length", "5")],
    body: "hello",
    trailers: &[],
});

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = lengths();
    rows.extend(codings());
    rows.extend(chunked());
    rows.extend(second());
    rows.extend(sizes());
    rows
}

fn lengths() -> Vec<Row> {
    let length = |what, value: &str, answer| {
        post(what, &format!("content-length: {value}"), "hello", answer)
    };
    vec![
        post(
            "two lengths, and different",
            "content-length: 5\r\ncontent-length: 6",
            "hello",
            UNREAD,
        ),
        post(
            "the same length twice",
            "content-length: 5\r\ncontent-length: 5",
            "hello",
            HELLO,
        ),
        length("a list of lengths", "5, 5", UNREAD),
        length("a plus", "+5", UNREAD),
        length("a negative length", "-1", UNREAD),
        length("a hexadecimal length", "0x5", UNREAD),
        length("a space within", "5 5", UNREAD),
        length("an empty length", "", UNREAD),
        length("leading zeros", "0005", FRAMING),
        length("more than 64 bits", "18446744073709551621", UNREAD),
        length(
            "as much as 64 bits hold",
            "18446744073709551615",
            Answer::Unread(431),
        ),
        raw(
            "a space before the colon of a length",
            format!("POST /open/x HTTP/1.1\r\n{HEAD}content-length : 5\r\n\r\nhello"),
            UNREAD,
        ),
    ]
}

fn codings() -> Vec<Row> {
    let coding = |what, lines: &str, answer| post(what, lines, "5\r\nhello\r\n0\r\n\r\n", answer);
    vec![
        coding(
            "chunks, and a length",
            "transfer-encoding: chunked\r\ncontent-length: 6",
            streamed("hello"),
        ),
        coding(
            "a length, and chunks",
            "content-length: 6\r\ntransfer-encoding: chunked",
            streamed("hello"),
        ),
        coding("not quite chunked", "transfer-encoding: xchunked", UNREAD),
        coding("quoted", "transfer-encoding: \"chunked\"", UNREAD),
        coding("with a parameter", "transfer-encoding: chunked;q=1", UNREAD),
        coding(
            "chunked, then something else",
            "transfer-encoding: chunked, identity",
            UNREAD,
        ),
        coding(
            "the same on two lines",
            "transfer-encoding: chunked\r\ntransfer-encoding: identity",
            UNREAD,
        ),
        coding(
            "identity, then chunked",
            "transfer-encoding: identity, chunked",
            FRAMING,
        ),
        coding(
            "gzip, then chunked",
            "transfer-encoding: gzip, chunked",
            FRAMING,
        ),
        coding(
            "chunked twice",
            "transfer-encoding: chunked, chunked",
            FRAMING,
        ),
        coding(
            "chunked on two lines",
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
            FRAMING,
        ),
        coding("only gzip", "transfer-encoding: gzip", UNREAD),
        coding(
            "a space before the colon",
            "transfer-encoding : chunked",
            UNREAD,
        ),
        coding("a folded line", "transfer-encoding:\r\n chunked", UNREAD),
        coding(
            "a tab before the value",
            "transfer-encoding:\tchunked",
            streamed("hello"),
        ),
        coding(
            "upper case",
            "Transfer-Encoding: CHUNKED",
            streamed("hello"),
        ),
        raw(
            "chunks in HTTP/1.0",
            "POST /open/x HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            UNREAD,
        ),
    ]
}

fn chunked() -> Vec<Row> {
    vec![
        chunks(
            "a chunk extension",
            "5;a=b\r\nhello\r\n0\r\n\r\n",
            streamed("hello"),
        ),
        chunks(
            "a line break in an extension",
            "5;a\nb\r\nhello\r\n0\r\n\r\n",
            Answer::Broken,
        ),
        chunks("lines that end with LF", "5\nhello\n0\n\n", Answer::Broken),
        chunks(
            "a size beyond 64 bits",
            "10000000000000005\r\nhello\r\n0\r\n\r\n",
            Answer::Broken,
        ),
        chunks(
            "a negative size",
            "-5\r\nhello\r\n0\r\n\r\n",
            Answer::Broken,
        ),
        chunks(
            "a size with 0x",
            "0x5\r\nhello\r\n0\r\n\r\n",
            Answer::Broken,
        ),
        chunks("no size", "\r\nhello\r\n0\r\n\r\n", Answer::Broken),
        chunks(
            "a chunk longer than its size",
            "5\r\nhelloXX\r\n0\r\n\r\n",
            Answer::Broken,
        ),
        post(
            "a claim in a trailer",
            "transfer-encoding: chunked\r\ntrailer: x-auth-subject, x-sum",
            "5\r\nhello\r\n0\r\nx-auth-subject: mallory\r\nx-sum: 7\r\n\r\n",
            Answer::Passes(Clean {
                line: "POST /open/x HTTP/1.1",
                headers: &[
                    ("trailer", "x-auth-subject, x-sum"),
                    ("transfer-encoding", "chunked"),
                ],
                body: "hello",
                trailers: &[("x-sum", "7")],
            }),
        ),
    ]
}

/// A second request, hidden behind or within the first.
fn second() -> Vec<Row> {
    const SECOND: &str = "GET /admin/x HTTP/1.1\r\nhost: a\r\n\r\n";
    vec![
        raw(
            "a request after the last",
            format!("GET /open/x HTTP/1.1\r\n{HEAD}\r\n{SECOND}"),
            plain("GET /open/x HTTP/1.1"),
        ),
        post(
            "a request within the content of another",
            &format!("content-length: {}", SECOND.len()),
            SECOND,
            Answer::Passes(Clean {
                line: "POST /open/x HTTP/1.1",
                headers: &[("content-length", "34")],
                body: SECOND,
                trailers: &[],
            }),
        ),
        post(
            "a request after chunks, within a length",
            "transfer-encoding: chunked\r\ncontent-length: 39",
            &format!("0\r\n\r\n{SECOND}"),
            streamed(""),
        ),
        raw(
            "a request after no length",
            format!("POST /open/x HTTP/1.1\r\n{HEAD}\r\n{SECOND}"),
            plain("POST /open/x HTTP/1.1"),
        ),
        raw(
            "a request after a refused one",
            format!("GET /open/../x HTTP/1.1\r\n{HEAD}\r\n{SECOND}"),
            Answer::Refused(400, "ambiguous_path"),
        ),
    ]
}

fn sizes() -> Vec<Row> {
    let large = "x".repeat(64 << 10);
    vec![
        raw(
            "a target of 64 KiB",
            format!("GET /open/{large} HTTP/1.1\r\n{HEAD}\r\n"),
            Answer::Unread(431),
        ),
        raw(
            "a field of 64 KiB",
            format!("GET /open/x HTTP/1.1\r\n{HEAD}x-large: {large}\r\n\r\n"),
            Answer::Unread(431),
        ),
        raw(
            "200 fields",
            format!(
                "GET /open/x HTTP/1.1\r\n{HEAD}{}\r\n",
                "x-a: 1\r\n".repeat(200)
            ),
            Answer::Unread(431),
        ),
        raw(
            "a head that never ends",
            format!("GET /open/x HTTP/1.1\r\n{HEAD}x-slow: "),
            Answer::Closed,
        ),
        raw(
            "a request line that never ends",
            "GET /open",
            Answer::Closed,
        ),
    ]
}
