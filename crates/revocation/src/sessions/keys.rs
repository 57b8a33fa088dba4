//! The names of sessions in a directory.

use std::fmt;

use hmac::{Hmac, Mac};
use portcullis_core::{ConfigError, Secret};
use sha2::Sha256;

/// The key of a session in a directory. It may hold what nobody should see, so it never shows.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionKey(Secret);

/// What the key of a session is made of.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct SessionFacts<'a> {
    /// The issuer.
    pub issuer: &'a str,
    /// The session (`sid`).
    pub session: Option<&'a str>,
    /// The subject (`sub`).
    pub subject: Option<&'a str>,
    /// The identifier of the token (`jti`).
    pub jti: Option<&'a str>,
    /// The token as it was sent.
    pub token: &'a [u8],
}

/// How keys of sessions are made.
///
/// | made by | the key | who can read it |
/// |---|---|---|
/// | [`hashed`](Self::hashed) | prefix and a keyed hash of issuer and `sid` | nobody |
/// | [`hashed_by_token`](Self::hashed_by_token) | prefix and a keyed hash of issuer and `jti`, else of what is signed in the token | nobody |
/// | [`foreign`](Self::foreign) | a layout that somebody else chose | who can list the store sees ids of sessions and subjects |
/// | [`foreign_with_raw_token`](Self::foreign_with_raw_token) | a layout with the token itself in it | **who can list the store can log in as anybody** |
///
/// Choose one of the first two wherever it is yours to choose. The other two are for reading what another
/// system writes, such as `account_login:{subject}:{token}`.
///
/// ```
/// use portcullis_core::Secret;
/// use portcullis_revocation::sessions::{SessionFacts, SessionKeys};
///
/// let secret = Secret::from("32 random bytes, from a safe place");
/// let keys = SessionKeys::hashed("sessions:", &secret)?;
/// let mut facts = SessionFacts::new("https://idp.example.com", b"token");
/// assert!(keys.key(&facts).is_none(), "no `sid`, no session");
/// facts.session = Some("s-4711");
/// assert!(keys.key(&facts).is_some());
/// # Ok::<(), portcullis_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct SessionKeys(Layout);

#[derive(Clone)]
enum Layout {
    Hashed {
        prefix: Box<str>,
        mac: Hmac<Sha256>,
        by_token: bool,
    },
    Foreign(Vec<Piece>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    Issuer,
    Session,
    Subject,
    Jti,
    Token,
}

const PURPOSE: &[u8] = b"portcullis-session-v1";
const SECRET_MIN: usize = 32;

// === impl SessionFacts ===

impl<'a> SessionFacts<'a> {
    /// Nothing but the issuer and the token.
    #[must_use]
    pub const fn new(issuer: &'a str, token: &'a [u8]) -> Self {
        Self {
            issuer,
            session: None,
            subject: None,
            jti: None,
            token,
        }
    }
}

impl fmt::Debug for SessionFacts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionFacts").finish_non_exhaustive()
    }
}

// === impl SessionKeys ===

impl SessionKeys {
    /// Names a session by a keyed hash of its issuer and `sid`.
    ///
    /// # Errors
    /// If the secret is shorter than 32 bytes.
    pub fn hashed(prefix: &str, secret: &Secret) -> Result<Self, ConfigError> {
        Self::keyed(prefix, secret, false)
    }

    /// Names a session by a keyed hash of its issuer and the `jti` of its token, or of what is signed in a
    /// token without `jti`: for systems in which a session is one token.
    ///
    /// # Errors
    /// If the secret is shorter than 32 bytes.
    pub fn hashed_by_token(prefix: &str, secret: &Secret) -> Result<Self, ConfigError> {
        Self::keyed(prefix, secret, true)
    }

    fn keyed(prefix: &str, secret: &Secret, by_token: bool) -> Result<Self, ConfigError> {
        let mac = <Hmac<Sha256> as Mac>::new_from_slice(secret.expose())
            .ok()
            .filter(|_| secret.expose().len() >= SECRET_MIN);
        let Some(mac) = mac else {
            return Err(ConfigError::new(
                "secret",
                "is shorter than 32 bytes",
                "take 32 random bytes, the same wherever sessions are opened and checked",
            ));
        };
        Ok(Self(Layout::Hashed {
            prefix: prefix.into(),
            mac,
            by_token,
        }))
    }

