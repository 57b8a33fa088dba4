//! One row of the table: a request, and everything that it leads to.

use super::tape::Recorded;

/// A hostile request, with its answer.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// What it is, for readers of the table.
    pub(crate) what: &'static str,
    /// What is hostile in it, for them too.
    shown: String,
    pub(crate) sent: Vec<u8>,
    pub(crate) answer: Answer,
}

/// What becomes of a hostile request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The front says no, with a reason. The upstream sees nothing.
    Refused(u16, &'static str),
    /// The listener says no, without a word, and closes the connection. The upstream sees nothing.
    Unread(u16),
    /// The connection is closed without an answer. The upstream sees nothing.
    Closed,
    /// It makes no sense from within its content on, and the connection is closed. The upstream sees no
    /// complete request.
    Broken,
    /// The upstream sees this one request and nothing else; its answer goes back, and the connection is
    /// closed.
    Passes(Clean),
}

/// A request as it must arrive, beside what the gateway itself says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Clean {
    pub(crate) line: &'static str,
    pub(crate) headers: &'static [(&'static str, &'static str)],
    pub(crate) body: &'static str,
    pub(crate) trailers: &'static [(&'static str, &'static str)],
}

/// What every request is sent with in this table.
pub(crate) const HEAD: &str = "host: a\r\nconnection: close\r\n";

/// What the gateway says to the upstream of any of these requests; the id is another each time.
const SAID: [(&str, &str); 10] = [
    ("forwarded", "for=127.0.0.1;host=\"a\";proto=http"),
    ("host", "a"),
    ("x-auth-client", ""),
    ("x-auth-degraded", ""),
    ("x-auth-issuer", ""),
    ("x-auth-scopes", ""),
    ("x-auth-subject", ""),
    ("x-forwarded-for", "127.0.0.1"),
    ("x-forwarded-host", "a"),
    ("x-forwarded-proto", "http"),
];

/// A row of raw bytes.
pub(crate) fn raw(what: &'static str, sent: impl Into<Vec<u8>>, answer: Answer) -> Row {
    let sent = sent.into();
    let text = String::from_utf8_lossy(&sent).replace(HEAD, "…\r\n");
    row(what, &text, sent.clone(), answer)
}

fn row(what: &'static str, shown: &str, sent: Vec<u8>, answer: Answer) -> Row {
    Row {
        what,
        shown: code(shown),
        sent,
        answer,
    }
}

/// Text as code in a table: what cannot be seen is escaped, what is long is cut.
pub(crate) fn code(text: &str) -> String {
    let text = text.replace('\r', "\\r").replace('\n', "\\n");
    let text = text.replace('\t', "\\t").replace('\0', "\\0");
    let mut cut: String = text.chars().take(100).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    format!("`{}`", cut.trim())
}

/// A row of a GET with this target.
pub(crate) fn target(what: &'static str, target: &str, answer: Answer) -> Row {
    let sent = format!("GET {target} HTTP/1.1\r\n{HEAD}\r\n");
    row(what, target, sent.into(), answer)
}

/// A row of a GET with these lines in its head.
pub(crate) fn head(what: &'static str, lines: &str, answer: Answer) -> Row {
    let sent = format!("GET /open/x HTTP/1.1\r\n{HEAD}{lines}\r\n\r\n");
    row(what, lines, sent.into(), answer)
}

/// A row of a POST with these lines in its head, and this behind it.
pub(crate) fn post(what: &'static str, lines: &str, rest: &str, answer: Answer) -> Row {
    let sent = format!("POST /open/x HTTP/1.1\r\n{HEAD}{lines}\r\n\r\n{rest}");
    row(what, lines, sent.into(), answer)
}

/// A row of a POST with chunked content.
pub(crate) fn chunks(what: &'static str, chunks: &str, answer: Answer) -> Row {
    let row = post(what, "transfer-encoding: chunked", chunks, answer);
    Row {
        shown: code(chunks),
        ..row
    }
}

/// A GET that arrives with no headers of its own.
pub(crate) const fn plain(line: &'static str) -> Answer {
    Answer::Passes(Clean {
        line,
        headers: &[],
        body: "",
        trailers: &[],
    })
}

/// A GET that arrives with these headers.
pub(crate) const fn with(headers: &'static [(&'static str, &'static str)]) -> Answer {
    Answer::Passes(Clean {
        line: "GET /open/x HTTP/1.1",
        headers,
        body: "",
        trailers: &[],
    })
}

