//! A token, claim by claim.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use portcullis_core::UnixTime;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::SigningKey;

/// A token in the making.
///
/// Starts with everything that RFC 9068 section 2 asks of an access token, but issuer and audience:
/// `typ` is `at+jwt`, `sub` is `alice`, `client_id` is `web`, `iat` is now, `exp` is five minutes later,
/// `jti` is unique. `alg` and `kid` are those of the key that signs. Every one of them can be set to
/// something else, or taken away.
///
/// ```
/// use portcullis_testing::{KeyMint, SigningKey, forge};
/// use std::time::Duration;
///
/// let key = SigningKey::es256();
/// let token = KeyMint::new()
///     .token()
///     .issuer("https://idp.example.com")
///     .subject("alice")
///     .audience("api")
///     .scope("api:read api:write")
///     .expires_in(Duration::from_secs(60))
///     .claim("tenant", "blue")
///     .without("jti")
///     .sign(&key);
///
/// let claims = forge::claims(&token);
/// assert_eq!(claims["tenant"], "blue");
/// assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 60);
/// assert!(claims.get("jti").is_none());
/// ```
#[derive(Clone)]
#[must_use = "a builder makes no token before it signs one"]
pub struct TokenBuilder {
    now: UnixTime,
    header: Map<String, Value>,
    /// Header members that the signing key must not fill in.
    withheld: Vec<String>,
    claims: Map<String, Value>,
    signer: Option<SigningKey>,
}

/// How long a token lives when nobody says otherwise.
const LIFETIME: Duration = Duration::from_secs(300);
/// The same for logout tokens.
const LOGOUT_LIFETIME: Duration = Duration::from_secs(120);
const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

// === impl TokenBuilder ===