    /// Names a session as another system does: `{issuer}`, `{session}`, `{subject}` and `{jti}` in the
    /// layout stand for what is in the token.
    ///
    /// An exception to "no raw id in a shared store": whoever can list its keys sees them. A token that lacks
    /// what the layout names has no session. Values are put in as they are, so two of them need something
    /// between them that neither contains.
    ///
    /// # Errors
    /// If the layout has an unknown name or an open brace in it, names nothing, or names the token.
    pub fn foreign(layout: &str) -> Result<Self, ConfigError> {
        let pieces = pieces(layout)?;
        if pieces.contains(&Piece::Token) {
            return Err(ConfigError::new(
                "layout",
                "puts the token into the key, where whoever can list the store can take it",
                "hash it if you can; else use `foreign_with_raw_token`, and guard the store like a password file",
            ));
        }
        Ok(Self(Layout::Foreign(pieces)))
    }

    /// Names a session as [`foreign`](Self::foreign) does, with the **raw token** in the key as `{token}`.
    ///
    /// Whoever can list the keys of such a store, read a dump or a slow log of it, has tokens that work. It is
    /// here because systems are built that way; nothing turns it on but this call.
    ///
    /// # Errors
    /// If the layout has an unknown name or an open brace in it, or does not name the token.
    pub fn foreign_with_raw_token(layout: &str) -> Result<Self, ConfigError> {
        let pieces = pieces(layout)?;
        if !pieces.contains(&Piece::Token) {
            return Err(ConfigError::new(
                "layout",
                "has no {token} in it",
                "use `foreign`, which cannot put one in by mistake",
            ));
        }
        Ok(Self(Layout::Foreign(pieces)))
    }

    /// The key of a session; none if the token names none.
    #[must_use]
    pub fn key(&self, facts: &SessionFacts<'_>) -> Option<SessionKey> {
        let text = match &self.0 {
            Layout::Hashed {
                prefix,
                mac,
                by_token,
            } => {
                let hash = hash(mac, facts, *by_token)?;
                format!("{prefix}{hash:032x}")
            }
            Layout::Foreign(pieces) => {
                // Of the final size: no copy is left behind by growing.
                let parts: Vec<&str> = pieces
                    .iter()
                    .map(|piece| piece.of(facts).filter(|text| !text.is_empty()))
                    .collect::<Option<_>>()?;
                parts.concat()
            }
        };
        Some(SessionKey(Secret::from(text)))
    }
}

/// HMAC-SHA-256 over purpose, kind, issuer and value, each so that its end is known.
fn hash(mac: &Hmac<Sha256>, facts: &SessionFacts<'_>, by_token: bool) -> Option<u128> {
    let (kind, value) = match (by_token, facts.jti, facts.session) {
        (false, _, session) => (b's', session?.as_bytes()),
        (true, Some(jti), _) => (b'j', jti.as_bytes()),
        (true, None, _) => match signing_input(facts.token) {
            // Never the signature: one of ECDSA has a valid twin.
            Some(input) => (b'i', input),
            None => (b'o', facts.token),
        },
    };
    if value.is_empty() {
        return None;
    }
    let mac = mac
        .clone()
        .chain_update(PURPOSE)
        .chain_update([kind])
        .chain_update((facts.issuer.len() as u64).to_be_bytes())
        .chain_update(facts.issuer)
        .chain_update(value);
    let whole: [u8; 32] = mac.finalize().into_bytes().into();
    let half = whole.iter().take(16);
    Some(half.fold(0, |sum, byte| sum << 8 | u128::from(*byte)))
}

/// What is signed in a JWT; none of another token.
fn signing_input(token: &[u8]) -> Option<&[u8]> {
    let mut dots = (0..token.len()).filter(|at| token[*at] == b'.');
    match (dots.next(), dots.next(), dots.next()) {
        (Some(_), Some(last), None) => Some(&token[..last]),
        _ => None,
    }
}

fn pieces(layout: &str) -> Result<Vec<Piece>, ConfigError> {
    let wrong = |message: &str| {
        ConfigError::new(
            "layout",
            message,
            "write {issuer}, {session}, {subject}, {jti} or {token} between texts without braces",
        )
    };
    let mut pieces = Vec::new();
    let mut rest = layout;
    while let Some(open) = rest.find(['{', '}']) {
        let (text, name) = rest.split_at(open);
        let (name, after) = name
            .strip_prefix('{')
            .and_then(|name| name.split_once('}'))
            .ok_or_else(|| wrong("has a brace that is not one of a pair"))?;
        if !text.is_empty() {
            pieces.push(Piece::Text(text.into()));
        }
        pieces.push(match name {
            "issuer" => Piece::Issuer,
            "session" => Piece::Session,
            "subject" => Piece::Subject,
            "jti" => Piece::Jti,
            "token" => Piece::Token,
            _ => return Err(wrong("has a name in it that stands for nothing")),
        });
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.into()));
    }
    let names = |piece: &Piece| !matches!(piece, Piece::Text(_) | Piece::Issuer);
    if !pieces.iter().any(names) {
        return Err(wrong("is the same for every session"));
    }
    Ok(pieces)
}

