//! The registered claims.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use portcullis_core::UnixTime;
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::scan;
use crate::Reason;

/// The registered claims, borrowed from the decoded payload.
///
/// What decides (`iss`, `aud`, `exp`, `nbf`, `iat`, `sub`, `jti`) must have its type if it is there; what
/// only describes (`sid`, `acr`, …) may also be `null`, as some providers write it.
#[derive(Deserialize)]
pub(crate) struct Claims<'a> {
    #[serde(borrow, default, deserialize_with = "text")]
    pub(crate) iss: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "text")]
    pub(crate) sub: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "text")]
    pub(crate) jti: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "strings")]
    pub(crate) aud: Option<Strings<'a>>,
    #[serde(default, deserialize_with = "date")]
    pub(crate) exp: Option<NumericDate>,
    #[serde(default, deserialize_with = "date")]
    pub(crate) nbf: Option<NumericDate>,
    #[serde(default, deserialize_with = "date")]
    pub(crate) iat: Option<NumericDate>,
    #[serde(borrow, default, deserialize_with = "nullable_text")]
    pub(crate) sid: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "nullable_text")]
    pub(crate) client_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "nullable_text")]
    pub(crate) azp: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "lenient_text")]
    pub(crate) appid: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "lenient_text")]
    pub(crate) cid: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "nullable_strings")]
    pub(crate) scope: Option<Strings<'a>>,
    #[serde(borrow, default, deserialize_with = "nullable_strings")]
    pub(crate) scp: Option<Strings<'a>>,
    #[serde(borrow, default, deserialize_with = "nullable_text")]
    pub(crate) acr: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "nullable_strings")]
    pub(crate) amr: Option<Strings<'a>>,
    #[serde(default, deserialize_with = "nullable_date")]
    pub(crate) auth_time: Option<NumericDate>,
    #[serde(default, deserialize_with = "present")]
    pub(crate) cnf: bool,
    #[serde(default, deserialize_with = "present")]
    pub(crate) at_hash: bool,
    #[serde(default, deserialize_with = "present")]
    pub(crate) c_hash: bool,
    #[serde(default, deserialize_with = "present")]
    pub(crate) nonce: bool,
    /// As it stands: only a logout token has a use for it.
    #[serde(borrow, default)]
    events: Option<&'a RawValue>,
}

/// Whether a token is about a logout (OpenID Connect Back-Channel Logout 1.0, section 2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogoutEvent {
    /// It is not.
    Absent,
    /// It says so, and not in the right form: the value is no JSON object.
    Malformed,
    /// It is.
    Present,
}

/// The member of `events` that makes a logout token.
const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// A NumericDate (RFC 7519 section 2): seconds since the epoch, a fraction allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NumericDate {
    seconds: u64,
    fraction: bool,
}

/// One string or an array of strings.
#[derive(Debug, PartialEq)]
pub(crate) enum Strings<'a> {
    One(Cow<'a, str>),
    Many(Vec<Cow<'a, str>>),
}

// === impl Claims ===

impl<'a> Claims<'a> {
    /// Reads the decoded payload.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Reason> {
        let text = std::str::from_utf8(bytes).map_err(|_| Reason::Malformed)?;
        scan(text)?;
        serde_json::from_str(text).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => Reason::MalformedClaim,
            _ => Reason::Malformed,
        })
    }

    /// Whether the token has a claim that only ID tokens have (OpenID Connect Core 3.1.3.6, 3.3.2.11).
    pub(crate) fn is_id_token(&self) -> bool {
        self.at_hash || self.c_hash
    }

    /// Whether it is about a logout. Some use `events` for something of their own.
    pub(crate) fn logout_event(&self) -> LogoutEvent {
        let Some(events) = self.events else {
            return LogoutEvent::Absent;
        };
        let events: Result<HashMap<Cow<'_, str>, &RawValue>, _> =
            serde_json::from_str(events.get());
        match events
            .ok()
            .and_then(|mut events| events.remove(LOGOUT_EVENT))
        {
            None => LogoutEvent::Absent,
            Some(event) if event.get().starts_with('{') => LogoutEvent::Present,
            Some(_) => LogoutEvent::Malformed,
        }
    }

    /// The client, by whichever name the provider gives it.
    pub(crate) fn client(&self) -> Option<&str> {
        [&self.client_id, &self.azp, &self.appid, &self.cid]
            .into_iter()
            .flatten()
            .next()
            .map(|id| &**id)
    }
}

// === impl NumericDate ===

impl NumericDate {
    /// The date rounded down: the early end for an expiry.
    pub(crate) fn floor(self) -> UnixTime {
        UnixTime::from_secs(self.seconds)
    }

