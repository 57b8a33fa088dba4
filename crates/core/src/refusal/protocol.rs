//! The protocol that a request speaks.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};

/// The protocol that a request speaks, told by its content type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// Plain HTTP: answered with a status and a problem.
    #[default]
    Http,
    /// gRPC over HTTP/2: answered with trailers only.
    Grpc,
    /// gRPC-Web, binary.
    GrpcWeb,
    /// gRPC-Web, base64 text.
    GrpcWebText,
}

// === impl Protocol ===

impl Protocol {
    /// The protocol of a request with these headers.
    #[inline]
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        headers.get(CONTENT_TYPE).map_or(Self::Http, Self::named)
    }

    fn named(content_type: &HeaderValue) -> Self {
        let value = content_type.as_bytes();
        // The longest name first; after a name comes the end, a subtype or a parameter.
        for (name, protocol) in [
            ("application/grpc-web-text", Self::GrpcWebText),
            ("application/grpc-web", Self::GrpcWeb),
            ("application/grpc", Self::Grpc),
        ] {
            let Some((head, rest)) = value.split_at_checked(name.len()) else {
                continue;
            };
            let ends = matches!(rest.first(), None | Some(b'+' | b';' | b' ' | b'\t'));
            if ends && head.eq_ignore_ascii_case(name.as_bytes()) {
                return protocol;
            }
        }
        Self::Http
    }

    /// Whether it is a form of gRPC.
    #[must_use]
    pub const fn is_grpc(self) -> bool {
        !matches!(self, Self::Http)
    }

    #[inline]
    pub(crate) fn grpc_content_type(self) -> Option<HeaderValue> {
        let name = match self {
            Self::Http => return None,
            Self::Grpc => "application/grpc",
            Self::GrpcWeb => "application/grpc-web+proto",
            Self::GrpcWebText => "application/grpc-web-text+proto",
        };
        Some(HeaderValue::from_static(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_type_tells_the_protocol() {
        for (value, expected) in [
            ("application/grpc", Protocol::Grpc),
            ("application/grpc+proto", Protocol::Grpc),
            ("Application/GRPC;charset=utf-8", Protocol::Grpc),
            ("application/grpc-web", Protocol::GrpcWeb),
            ("application/grpc-web+proto", Protocol::GrpcWeb),
            ("application/grpc-web-text", Protocol::GrpcWebText),
            ("application/grpcx", Protocol::Http),
            ("application/json", Protocol::Http),
            ("", Protocol::Http),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_str(value).unwrap());
            assert_eq!(Protocol::of(&headers), expected, "{value}");
        }
        assert_eq!(Protocol::of(&HeaderMap::new()), Protocol::Http);
    }
}