impl Piece {
    fn of<'a>(&'a self, facts: &SessionFacts<'a>) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Issuer => Some(facts.issuer),
            Self::Session => facts.session,
            Self::Subject => facts.subject,
            Self::Jti => facts.jti,
            Self::Token => std::str::from_utf8(facts.token).ok(),
        }
    }
}

impl fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Layout::Hashed { .. } => "SessionKeys(hashed)",
            Layout::Foreign(_) => "SessionKeys(foreign)",
        })
    }
}

// === impl SessionKey ===

impl SessionKey {
    /// The key, for the one place that sends it to the store. Never for a log line.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn secret() -> Secret {
        Secret::new(vec![7; 32])
    }

    fn facts(token: &[u8]) -> SessionFacts<'_> {
        SessionFacts {
            session: Some("sid"),
            subject: Some("alice"),
            jti: Some("jti"),
            ..SessionFacts::new("iss", token)
        }
    }

    fn text(keys: &SessionKeys, facts: &SessionFacts<'_>) -> Option<String> {
        let key = keys.key(facts)?;
        Some(String::from_utf8(key.expose().to_vec()).unwrap())
    }

    #[test]
    fn hashed_keys_say_nothing_and_differ_by_kind_issuer_value_and_secret() {
        let mut seen = HashSet::new();
        for byte in [1, 2] {
            let secret = Secret::new(vec![byte; 32]);
            let by_session = SessionKeys::hashed("p:", &secret).unwrap();
            let by_token = SessionKeys::hashed_by_token("p:", &secret).unwrap();
            for (issuer, value) in [("ab", "c"), ("a", "bc")] {
                let mut facts = SessionFacts::new(issuer, b"h.p.sig");
                facts.session = Some(value);
                assert!(seen.insert(text(&by_session, &facts).unwrap()));
                assert!(seen.insert(text(&by_token, &facts).unwrap()));
                facts.jti = Some(value);
                assert!(seen.insert(text(&by_token, &facts).unwrap()));
                facts.jti = None;
                facts.token = b"opaque";
                assert!(seen.insert(text(&by_token, &facts).unwrap()));
            }
        }
        for key in &seen {
            let hash = key.strip_prefix("p:").unwrap();
            assert!(hash.len() == 32 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()));
        }
    }

    #[test]
    fn the_twin_of_a_signature_is_the_same_session() {
        let keys = SessionKeys::hashed_by_token("", &secret()).unwrap();
        let [one, twin] = [b"h.p.one", b"h.p.two"].map(|token| SessionFacts::new("iss", token));
        assert_eq!(text(&keys, &one), text(&keys, &twin));
        let other = SessionFacts::new("iss", b"h.q.one");
        assert_ne!(text(&keys, &one), text(&keys, &other));
    }

    #[test]
    fn a_foreign_layout_is_followed_to_the_letter() {
        let raw = SessionKeys::foreign_with_raw_token("account_login:{subject}:{token}").unwrap();
        let key = text(&raw, &facts(b"a.b.c"));
        assert_eq!(key.as_deref(), Some("account_login:alice:a.b.c"));
        let plain = SessionKeys::foreign("{issuer}/{session}/{jti}/x").unwrap();
        let key = text(&plain, &facts(b"a.b.c"));
        assert_eq!(key.as_deref(), Some("iss/sid/jti/x"));
        let mut without = facts(b"a.b.c");
        without.session = None;
        assert_eq!(text(&plain, &without), None);
        without.session = Some("");
        assert_eq!(text(&plain, &without), None);
        // What stands in a value is no name.
        without.session = Some("{token}");
        assert_eq!(text(&plain, &without).as_deref(), Some("iss/{token}/jti/x"));
    }

    #[test]
    fn a_raw_token_needs_the_call_that_says_so() {
        assert!(SessionKeys::foreign("s:{token}").is_err());
        assert!(SessionKeys::foreign_with_raw_token("s:{session}").is_err());
        for bad in [
            "",
            "plain",
            "{issuer}",
            "{}",
            "{Session}",
            "{session",
            "session}",
            "{{session}}",
        ] {
            assert!(SessionKeys::foreign(bad).is_err(), "{bad}");
            assert!(SessionKeys::foreign_with_raw_token(bad).is_err(), "{bad}");
        }
        assert!(SessionKeys::hashed("p:", &Secret::new(vec![7; 31])).is_err());
    }

    #[test]
    fn debug_shows_neither_key_nor_token_nor_secret() {
        let keys = SessionKeys::foreign_with_raw_token("s:{token}").unwrap();
        let facts = facts(b"hunter2");
        let key = keys.key(&facts).unwrap();
        let shown = format!("{keys:?} {facts:?} {key:?}");
        assert!(
            !shown.contains("hunter2") && !shown.contains("alice"),
            "{shown}"
        );
    }
}