    /// The date rounded up: the late end for a beginning.
    pub(crate) fn ceil(self) -> UnixTime {
        UnixTime::from_secs(self.seconds.saturating_add(u64::from(self.fraction)))
    }
}

// === impl Strings ===

impl Strings<'_> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        let slice = match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        };
        slice.iter().map(|text| &**text)
    }
}

// === visitors ===

struct Text;
struct Date;
struct List;

/// A string without control characters: what goes into headers and ids.
pub(super) fn text<'de: 'a, 'a, D>(deserializer: D) -> Result<Option<Cow<'a, str>>, D::Error>
where
    D: Deserializer<'de>,
{
    deserializer.deserialize_str(Text).map(Some)
}

fn nullable_text<'de: 'a, 'a, D>(deserializer: D) -> Result<Option<Cow<'a, str>>, D::Error>
where
    D: Deserializer<'de>,
{
    deserializer.deserialize_option(Nullable(Text))
}

/// The names of some providers that may mean something else to others: only a string counts.
fn lenient_text<'de: 'a, 'a, D>(deserializer: D) -> Result<Option<Cow<'a, str>>, D::Error>
where
    D: Deserializer<'de>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Value<'a> {
        #[serde(borrow)]
        Text(Plain<'a>),
        Other(IgnoredAny),
    }
    #[derive(Deserialize)]
    struct Plain<'a>(#[serde(borrow, deserialize_with = "plain")] Cow<'a, str>);
    fn plain<'de: 'a, 'a, D: Deserializer<'de>>(d: D) -> Result<Cow<'a, str>, D::Error> {
        d.deserialize_str(Text)
    }
    Ok(match Value::deserialize(deserializer)? {
        Value::Text(Plain(text)) => Some(text),
        Value::Other(_) => None,
    })
}

fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NumericDate>, D::Error> {
    deserializer.deserialize_f64(Date).map(Some)
}

fn nullable_date<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<NumericDate>, D::Error> {
    deserializer.deserialize_option(Nullable(Date))
}

fn strings<'de: 'a, 'a, D>(deserializer: D) -> Result<Option<Strings<'a>>, D::Error>
where
    D: Deserializer<'de>,
{
    deserializer.deserialize_any(List).map(Some)
}

fn nullable_strings<'de: 'a, 'a, D>(deserializer: D) -> Result<Option<Strings<'a>>, D::Error>
where
    D: Deserializer<'de>,
{
    deserializer.deserialize_option(Nullable(List))
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// `null` is as good as absent.
struct Nullable<V>(V);

impl<'de, V> Visitor<'de> for Nullable<V>
where
    V: Visitor<'de> + Hint<'de>,
{
    type Value = Option<V::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        self.0.read(deserializer).map(Some)
    }
}

/// Asks a deserializer for the type that the visitor wants.
trait Hint<'de>: Visitor<'de> {
    fn read<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error>;
}

impl<'de> Hint<'de> for Text {
    fn read<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Hint<'de> for Date {
    fn read<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_f64(self)
    }
}

impl<'de> Hint<'de> for List {
    fn read<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

fn clean<E: Error>(text: &str) -> Result<(), E> {
    if text.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(E::custom("a control character in a string"));
    }
    Ok(())
}

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        clean(text)?;
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        clean(text)?;
        Ok(Cow::Owned(text.to_owned()))
    }
}

impl Visitor<'_> for Date {
    type Value = NumericDate;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of seconds, zero or more")
    }

    fn visit_u64<E>(self, seconds: u64) -> Result<NumericDate, E> {
        Ok(NumericDate {
            seconds,
            fraction: false,
        })
    }

    fn visit_i64<E: Error>(self, seconds: i64) -> Result<NumericDate, E> {
        let seconds = u64::try_from(seconds).map_err(|_| E::custom("a date before 1970"))?;
        Ok(NumericDate {
            seconds,
            fraction: false,
        })
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates, checked"
    )]
    fn visit_f64<E: Error>(self, seconds: f64) -> Result<NumericDate, E> {
        if !seconds.is_finite() || seconds.is_sign_negative() {
            return Err(E::custom("a date that is no date"));
        }
        Ok(NumericDate {
            seconds: seconds as u64,
            fraction: seconds.fract() > 0.0,
        })
    }
}

impl<'de> Visitor<'de> for List {
    type Value = Strings<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array of strings")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Text.visit_borrowed_str(text).map(Strings::One)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Text.visit_str(text).map(Strings::One)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        struct One;
        impl<'de> serde::de::DeserializeSeed<'de> for One {
            type Value = Cow<'de, str>;
            fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Self::Value, D::Error> {
                d.deserialize_str(Text)
            }
        }
        let mut many = Vec::new();
        while let Some(one) = seq.next_element_seed(One)? {
            many.push(one);
        }
        Ok(Strings::Many(many))
    }
}
