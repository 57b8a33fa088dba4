//! A `baggage` for those who read it or add to it.

use std::borrow::Cow;
use std::fmt;

use http::HeaderValue;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use super::member::{self, Member};
use super::{MOST_BYTES, MOST_MEMBERS, fitting, list};

/// A `baggage`: keys and values that go along with the calls of a request.
///
/// The layers hand it on unread. It is for whoever reads an entry or adds one. Everybody on the way can read and change
/// it: an identity, a permission or a secret does not belong there.
///
/// | | |
/// |---|---|
/// | key | a token of RFC 9110, sent as it is |
/// | value | any text, sent percent-encoded |
/// | properties | whatever a sender put behind a value; kept as they are |
/// | limits | 64 entries, 8192 bytes |
///
/// Of several entries with one key the last counts.
///
/// # Examples
/// ```
/// use portcullis_trace::Baggage;
///
/// let mut baggage = Baggage::parse(b"tenant=blue%20whale;ttl=5, cart=a=b=c");
/// assert_eq!(baggage.get("tenant").as_deref(), Some("blue whale"));
/// assert_eq!(baggage.get("cart").as_deref(), Some("a=b=c"));
/// baggage.insert("cart", "50% off")?;
/// assert_eq!(baggage.to_string(), "tenant=blue%20whale;ttl=5,cart=50%25%20off");
/// # Ok::<(), portcullis_trace::BadBaggage>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Baggage {
    /// The list as it is sent.
    text: String,
}

/// Why an entry does not go into a [`Baggage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadBaggage {
    /// Its key is no token.
    Key,
    /// It would be one entry too many, or the whole too long.
    Full,
}

/// How much is read at most: room for blanks, and for what is passed over.
pub(super) const MOST_READ: usize = 2 * MOST_BYTES;

/// What is not sent as it is. `=` could be, but some would not read past it.
const ENCODED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'%')
    .add(b',')
    .add(b';')
    .add(b'=')
    .add(b'\\');

// === impl Baggage ===

impl Baggage {
    /// Reads the value of the header. An entry that is not as it must be is passed over, for others would not read the
    /// good ones beside it; so is what exceeds the limits.
    #[must_use]
    pub fn parse(value: &[u8]) -> Self {
        let good = |text: &&[u8]| {
            let text = std::str::from_utf8(text).ok();
            text.and_then(Member::read).is_some()
        };
        let kept = || fitting(list::members(readable(value)).filter(good));
        let text = String::from_utf8(list::join(kept(), list::length(kept())));
        Self {
            text: text.unwrap_or_default(),
        }
    }

    /// The value of `key`, decoded. Bytes that are not UTF-8 become U+FFFD.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Cow<'_, str>> {
        let of_key = |member: &Member<'_>| member.key == key;
        self.members().rfind(of_key).map(|member| member.decoded())
    }

    /// The keys, the decoded values, and the properties as they were sent (`p;q=1`), in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Cow<'_, str>, &str)> {
        self.members()
            .map(|member| (member.key, member.decoded(), member.properties))
    }

    /// Puts an entry last, in the place of all others with its key and of their properties.
    ///
    /// # Errors
    /// `key` is no key, or the limits would be exceeded. Nothing changes then.
    pub fn insert(&mut self, key: &str, value: &str) -> Result<(), BadBaggage> {
        if !member::is_token(key) {
            return Err(BadBaggage::Key);
        }
        if key.len() + 1 + value.len() > MOST_BYTES {
            return Err(BadBaggage::Full);
        }
        let mut text = self.without(key);
        if !text.is_empty() {
            text.push(',');
        }
        text.extend([key, "="]);
        text.extend(utf8_percent_encode(value, ENCODED));
        if text.len() > MOST_BYTES || text.split(',').count() > MOST_MEMBERS {
            return Err(BadBaggage::Full);
        }
        self.text = text;
        Ok(())
    }

    /// Takes every entry of `key` away.
    pub fn remove(&mut self, key: &str) {
        self.text = self.without(key);
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members().count()
    }

    /// Whether there is no entry.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The header to send; none if there is no entry.
    #[must_use]
    pub fn to_header_value(&self) -> Option<HeaderValue> {
        let value = HeaderValue::from_str(&self.text).ok()?;
        (!value.is_empty()).then_some(value)
    }

    fn members(&self) -> impl DoubleEndedIterator<Item = Member<'_>> {
        self.text.split(',').filter_map(Member::read)
    }

    fn without(&self, key: &str) -> String {
        let mut text = String::with_capacity(self.text.len());
        for member in self.text.split(',') {
            if Member::key(member.as_bytes()).is_some_and(|other| other != key.as_bytes()) {
                text.push_str(if text.is_empty() { "" } else { "," });
                text.push_str(member);
            }
        }
        text
    }
}

impl fmt::Display for Baggage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// Values can be personal: none is shown, and no key.
impl fmt::Debug for Baggage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Baggage")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// As much of a value as is read: whole members.
fn readable(value: &[u8]) -> &[u8] {
    let Some(most) = value.get(..MOST_READ + 1) else {
        return value;
    };
    let end = most.iter().rposition(|&byte| byte == b',');
    &most[..end.unwrap_or_default()]
}

// === impl Member ===

impl<'a> Member<'a> {
    fn decoded(&self) -> Cow<'a, str> {
        percent_decode_str(self.value).decode_utf8_lossy()
    }
}

// === impl BadBaggage ===

impl fmt::Display for BadBaggage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "not a key of a baggage",
            Self::Full => "more than a baggage may hold",
        })
    }
}

impl std::error::Error for BadBaggage {}
