//! What may be shown of a token.

use portcullis_core::UnixTime;

use crate::jose::{Claims, Compact, HEADER_BUFFER, Header};
use crate::key::{Algorithm, KidLabel};
use crate::{Presented, Reason};

/// What a token says of itself that is neither secret nor personal, for tools that explain a verdict.
///
/// Nothing of it is proven: the signature is not looked at. Neither the token nor the signature, the
/// subject or any other claim is in it.
///
/// ```
/// use portcullis_auth::{Reason, TokenOutline};
/// use portcullis_auth::key::Algorithm;
///
/// // {"alg":"ES256","kid":"a"} and {"iss":"https://idp.example.com","exp":2000000000}
/// let outline = TokenOutline::read(
///     b"eyJhbGciOiJFUzI1NiIsImtpZCI6ImEifQ.\
///       eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLmNvbSIsImV4cCI6MjAwMDAwMDAwMH0.c2ln",
/// );
/// assert_eq!(outline.header.as_ref().unwrap().algorithm, Some(Algorithm::ES256));
/// let claims = outline.claims.unwrap();
/// assert_eq!(claims.issuer.as_deref(), Some("https://idp.example.com"));
/// assert_eq!(claims.expires.unwrap().as_secs(), 2_000_000_000);
/// assert_eq!(TokenOutline::read(b"garbage").claims.unwrap_err(), Reason::Malformed);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TokenOutline {
    /// The header, or why it cannot be read.
    pub header: Result<HeaderOutline, Reason>,
    /// The claims, or why they cannot be read.
    pub claims: Result<ClaimsOutline, Reason>,
}

/// What may be shown of a header.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HeaderOutline {
    /// The algorithm, if it is a known one.
    pub algorithm: Option<Algorithm>,
    /// The key id, made safe to show.
    pub kid: Option<KidLabel>,
}

/// What may be shown of the claims.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClaimsOutline {
    /// `iss`, as it stands: text of whoever made the token.
    pub issuer: Option<Box<str>>,
    /// `exp`.
    pub expires: Option<UnixTime>,
    /// `nbf`.
    pub not_before: Option<UnixTime>,
    /// `iat`.
    pub issued_at: Option<UnixTime>,
}

/// The longest token read, as the largest limit of a verifier.
const MAX_BYTES: usize = 16 * 1024;

// === impl TokenOutline ===

impl TokenOutline {
    /// Reads a token as strictly as a verifier does, up to 16 KiB.
    #[must_use]
    pub fn read(token: &[u8]) -> Self {
        let compact = if token.len() > MAX_BYTES {
            Err(Reason::TooLarge)
        } else {
            Presented::new(token).text().and_then(Compact::split)
        };
        match compact {
            Ok(compact) => Self {
                header: header(compact),
                claims: claims(compact),
            },
            Err(reason) => Self {
                header: Err(reason),
                claims: Err(reason),
            },
        }
    }
}

fn header(compact: Compact<'_>) -> Result<HeaderOutline, Reason> {
    let mut buffer = [0; HEADER_BUFFER];
    let decoded = compact.header(&mut buffer)?;
    let header = Header::read(&decoded)?;
    Ok(HeaderOutline {
        algorithm: header.algorithm().and_then(Algorithm::from_name),
        kid: header.key_id()?.map(KidLabel::new),
    })
}

fn claims(compact: Compact<'_>) -> Result<ClaimsOutline, Reason> {
    let payload = compact.payload()?;
    let claims = Claims::read(&payload)?;
    Ok(ClaimsOutline {
        issuer: claims.iss.as_deref().map(Box::from),
        expires: claims.exp.map(|exp| exp.floor()),
        not_before: claims.nbf.map(|nbf| nbf.ceil()),
        issued_at: claims.iat.map(|iat| iat.floor()),
    })
}

#[cfg(test)]
mod tests {
    use portcullis_testing::{KeyMint, SigningKey};

    use super::*;

    #[test]
    fn the_outline_has_times_issuer_key_and_algorithm_and_nothing_else() {
        let mint = KeyMint::new();
        let token = mint
            .token()
            .issuer("https://idp.example.com")
            .subject("alice@example.com")
            .claim("email", "alice@example.com")
            .not_before(UnixTime::from_secs(1_000))
            .sign(&SigningKey::es256().with_kid("2026-08"));
        let outline = TokenOutline::read(token.as_bytes());
        let header = outline.header.as_ref().unwrap();
        assert_eq!(header.algorithm, Some(Algorithm::ES256));
        assert_eq!(header.kid.as_ref().unwrap().as_str(), "2026-08");
        let claims = outline.claims.as_ref().unwrap();
        assert_eq!(claims.issuer.as_deref(), Some("https://idp.example.com"));
        assert_eq!(claims.not_before, Some(UnixTime::from_secs(1_000)));
        assert!(claims.expires > claims.issued_at);
        let shown = format!("{outline:?}");
        assert!(!shown.contains("alice"), "{shown}");
        for part in token.split('.') {
            assert!(!shown.contains(part), "{shown}");
        }
    }

    #[test]
    fn each_half_is_read_by_itself() {
        let (mint, key) = (KeyMint::new(), SigningKey::es256());
        let no_claims = mint.token().claim("exp", "tomorrow").sign(&key);
        let outline = TokenOutline::read(no_claims.as_bytes());
        assert!(outline.header.is_ok() && outline.claims.is_err());
        let no_header = mint.token().header("crit", ["x"]).sign(&key);
        let outline = TokenOutline::read(no_header.as_bytes());
        assert_eq!(outline.header.unwrap_err(), Reason::UnsupportedHeader);
        assert!(outline.claims.is_ok());
    }

    #[test]
    fn what_is_no_token_has_no_outline() {
        for (text, reason) in [
            (&b""[..], Reason::MalformedCredential),
            (b"a b.c.d", Reason::MalformedCredential),
            (b"\xff\xfe.a.b", Reason::MalformedCredential),
            (b"a.b", Reason::Malformed),
            (&[b'a'; MAX_BYTES + 1], Reason::TooLarge),
        ] {
            let outline = TokenOutline::read(text);
            assert_eq!(outline.header.unwrap_err(), reason);
            assert_eq!(outline.claims.unwrap_err(), reason);
        }
    }
}
