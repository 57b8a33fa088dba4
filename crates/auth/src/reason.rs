//! Why a token, or the way it was presented, is bad.

use std::fmt;

/// What a caller can do about a refusal: which answer of RFC 6750 it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    /// 400 `invalid_request`: a fresh token will not help.
    Request,
    /// 401 `invalid_token`: get a fresh one.
    Token,
    /// 401 `invalid_token`, and the scheme that the token is bound to.
    Bound,
}

macro_rules! reasons {
    ($($(#[$meta:meta])* $name:ident = $label:literal, $class:ident, $detail:literal;)*) => {
        /// Why a token, or the way it was presented, was positively judged bad.
        ///
        /// Each has a stable label ([`as_str`](Reason::as_str)) that appears in the problem body, in
        /// events and in `docs/reasons.md`, and one sentence from a closed set: no input is echoed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[$meta])* $name,)*
        }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable label.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $label,)* }
            }

            /// One sentence for a person.
            #[must_use]
            pub const fn detail(self) -> &'static str {
                match self { $(Self::$name => $detail,)* }
            }

            pub(crate) const fn class(self) -> Class {
                match self { $(Self::$name => Class::$class,)* }
            }
        }
    };
}

reasons! {
    /// More than one credential was presented (RFC 6750 section 2).
    ManyCredentials = "many_credentials", Request,
        "Present one credential, in one place.";
    /// The credential is not of the form `Bearer b64token` (RFC 6750 section 2.1).
    MalformedCredential = "malformed_credential", Request,
        "The credential is not of the form: Bearer, one space, token.";
    /// The cookie came with an unsafe method from another site.
    CrossSite = "cross_site", Request,
        "A cookie is accepted for this method only from the same origin.";
    /// The token is longer than the limit.
    TooLarge = "token_too_large", Token,
        "The token is longer than the limit.";
    /// The token is not a compact JWS: three parts in strict base64url, JSON objects inside.
    Malformed = "malformed_token", Token,
        "The token is not a signed JWT in compact form.";
    /// The header asks for something that is not supported: `crit`, `b64`, `zip`, `enc`, a nested JWT.
    UnsupportedHeader = "unsupported_header", Token,
        "The token header asks for an extension that is not supported.";
    /// The algorithm is missing, `none`, unknown, or not allowed for the issuer.
    Algorithm = "algorithm_not_allowed", Token,
        "The algorithm of the token is not allowed.";
    /// The `typ` says that this is not an access token.
    TokenType = "token_type_not_allowed", Token,
        "This type of token is not accepted here.";
    /// A claim is missing that the issuer's tokens must have.
    MissingClaim = "missing_claim", Token,
        "The token lacks a required claim.";
    /// A registered claim is not of its type.
    MalformedClaim = "malformed_claim", Token,
        "A registered claim of the token has the wrong type.";
    /// The issuer is not one of ours, byte for byte.
    Issuer = "issuer_not_trusted", Token,
        "The issuer of the token is not trusted here.";
    /// The token is meant for somebody else.
    Audience = "wrong_audience", Token,
        "The token is meant for another audience.";
    /// The client is not one of those allowed.
    Client = "client_not_allowed", Token,
        "The client of the token is not allowed here.";
    /// The token has expired.
    Expired = "expired", Token,
        "The token has expired.";
    /// The token is not valid yet (`nbf`).
    NotYetValid = "not_yet_valid", Token,
        "The token is not valid yet.";
    /// The token says it was issued in the future.
    IssuedInFuture = "issued_in_future", Token,
        "The token was issued in the future.";
    /// The token is older than the maximum age.
    TooOld = "token_too_old", Token,
        "The token is older than the maximum age.";
    /// The token is bound to a key of the sender (`cnf`) but came as a plain bearer token.
    Bound = "bound_token", Bound,
        "The token is bound to a key and is not accepted as a bearer token.";
    /// The `kid` is not a short string, or the key is unknown after a fresh look at the issuer's keys.
    UnknownKey = "unknown_key", Token,
        "The issuer has no such key.";
    /// The token names no key, and more than one would fit.
    AmbiguousKey = "ambiguous_key", Token,
        "The token names no key, and the issuer has several.";
    /// The signature is wrong.
    Signature = "bad_signature", Token,
        "The signature of the token is wrong.";
    /// The issuer says that the token is not active, or does not know it.
    Inactive = "inactive", Token,
        "The token is not active.";
    /// The token was revoked.
    Revoked = "revoked", Token,
        "The token was revoked.";
    /// The session of the token has ended.
    SessionEnded = "session_ended", Token,
        "The session of the token has ended.";
    /// Of such a token it can never be said that it was not revoked: it lives too long, or has no date.
    Unrevocable = "not_revocable", Token,
        "The token lives too long, or does not say since when, so it could not be revoked.";
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_distinct_and_made_of_safe_characters() {
        let mut labels: Vec<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), Reason::ALL.len());
        for label in labels {
            assert!(
                label
                    .bytes()
                    .all(|byte| byte == b'_' || byte.is_ascii_lowercase()),
                "{label}"
            );
        }
    }

    #[test]
    fn details_fit_an_error_description() {
        // RFC 6750 section 3: %x20-21 / %x23-5B / %x5D-7E.
        for reason in Reason::ALL {
            let legal = |byte| matches!(byte, 0x20 | 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
            assert!(reason.detail().bytes().all(legal), "{reason}");
        }
    }
}
