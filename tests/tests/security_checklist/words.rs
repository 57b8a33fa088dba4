//! The answers, word for word. Nothing here is taken from the crate under test.

use portcullis_auth::Reason;

/// What a request must get.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expected {
    /// No credential: 401 without an error code (RFC 6750 section 3.1).
    Missing,
    /// A credential that was positively judged bad.
    Refused(Reason),
    /// It could not be found out: 503, this label, no challenge.
    Unavailable(&'static str),
}

/// The realm of every layer under test.
pub(crate) const REALM: &str = "orders";
/// The metadata of the resource (RFC 9728).
pub(crate) const METADATA: &str = "https://api.example.com/.well-known/oauth-protected-resource";

/// One answer, in both protocols.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) status: u16,
    pub(crate) grpc_status: &'static str,
    pub(crate) title: &'static str,
    pub(crate) label: &'static str,
    pub(crate) detail: &'static str,
    pub(crate) challenges: Vec<String>,
}

/// Which error of RFC 6750 a reason is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Template {
    /// 400 `invalid_request`.
    Q,
    /// 401 `invalid_token`.
    T,
    /// The same, and the scheme that a bound token needs (RFC 9449 section 7.1).
    D,
}

#[rustfmt::skip]
const REASONS: &[(Reason, Template, &str, &str)] = {
    use Template::{D, Q, T};
    &[
        (Reason::ManyCredentials, Q, "many_credentials", "Present one credential, in one place."),
        (Reason::MalformedCredential, Q, "malformed_credential", "The credential is not of the form: Bearer, one space, token."),
        (Reason::CrossSite, Q, "cross_site", "A cookie is accepted for this method only from the same origin."),
        (Reason::TooLarge, T, "token_too_large", "The token is longer than the limit."),
        (Reason::Malformed, T, "malformed_token", "The token is not a signed JWT in compact form."),
        (Reason::UnsupportedHeader, T, "unsupported_header", "The token header asks for an extension that is not supported."),
        (Reason::Algorithm, T, "algorithm_not_allowed", "The algorithm of the token is not allowed."),
        (Reason::TokenType, T, "token_type_not_allowed", "This type of token is not accepted here."),
        (Reason::MissingClaim, T, "missing_claim", "The token lacks a required claim."),
        (Reason::MalformedClaim, T, "malformed_claim", "A registered claim of the token has the wrong type."),
        (Reason::Issuer, T, "issuer_not_trusted", "The issuer of the token is not trusted here."),
        (Reason::Audience, T, "wrong_audience", "The token is meant for another audience."),
        (Reason::Client, T, "client_not_allowed", "The client of the token is not allowed here."),
        (Reason::Expired, T, "expired", "The token has expired."),
        (Reason::NotYetValid, T, "not_yet_valid", "The token is not valid yet."),
        (Reason::IssuedInFuture, T, "issued_in_future", "The token was issued in the future."),
        (Reason::TooOld, T, "token_too_old", "The token is older than the maximum age."),
        (Reason::Bound, D, "bound_token", "The token is bound to a key and is not accepted as a bearer token."),
        (Reason::UnknownKey, T, "unknown_key", "The issuer has no such key."),
        (Reason::AmbiguousKey, T, "ambiguous_key", "The token names no key, and the issuer has several."),
        (Reason::Signature, T, "bad_signature", "The signature of the token is wrong."),
        (Reason::Inactive, T, "inactive", "The token is not active."),
        (Reason::Revoked, T, "revoked", "The token was revoked."),
        (Reason::SessionEnded, T, "session_ended", "The session of the token has ended."),
        (Reason::Unrevocable, T, "not_revocable", "The token lives too long, or does not say since when, so it could not be revoked."),
    ]
};

// === impl Expected ===

impl Expected {
    pub(crate) fn words(self) -> Words {
        match self {
            Self::Missing => Words {
                status: 401,
                grpc_status: "16",
                title: "Unauthorized",
                label: "missing_token",
                detail: "A token is required.",
                challenges: vec![format!(
                    "Bearer realm=\"{REALM}\", resource_metadata=\"{METADATA}\""
                )],
            },
            Self::Refused(reason) => refused(reason),
            Self::Unavailable(label) => Words {
                status: 503,
                grpc_status: "14",
                title: "Service Unavailable",
                label,
                detail: "The token could not be checked at the moment. Keep it, and try again.",
                challenges: Vec::new(),
            },
        }
    }
}

fn refused(reason: Reason) -> Words {
    let (_, template, label, detail) = REASONS
        .iter()
        .find(|(one, ..)| *one == reason)
        .unwrap_or_else(|| panic!("{reason:?} is not in the table"));
    let (status, grpc_status, title, error) = match template {
        Template::Q => (400, "3", "Bad Request", "invalid_request"),
        Template::T | Template::D => (401, "16", "Unauthorized", "invalid_token"),
    };
    let mut challenges = vec![format!(
        "Bearer realm=\"{REALM}\", error=\"{error}\", error_description=\"{detail}\", \
         resource_metadata=\"{METADATA}\""
    )];
    if *template == Template::D {
        challenges.push("DPoP algs=\"ES256 EdDSA\"".to_owned());
    }
    Words {
        status,
        grpc_status,
        title,
        label,
        detail,
        challenges,
    }
}

#[test]
fn every_reason_has_its_words() {
    for reason in Reason::ALL {
        assert_eq!(refused(*reason).label, reason.as_str());
    }
    assert_eq!(REASONS.len(), Reason::ALL.len());
}
