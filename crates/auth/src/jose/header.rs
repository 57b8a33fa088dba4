//! The JOSE header.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny};

use super::claims::text;
use super::scan;
use crate::Reason;

/// The longest key id.
const KEY_ID_MAX: usize = 256;

/// The members of the JOSE header that matter. `jku`, `x5u`, `jwk` and `x5c` are not among them: a token
/// does not choose its own key.
#[derive(Deserialize)]
pub(crate) struct Header<'a> {
    #[serde(borrow, default, deserialize_with = "text")]
    alg: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "text")]
    typ: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "text")]
    cty: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "key_id")]
    kid: Option<KeyId<'a>>,
    #[serde(default, deserialize_with = "present")]
    crit: bool,
    #[serde(default, deserialize_with = "present")]
    b64: bool,
    #[serde(default, deserialize_with = "present")]
    zip: bool,
    #[serde(default, deserialize_with = "present")]
    enc: bool,
}

/// A key id as the token states it: only ever the key of a map.
pub(crate) enum KeyId<'a> {
    Text(Cow<'a, str>),
    /// Not a string, or longer than any key id: no key has it.
    Impossible,
}

// === impl Header ===

impl<'a> Header<'a> {
    /// Reads the decoded header.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Reason> {
        let text = std::str::from_utf8(bytes).map_err(|_| Reason::Malformed)?;
        scan(text)?;
        let header: Self = serde_json::from_str(text).map_err(|_| Reason::Malformed)?;
        // RFC 7515 section 4.1.11: an extension that is not understood must be refused, and none is.
        // RFC 7797 (`b64`), compression and encryption are such; a nested JWT is another token.
        let nested = header
            .cty
            .as_deref()
            .is_some_and(|cty| cty.eq_ignore_ascii_case("JWT"));
        if header.crit || header.b64 || header.zip || header.enc || nested {
            return Err(Reason::UnsupportedHeader);
        }
        Ok(header)
    }

    /// The same header, owned.
    pub(crate) fn to_owned(&self) -> Header<'static> {
        let owned =
            |text: &Option<Cow<'_, str>>| text.as_deref().map(|text| Cow::Owned(text.into()));
        Header {
            alg: owned(&self.alg),
            typ: owned(&self.typ),
            cty: owned(&self.cty),
            kid: self.kid.as_ref().map(|kid| match kid {
                KeyId::Text(text) => KeyId::Text(Cow::Owned(text.clone().into_owned())),
                KeyId::Impossible => KeyId::Impossible,
            }),
            crit: self.crit,
            b64: self.b64,
            zip: self.zip,
            enc: self.enc,
        }
    }

    /// The algorithm by name.
    pub(crate) fn algorithm(&self) -> Option<&str> {
        self.alg.as_deref()
    }

    /// The media type without the `application/` that may be left out (RFC 7515 section 4.1.9).
    pub(crate) fn media_type(&self) -> Option<&str> {
        const PREFIX: &str = "application/";
        let typ = self.typ.as_deref()?;
        match typ.split_at_checked(PREFIX.len()) {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => Some(rest),
            _ => Some(typ),
        }
    }

    /// The key id.
    pub(crate) fn key_id(&self) -> Result<Option<&str>, Reason> {
        match &self.kid {
            None => Ok(None),
            Some(KeyId::Text(kid)) => Ok(Some(kid)),
            Some(KeyId::Impossible) => Err(Reason::UnknownKey),
        }
    }
}

/// Whether the member is there at all, whatever its value.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

fn key_id<'de: 'a, 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<KeyId<'a>>, D::Error> {
    struct Visitor;
    impl<'de> serde::de::Visitor<'de> for Visitor {
        type Value = KeyId<'de>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a key id")
        }

        fn visit_borrowed_str<E>(self, text: &'de str) -> Result<KeyId<'de>, E> {
            Ok(short(Cow::Borrowed(text)))
        }

        fn visit_str<E>(self, text: &str) -> Result<KeyId<'de>, E> {
            Ok(short(Cow::Owned(text.to_owned())))
        }

        fn visit_unit<E>(self) -> Result<KeyId<'de>, E> {
            Ok(KeyId::Impossible)
        }

        fn visit_bool<E>(self, _: bool) -> Result<KeyId<'de>, E> {
            Ok(KeyId::Impossible)
        }

        fn visit_u64<E>(self, _: u64) -> Result<KeyId<'de>, E> {
            Ok(KeyId::Impossible)
        }

        fn visit_i64<E>(self, _: i64) -> Result<KeyId<'de>, E> {
            Ok(KeyId::Impossible)
        }

        fn visit_f64<E>(self, _: f64) -> Result<KeyId<'de>, E> {
            Ok(KeyId::Impossible)
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, _: A) -> Result<KeyId<'de>, A::Error> {
            Err(A::Error::custom("a key id is a string"))
        }
    }

    fn short(text: Cow<'_, str>) -> KeyId<'_> {
        let control = text.bytes().any(|byte| byte.is_ascii_control());
        if text.len() > KEY_ID_MAX || control {
            KeyId::Impossible
        } else {
            KeyId::Text(text)
        }
    }

    deserializer.deserialize_any(Visitor).map(Some)
}
