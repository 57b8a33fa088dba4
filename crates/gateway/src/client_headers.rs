//! What clients may not say to upstreams, taken away in one pass over their headers.

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, EXPECT, HOST, ORIGIN,
    TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::refused::Refused;

/// What a header of a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    /// Nothing of ours.
    Plain,
    /// A secret: no log shows it, and no HTTP/2 connection keeps it in its table.
    Secret,
    /// A claim that only the gateway may make.
    Claim,
}

/// Judges and cleans the headers of a client, before anything else looks at them.
///
/// | | what happens |
/// |---|---|
/// | claims: see [`is_claim`] | taken away, in any spelling |
/// | fields that `Connection` names | taken away, with it; a wish to upgrade stays |
/// | `Connection` names a field that says who asks whom for what | refused |
/// | `Expect: 100-continue` | met here, so taken away; any other is refused |
/// | several `Cookie` lines | put together, as HTTP/2 parts them (RFC 9113 section 8.2.3) |
/// | `Transfer-Encoding` is not just `chunked`, `Content-Length` has leading zeros | refused |
/// | secrets | marked as such |
pub(crate) fn clean(headers: &mut HeaderMap) -> Result<(), Refused> {
    let mut claims = Vec::new();
    for (name, value) in headers.iter_mut() {
        match sort(name.as_str()) {
            Sort::Plain => {}
            Sort::Secret => value.set_sensitive(true),
            Sort::Claim => claims.push(name.clone()),
        }
    }
    for name in claims {
        headers.remove(name);
    }
    check_framing(headers)?;
    remove_nominated(headers)?;
    meet_expectation(headers)?;
    join_cookies(headers);
    Ok(())
}

/// Takes from trailers what a client must not say either, and what no trailer may say (RFC 9110
/// section 6.5.1): whom a request is for, who asks, and where its content ends.
pub(crate) fn clean_trailers(trailers: &mut HeaderMap) {
    let wrong: Vec<HeaderName> = trailers
        .keys()
        .filter(|name| is_claim(name.as_str()) || HEAD_ONLY.contains(&name.as_str()))
        .cloned()
        .collect();
    for name in wrong {
        trailers.remove(name);
    }
}

/// Whether a header is a claim that only the gateway may make, in any spelling that somebody behind it
/// makes equal: CGI-like servers read `_` for `-`, and some any sign that is neither letter nor digit.
///
/// | claim | names |
/// |---|---|
/// | who the caller is | `x-auth-*` |
/// | where the request comes from | `forwarded`, `forwarded-for`, `x-forwarded`, `x-forwarded-*`, and the names in [`ADDRESSES`] |
/// | another target or method than the one that was judged | `x-original-*`, `x-rewrite-url`, `x-http-method`, `x-http-method-override`, `x-method-override` |
/// | what a CGI server takes for its proxy | `proxy` |
/// | framing, content type and request id, spelled otherwise than with `-` | `content_length`, `transfer.encoding`, `content~type`, `x_request_id` |
pub(crate) fn is_claim(name: &str) -> bool {
    // What begins otherwise is none, which is most of what there is.
    match name.as_bytes() {
        [b'x', second, ..] if !second.is_ascii_alphanumeric() => {
            [&b"x-auth-"[..], b"x-forwarded-", b"x-original-"]
                .iter()
                .any(|prefix| begins(name, prefix))
                || is_one_of(
                    name,
                    &[
                        b"x-forwarded",
                        b"x-rewrite-url",
                        b"x-http-method",
                        b"x-http-method-override",
                        b"x-method-override",
                    ],
                )
                || is_one_of(name, &ADDRESSES)
                || is_misspelled(name, &[b"x-request-id"])
        }
        [b'f', ..] => {
            is_one_of(name, &[b"forwarded", b"forwarded-for"]) || is_one_of(name, &ADDRESSES)
        }
        [b'p', ..] => name == "proxy" || is_one_of(name, &ADDRESSES),
        [b'c' | b't', ..] => {
            is_one_of(name, &ADDRESSES)
                || is_misspelled(
                    name,
                    &[b"content-length", b"content-type", b"transfer-encoding"],
                )
        }
        [b'w', ..] => is_one_of(name, &ADDRESSES),
        _ => false,
    }
}

/// What proxies, content delivery networks and frameworks take for the address of a client. They are not
/// read here, and nobody behind the gateway is to read them from a client.
const ADDRESSES: [&[u8]; 13] = [
    b"cf-connecting-ip",
    b"cf-connecting-ipv6",
    b"client-ip",
    b"fastly-client-ip",
    b"proxy-client-ip",
    b"true-client-ip",
    b"wl-proxy-client-ip",
    b"x-client-ip",
    b"x-cluster-client-ip",
    b"x-originating-ip",
    b"x-real-ip",
    b"x-remote-addr",
    b"x-remote-ip",
];