/// A POST that arrives with this content, in chunks.
pub(crate) const fn streamed(body: &'static str) -> Answer {
    Answer::Passes(Clean {
        line: "POST /open/x HTTP/1.1",
        headers: &[("transfer-encoding", "chunked")],
        body,
        trailers: &[],
    })
}

// === impl Row ===

impl Row {
    /// The row as the documentation has it.
    pub(crate) fn told(&self) -> String {
        format!(
            "| {} | {} | {} |",
            self.what,
            self.shown,
            self.answer.told()
        )
    }
}

// === impl Clean ===

impl Clean {
    /// What of it is worth telling.
    pub(crate) fn told(&self) -> String {
        let line = self.line.trim_end_matches(" HTTP/1.1");
        let headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| format!("`{name}: {value}`"))
            .collect();
        match (&headers[..], self.body) {
            ([], _) => format!("passes as `{line}`"),
            (_, "") => format!("passes as `{line}` with {}", headers.join(", ")),
            _ => format!("passes as `{line}` with its content"),
        }
    }

    /// Whether it is what came: nothing less, and nothing more.
    #[track_caller]
    pub(crate) fn check(&self, what: &str, came: &Recorded) {
        assert_eq!(came.line, self.line, "{what}");
        assert_eq!(came.body, self.body, "{what}");
        let mut expected: Vec<_> = SAID.iter().chain(self.headers).copied().collect();
        expected.sort_unstable();
        let mut headers: Vec<(&str, &str)> = came
            .headers
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        headers.sort_unstable();
        let ids: Vec<_> = headers
            .extract_if(.., |(name, _)| *name == "x-request-id")
            .collect();
        assert!(
            matches!(ids[..], [(_, id)] if id.len() == 32),
            "{what}: {ids:?}"
        );
        let ways: Vec<_> = headers.extract_if(.., |(name, _)| *name == "via").collect();
        assert!(
            matches!(ways[..], [(_, way)] if way.contains(" portcullis-")),
            "{what}: {ways:?}"
        );
        assert_eq!(headers, expected, "{what}");
        let trailers: Vec<(&str, &str)> = came
            .trailers
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        assert_eq!(trailers, self.trailers, "{what}");
    }
}

// === impl Answer ===

impl Answer {
    /// Checks what the client got, and what the upstream saw of it.
    #[track_caller]
    pub(crate) fn check(&self, what: &str, got: &str, came: &[Recorded]) {
        let statuses = statuses(got);
        match self {
            Self::Refused(status, reason) => {
                assert_eq!(statuses, [*status], "{what}\n{got}");
                let label = format!("\"reason\":\"{reason}\"");
                assert!(got.contains(&label), "{what}\n{got}");
            }
            Self::Unread(status) => {
                assert_eq!(statuses, [*status], "{what}\n{got}");
                assert!(got.ends_with("\r\n\r\n"), "{what}\n{got}");
            }
            Self::Closed => assert_eq!(got, "", "{what}"),
            Self::Broken => {
                assert_eq!(statuses, [400], "{what}\n{got}");
                assert!(
                    got.contains("\"reason\":\"request_broken\""),
                    "{what}\n{got}"
                );
            }
            Self::Passes(clean) => {
                assert_eq!(statuses, [200], "{what}\n{got}");
                assert_eq!(came.len(), 1, "{what}: {came:?}");
                clean.check(what, &came[0]);
                return;
            }
        }
        assert_eq!(came, [], "{what}: the upstream never sees it");
    }

    /// The answer in the words of the table.
    fn told(&self) -> String {
        match self {
            Self::Refused(status, reason) => format!("{status} `{reason}`"),
            Self::Unread(status) => format!("{status}, and the connection ends"),
            Self::Closed => "the connection ends".to_owned(),
            Self::Broken => "400 `request_broken`, and both connections end".to_owned(),
            Self::Passes(clean) => clean.told(),
        }
    }
}

/// The statuses of all final answers.
fn statuses(got: &str) -> Vec<u16> {
    let lines = got.split("HTTP/1.").skip(1);
    lines
        .filter_map(|rest| rest.get(2..5)?.parse().ok())
        .filter(|status| *status != 100)
        .collect()
}
