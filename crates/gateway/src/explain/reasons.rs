//! Which check a reason belongs to, and what to do about it.

use portcullis_auth::Reason;

/// The check that a token did not pass, and a remedy.
///
/// The checks, in the order in which they are made: size, form, header, claims, issuer, algorithm, times,
/// audience, type, client, binding, key, signature; last, of type, whether it grants anything.
pub(super) const fn told(reason: Reason) -> (&'static str, &'static str) {
    match reason {
        Reason::TooLarge => (
            "size",
            "have the issuer put fewer claims into it: 8 KiB is the most",
        ),
        Reason::Malformed | Reason::MalformedCredential => (
            "form",
            "give the access token as it was issued: three parts with two dots between them",
        ),
        Reason::UnsupportedHeader => (
            "header",
            "have the issuer make plain signed tokens: no crit, b64, zip, enc or nested token",
        ),
        Reason::MissingClaim => (
            "claims",
            "have the issuer add it: iss and exp always; for tokens = \"at+jwt\" also sub, iat, jti and \
             client_id",
        ),
        Reason::MalformedClaim => ("claims", "correct the claim mapping of the issuer"),
        Reason::Issuer => (
            "issuer",
            "compare iss with `url` of each [[issuer]], byte for byte",
        ),
        Reason::Algorithm => (
            "algorithm",
            "compare alg with `algorithms` of the issuer, and with its key",
        ),
        Reason::Expired | Reason::TooOld => {
            ("times", "get a fresh one; if all are so, set the clocks")
        }
        Reason::NotYetValid | Reason::IssuedInFuture => {
            ("times", "set the clocks of the issuer and of this machine")
        }
        Reason::Audience => (
            "audience",
            "have it issued for one of `audiences`, or add the one that the issuer writes",
        ),
        Reason::TokenType => (
            "type",
            "send the access token, not an ID token; see `tokens` of the issuer: \"scoped\" wants a scope",
        ),
        Reason::Client => (
            "client",
            "add the client to `clients`, if it should have access",
        ),
        Reason::Bound => ("binding", "use a token that is not bound to a key"),
        Reason::UnknownKey => (
            "key",
            "have the issuer publish the key that it signs with: check --online lists those it does",
        ),
        Reason::AmbiguousKey => ("key", "have the issuer write kid into its tokens"),
        Reason::Signature => (
            "signature",
            "give the token unaltered; two issuers may have one name",
        ),
        Reason::Inactive | Reason::Revoked | Reason::SessionEnded => ("standing", "log in again"),
        Reason::Unrevocable => (
            "standing",
            "have the issuer write iat and exp, no further apart than `max_token_lifetime`",
        ),
        _ => ("token", "docs/reasons.md has a remedy for each reason"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_that_a_token_can_have_names_its_check() {
        for reason in Reason::ALL {
            // These are about the request, and a token alone has none.
            let of_requests = matches!(reason, Reason::ManyCredentials | Reason::CrossSite);
            assert_eq!(told(*reason).0 == "token", of_requests, "{reason}");
        }
    }
}
