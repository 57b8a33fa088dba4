//! Two verifiers, chosen by the shape of the token.

use std::future::Future;

use futures_util::future::Either;
use portcullis_core::Secret;

use crate::{Attempt, Gate, Presented, Verdict, Verifier};

/// Routes a token by its shape: signed JWTs to one verifier, opaque tokens to another.
///
/// The shape alone decides, and each token is judged by one verifier only. Trying one after the other
/// would let the weaker check win, and make an outage of one look like a verdict of the other.
///
/// | shape | goes to |
/// |---|---|
/// | begins like a JSON object in base64url, and has two dots | the verifier for JWTs |
/// | anything else | the verifier for opaque tokens |
///
/// ```
/// use portcullis_auth::{ByShape, Verifier};
///
/// fn both(jwts: impl Verifier, keys: impl Verifier) -> impl Verifier {
///     ByShape::new(jwts, keys)
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ByShape<J, O> {
    jwt: J,
    opaque: O,
}

// === impl ByShape ===

impl<J, O> ByShape<J, O> {
    /// Routes signed JWTs to `jwt`, and everything else to `opaque`.
    pub const fn new(jwt: J, opaque: O) -> Self {
        Self { jwt, opaque }
    }
}

impl<J: Verifier, O: Verifier> Verifier for ByShape<J, O> {
    fn try_verify(&self, token: Presented<'_>, gate: &Gate<'_>) -> Attempt {
        if is_jwt(token.as_bytes()) {
            self.jwt.try_verify(token, gate)
        } else {
            self.opaque.try_verify(token, gate)
        }
    }

    fn verify(self, token: Secret) -> impl Future<Output = Verdict> + Send + 'static {
        if is_jwt(token.expose()) {
            Either::Left(self.jwt.verify(token))
        } else {
            Either::Right(self.opaque.verify(token))
        }
    }
}

/// `{"` is `eyI` or `eyA`…: whatever follows, an object without space before it begins with `ey`.
fn is_jwt(token: &[u8]) -> bool {
    token.starts_with(b"ey") && token.iter().filter(|byte| **byte == b'.').take(3).count() == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_tells_a_jwt_from_an_opaque_token() {
        for (token, expected) in [
            ("eyJhbGciOiJSUzI1NiJ9.e30.AA", true),
            ("ey..", true),
            ("eyJhbGciOiJSUzI1NiJ9.e30", false),
            ("eyJhbGciOiJkaXIifQ..a.b.c", false),
            ("app-0123456789", false),
            ("a.b.c", false),
            ("", false),
        ] {
            assert_eq!(is_jwt(token.as_bytes()), expected, "{token}");
        }
    }
}