impl TokenBuilder {
    /// A token issued at `now`.
    pub fn at(now: UnixTime) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let jti = format!("token-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        Self {
            now,
            header: Map::new(),
            withheld: Vec::new(),
            claims: Map::new(),
            signer: None,
        }
        .header("typ", "at+jwt")
        .subject("alice")
        .client("web")
        .token_id(&jti)
        .issued_at(now)
        .expires_at(now + LIFETIME)
    }

    /// A logout token made at `now` (OpenID Connect Back-Channel Logout 1.0, section 2.4): `typ` is
    /// `logout+jwt`, `events` says what it is, `sub` is `alice`, `iat` is now, `exp` is two minutes later,
    /// `jti` is unique. `sid`, issuer and audience are not set.
    pub fn logout_at(now: UnixTime) -> Self {
        Self::at(now)
            .typ("logout+jwt")
            .without("client_id")
            .claim("events", json!({ LOGOUT_EVENT: {} }))
            .expires_at(now + LOGOUT_LIFETIME)
    }

    /// Sets `iss`.
    pub fn issuer(self, issuer: &str) -> Self {
        self.claim("iss", issuer)
    }

    /// Sets `sub`.
    pub fn subject(self, subject: &str) -> Self {
        self.claim("sub", subject)
    }

    /// Sets `aud` to one audience, as a string.
    pub fn audience(self, audience: &str) -> Self {
        self.claim("aud", audience)
    }

    /// Sets `aud` to an array.
    pub fn audiences<'a>(self, audiences: impl IntoIterator<Item = &'a str>) -> Self {
        let audiences: Vec<&str> = audiences.into_iter().collect();
        self.claim("aud", audiences)
    }

    /// Sets `scope`: scopes with a space between two.
    pub fn scope(self, scope: &str) -> Self {
        self.claim("scope", scope)
    }

    /// Sets `client_id`.
    pub fn client(self, client: &str) -> Self {
        self.claim("client_id", client)
    }

    /// Sets `sid`.
    pub fn session(self, session: &str) -> Self {
        self.claim("sid", session)
    }

    /// Sets `jti`.
    pub fn token_id(self, id: &str) -> Self {
        self.claim("jti", id)
    }

    /// Sets `acr`.
    pub fn acr(self, acr: &str) -> Self {
        self.claim("acr", acr)
    }

    /// Sets `iat`. Does not move `exp`.
    pub fn issued_at(self, time: UnixTime) -> Self {
        self.claim("iat", time.as_secs())
    }

    /// Sets `nbf`.
    pub fn not_before(self, time: UnixTime) -> Self {
        self.claim("nbf", time.as_secs())
    }

    /// Sets `auth_time`.
    pub fn auth_time(self, time: UnixTime) -> Self {
        self.claim("auth_time", time.as_secs())
    }

    /// Sets `exp`.
    pub fn expires_at(self, time: UnixTime) -> Self {
        self.claim("exp", time.as_secs())
    }

    /// Sets `exp` to `lifetime` from now.
    pub fn expires_in(self, lifetime: Duration) -> Self {
        let time = self.now + lifetime;
        self.expires_at(time)
    }

    /// Sets `exp` to `ago` before now, and `iat` before that.
    pub fn expired(self, ago: Duration) -> Self {
        let end = self.now - ago;
        self.expires_at(end).issued_at(end - LIFETIME)
    }

    /// Sets `typ` of the header.
    pub fn typ(self, typ: &str) -> Self {
        self.header("typ", typ)
    }

    /// Sets any claim.
    ///
    /// # Panics
    /// If `value` has no JSON form, such as a map whose keys are not strings.
    pub fn claim(mut self, name: &str, value: impl Serialize) -> Self {
        self.claims.insert(name.to_owned(), to_json(value));
        self
    }

    /// Sets any member of the header; `alg` and `kid` too, whatever key signs.
    ///
    /// # Panics
    /// If `value` has no JSON form.
    pub fn header(mut self, name: &str, value: impl Serialize) -> Self {
        self.withheld.retain(|other| other != name);
        self.header.insert(name.to_owned(), to_json(value));
        self
    }

    /// Takes a claim away.
    pub fn without(mut self, claim: &str) -> Self {
        self.claims.remove(claim);
        self
    }

    /// Takes a member of the header away; `alg` and `kid` too.
    pub fn without_header(mut self, name: &str) -> Self {
        self.header.remove(name);
        self.withheld.push(name.to_owned());
        self
    }

    /// The claims so far.
    #[must_use]
    pub fn claims(&self) -> Value {
        Value::Object(self.claims.clone())
    }

    /// Remembers the key for [`issue`](Self::issue).
    pub fn signed_by(mut self, key: &SigningKey) -> Self {
        self.signer = Some(key.clone());
        self
    }

    /// The token, signed by `key`.
    #[must_use]
    pub fn sign(self, key: &SigningKey) -> String {
        let mut header = self.header;
        let mut fill = |name: &str, value: Option<&str>| {
            if let Some(value) = value
                && !self.withheld.iter().any(|other| other == name)
            {
                header
                    .entry(name.to_owned())
                    .or_insert_with(|| json!(value));
            }
        };
        fill("alg", Some(key.algorithm().as_str()));
        fill("kid", key.kid());
        key.sign(&Value::Object(header), &Value::Object(self.claims))
    }

    /// The token, signed by the key of the issuer that handed this builder out.
    ///
    /// # Panics
    /// If nobody gave the builder a key: it came from a [`KeyMint`](super::KeyMint), and
    /// [`signed_by`](Self::signed_by) was not called.
    #[must_use]
    pub fn issue(self) -> String {
        let key = self
            .signer
            .clone()
            .expect("a builder of an issuer, or one that was told `signed_by`");
        self.sign(&key)
    }
}

impl std::fmt::Debug for TokenBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenBuilder")
            .field("header", &self.header)
            .field("claims", &self.claims)
            .finish_non_exhaustive()
    }
}

fn to_json(value: impl Serialize) -> Value {
    serde_json::to_value(value).expect("a claim that has a JSON form")
}