/// What a trailer must not say, beside claims.
const HEAD_ONLY: [&str; 16] = [
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "cookie",
    "expect",
    "host",
    "origin",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-request-id",
];

/// What `Connection` must not name: the gateway decides by it, and an upstream would by something else.
const NEVER_ONE_HOP: [HeaderName; 6] = [
    AUTHORIZATION,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    COOKIE,
    HOST,
    ORIGIN,
];

fn sort(name: &str) -> Sort {
    match name {
        "authorization" | "cookie" | "proxy-authorization" | "x-api-key" | "api-key" => {
            Sort::Secret
        }
        _ if is_claim(name) => Sort::Claim,
        _ if name.ends_with("-token") => Sort::Secret,
        _ => Sort::Plain,
    }
}

fn begins(name: &str, prefix: &[u8]) -> bool {
    name.as_bytes()
        .get(..prefix.len())
        .is_some_and(|begin| same(begin, prefix))
}

fn is_one_of(name: &str, names: &[&[u8]]) -> bool {
    names.iter().any(|other| same(name.as_bytes(), other))
}

/// Whether it is one of these to a server that makes variables of names, but not to others.
fn is_misspelled(name: &str, names: &[&[u8]]) -> bool {
    is_one_of(name, names) && !names.contains(&name.as_bytes())
}

/// Whether two names are the same to a server that makes variables of them.
fn same(name: &[u8], dashed: &[u8]) -> bool {
    let same = |(a, b): (&u8, &u8)| a == b || (*b == b'-' && !a.is_ascii_alphanumeric());
    name.len() == dashed.len() && name.iter().zip(dashed).all(same)
}

/// What the listener read otherwise than it is written. It takes `gzip, chunked` for chunked content and
/// would pass it on without a word of gzip; and what a number with leading zeros is, others may say
/// otherwise.
fn check_framing(headers: &HeaderMap) -> Result<(), Refused> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let right = match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(coding), None) => coding.as_bytes().eq_ignore_ascii_case(b"chunked"),
        _ => false,
    };
    let length = headers.get(CONTENT_LENGTH).map(HeaderValue::as_bytes);
    if right && !matches!(length, Some([b'0', _, ..])) {
        Ok(())
    } else {
        Err(Refused::BadFraming)
    }
}

/// Removes what the client declared to be for one hop (RFC 9110 section 7.6.1), and leaves of
/// `Connection` the wish to upgrade.
///
/// The headers of the gateway itself come later, so a client cannot have them removed by naming them.
fn remove_nominated(headers: &mut HeaderMap) -> Result<(), Refused> {
    if !headers.contains_key(CONNECTION) {
        return Ok(());
    }
    let mut upgrade = false;
    let mut nominated = Vec::new();
    for line in headers.get_all(CONNECTION) {
        for option in line.as_bytes().split(|byte| *byte == b',') {
            let option = option.trim_ascii();
            if option.eq_ignore_ascii_case(b"upgrade") {
                upgrade = true;
            } else if option.eq_ignore_ascii_case(b"te") {
                // Said of `TE: trailers`, which gRPC wants to arrive; the proxy drops any other value.
            } else if let Ok(name) = HeaderName::from_bytes(option) {
                nominated.push(name);
            }
        }
    }
    for name in nominated {
        if NEVER_ONE_HOP.contains(&name) {
            return Err(Refused::BadConnection);
        }
        headers.remove(name);
    }
    headers.remove(CONNECTION);
    if upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    }
    Ok(())
}

/// The one expectation there is (RFC 9110 section 10.1.1) is met by the listener, which asks for the
/// content as soon as an upstream is there to take it. Going on, it would promise that this hop waits.
fn meet_expectation(headers: &mut HeaderMap) -> Result<(), Refused> {
    let mut lines = headers.get_all(EXPECT).iter();
    match (lines.next(), lines.next()) {
        (None, _) => return Ok(()),
        (Some(line), None) if line.as_bytes().eq_ignore_ascii_case(b"100-continue") => {}
        _ => return Err(Refused::Expectation),
    }
    headers.remove(EXPECT);
    Ok(())
}

fn join_cookies(headers: &mut HeaderMap) {
    let lines = headers.get_all(COOKIE);
    if lines.iter().nth(1).is_none() {
        return;
    }
    let lines: Vec<&[u8]> = lines.iter().map(HeaderValue::as_bytes).collect();
    // What several values may hold, one may hold too.
    if let Ok(mut joined) = HeaderValue::from_bytes(&lines.join(&b"; "[..])) {
        joined.set_sensitive(true);
        headers.insert(COOKIE, joined);
    }
}

#[cfg(test)]
mod tests;
