//! The one upgrade there is: WebSocket over HTTP/1.1 (RFC 6455).

use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Version};

use super::hop::tokens;

/// Whether a request opens a WebSocket (RFC 6455 section 4.1). Any other wish to upgrade is ignored, as a
/// server may (RFC 9110 section 7.8), and the upstream does not hear of it.
pub(super) fn is_wanted<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    headers.contains_key(UPGRADE)
        && request.method() == Method::GET
        && request.version() == Version::HTTP_11
        && has(headers, "websocket")
        && headers.contains_key(SEC_WEBSOCKET_KEY)
        && headers.contains_key(SEC_WEBSOCKET_VERSION)
}

/// Whether the upstream opened the WebSocket that it was asked for. What it says beyond that is for the
/// client to check, who knows the key.
pub(super) fn is_granted<B>(response: &Response<B>) -> bool {
    has(response.headers(), "websocket") && response.headers().contains_key(SEC_WEBSOCKET_ACCEPT)
}

/// Says so on the next hop.
pub(super) fn announce(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
}

fn has(headers: &HeaderMap, protocol: &str) -> bool {
    let upgrade = tokens(headers, CONNECTION).any(|token| token.eq_ignore_ascii_case(b"upgrade"));
    let mut protocols = tokens(headers, UPGRADE);
    let only = protocols
        .next()
        .is_some_and(|token| token.eq_ignore_ascii_case(protocol.as_bytes()));
    // A choice of several would leave it open what the tunnel speaks.
    upgrade && only && protocols.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request<()> {
        Request::get("/")
            .header("connection", "keep-alive, Upgrade")
            .header("upgrade", "WebSocket")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("sec-websocket-version", "13")
            .body(())
            .unwrap()
    }

    #[test]
    fn a_websocket_is_asked_for_in_full() {
        assert!(is_wanted(&request()));
        let changes: [fn(&mut Request<()>); 8] = [
            |request| *request.method_mut() = Method::POST,
            |request| *request.version_mut() = Version::HTTP_2,
            |request| *request.version_mut() = Version::HTTP_10,
            |request| drop(request.headers_mut().remove("connection")),
            |request| drop(request.headers_mut().remove("sec-websocket-key")),
            |request| drop(request.headers_mut().remove("sec-websocket-version")),
            |request| {
                drop(
                    request
                        .headers_mut()
                        .insert(UPGRADE, HeaderValue::from_static("h2c")),
                )
            },
            |request| {
                let both = HeaderValue::from_static("websocket, h2c");
                request.headers_mut().insert(UPGRADE, both);
            },
        ];
        for (index, change) in changes.into_iter().enumerate() {
            let mut request = request();
            change(&mut request);
            assert!(!is_wanted(&request), "{index}");
        }
    }

    #[test]
    fn another_protocol_is_not_what_was_asked_for() {
        let response = |protocol| {
            Response::builder()
                .status(101)
                .header("connection", "upgrade")
                .header("upgrade", protocol)
                .header("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
                .body(())
                .unwrap()
        };
        assert!(is_granted(&response("websocket")));
        assert!(!is_granted(&response("h2c")));
        assert!(!is_granted(&Response::new(())));
    }
}
