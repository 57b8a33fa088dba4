//! One JSON object, read strictly.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::error::KeyError;

/// The most members one object may have.
const MAX_MEMBERS: usize = 256;

/// The members of an object, each still JSON text, no name twice.
///
/// A derived `Deserialize` would take an array for a struct, and tell a name that comes twice only
/// where it knows the name.
pub(super) struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

// === impl Object ===

impl<'a> Object<'a> {
    pub(super) fn read(json: &'a str) -> Result<Self, KeyError> {
        let Members(members) = serde_json::from_str(json).map_err(|_| KeyError::Malformed)?;
        if members.len() > MAX_MEMBERS {
            return Err(KeyError::TooManyMembers);
        }
        let mut names: Vec<&str> = members.iter().map(|(name, _)| &**name).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(KeyError::DuplicateMember);
        }
        Ok(Self(members))
    }

    /// The text of a member; `null` counts as absent.
    pub(super) fn raw(&self, member: &str) -> Option<&'a RawValue> {
        let (_, raw) = self.0.iter().find(|(name, _)| name == member)?;
        Some(*raw).filter(|raw| raw.get() != "null")
    }

    pub(super) fn text(&self, member: &str) -> Result<Option<Cow<'a, str>>, KeyError> {
        self.raw(member)
            .map(|raw| parse::<Text<'_>>(raw).map(|Text(text)| text))
            .transpose()
    }

    /// The elements of an array.
    pub(super) fn list<T: Deserialize<'a>>(
        &self,
        member: &str,
    ) -> Result<Option<Vec<T>>, KeyError> {
        self.raw(member).map(parse).transpose()
    }
}

fn parse<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Result<T, KeyError> {
    serde_json::from_str(raw.get()).map_err(|_| KeyError::Malformed)
}

/// A string, borrowed where it has no escape.
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}

/// The members in order.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((Text(name), value)) = map.next_entry()? {
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}
