//! Roles, wherever a provider puts them.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The path of a claim that holds roles.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct RolePath(Box<[Box<str>]>);

// === impl RolePath ===

impl RolePath {
    /// Names with dots between them; quotes round a name keep its dots.
    pub(super) fn parse(path: &str) -> Self {
        let mut names = vec![String::new()];
        let mut quoted = false;
        for letter in path.chars() {
            match letter {
                '"' => quoted = !quoted,
                '.' if !quoted => names.push(String::new()),
                other => {
                    if let Some(name) = names.last_mut() {
                        name.push(other);
                    }
                }
            }
        }
        if quoted {
            // A quote that is not closed: as wrong as an empty name.
            names.push(String::new());
        }
        Self(names.into_iter().map(String::into_boxed_str).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().any(|name| name.is_empty())
    }

    /// The roles at this path: a string, or the strings of an array. Anything else is no role.
    pub(super) fn find(&self, payload: &[u8], roles: &mut Vec<Box<str>>) {
        let mut deserializer = serde_json::Deserializer::from_slice(payload);
        // The payload was read before: what does not fit is not there.
        let _ = Walk {
            path: &self.0,
            listed: false,
            roles,
        }
        .deserialize(&mut deserializer);
    }
}

struct Walk<'a> {
    path: &'a [Box<str>],
    /// Whether this is an element of the array at the end of the path.
    listed: bool,
    roles: &'a mut Vec<Box<str>>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            match self.path.split_first() {
                Some((first, rest)) if **first == *name => {
                    map.next_value_seed(Walk {
                        path: rest,
                        listed: false,
                        roles: &mut *self.roles,
                    })?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        // Only the end of the path may be an array, and of strings: an array in it is no role.
        let path: &[Box<str>] = &[];
        let ends = self.path.is_empty() && !self.listed;
        loop {
            let more = if ends {
                seq.next_element_seed(Walk {
                    path,
                    listed: true,
                    roles: &mut *self.roles,
                })?
                .is_some()
            } else {
                seq.next_element::<IgnoredAny>()?.is_some()
            };
            if !more {
                return Ok(());
            }
        }
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if self.path.is_empty() && !text.bytes().any(|byte| byte.is_ascii_control()) {
            self.roles.push(text.into());
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(path: &str, payload: &str) -> Vec<String> {
        let mut roles = Vec::new();
        RolePath::parse(path).find(payload.as_bytes(), &mut roles);
        roles.into_iter().map(String::from).collect()
    }

    #[test]
    fn roles_are_found_where_providers_put_them() {
        let keycloak = r#"{"x":{"roles":["no"]},"realm_access":{"n":1,"roles":["admin","user"]}}"#;
        assert_eq!(roles("realm_access.roles", keycloak), ["admin", "user"]);
        assert_eq!(roles("roles", r#"{"roles":"one"}"#), ["one"]);
        let auth0 = r#"{"https://example.com/roles":["a b"]}"#;
        assert_eq!(roles("\"https://example.com/roles\"", auth0), ["a b"]);
    }

    #[test]
    fn what_is_no_role_is_left_out() {
        for (path, payload) in [
            ("roles", r#"{"roles":{"admin":true}}"#),
            ("roles", r#"{"roles":[1,null,true,1.5,{"a":1}]}"#),
            ("roles", r#"{"roles":null}"#),
            (
                "roles",
                r#"{"roles":[["admin"],[["admin"]],{"roles":["admin"]}]}"#,
            ),
            ("roles.x", r#"{"roles":["x"]}"#),
            ("roles", r#"{"roles":["a\nb"]}"#),
            ("roles", r#"{"rolesx":["a"]}"#),
            ("roles", "not json"),
        ] {
            assert!(roles(path, payload).is_empty(), "{path} {payload}");
        }
    }

    #[test]
    fn an_empty_name_and_an_open_quote_are_seen() {
        assert!(RolePath::parse("a..b").is_empty());
        assert!(RolePath::parse("").is_empty());
        assert!(RolePath::parse("\"a.b").is_empty());
        assert!(!RolePath::parse("a.b").is_empty());
    }
}
