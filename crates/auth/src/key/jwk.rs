//! One JWK, read strictly.
//!
//! `jsonwebtoken::jwk::Jwk` is not used for this: it forgets algorithm names it does not know
//! (`Ed25519` among them), takes unknown members apart as well, and cannot tell a member named
//! twice. A `Jwk` that is there already comes in through its JSON.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::algorithm::Algorithm;
use super::base64url;
use super::error::KeyError;
use super::label::KidLabel;
use super::material::{Curve, Material};
use super::verifying::{KeySpec, MAX_KID_BYTES, VerifyingKey};

/// The most members one JWK may have.
const MAX_MEMBERS: usize = 256;

/// The members of one JWK, each still JSON text, no name twice.
pub(super) struct Jwk<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

// === impl Jwk ===

impl<'a> Jwk<'a> {
    pub(super) fn read(json: &'a str) -> Result<Self, KeyError> {
        let Members(members) = serde_json::from_str(json).map_err(|_| KeyError::Malformed)?;
        if members.len() > MAX_MEMBERS {
            return Err(KeyError::TooManyMembers);
        }
        let jwk = Self(members);
        if jwk.names_a_member_twice() {
            Err(KeyError::DuplicateMember)
        } else {
            Ok(jwk)
        }
    }

    fn names_a_member_twice(&self) -> bool {
        let mut names: Vec<&str> = self.0.iter().map(|(name, _)| &**name).collect();
        names.sort_unstable();
        names.windows(2).any(|pair| pair[0] == pair[1])
    }

    /// The key id; `null` counts as absent, here and for every other member.
    fn kid(&self) -> Result<Option<Cow<'a, str>>, KeyError> {
        match self.text("kid")? {
            Some(kid) if kid.len() > MAX_KID_BYTES => Err(KeyError::KidTooLong),
            kid => Ok(kid),
        }
    }

    /// The key id to show, if there is a readable one.
    pub(super) fn label(&self) -> Option<KidLabel> {
        self.text("kid")
            .ok()
            .flatten()
            .map(|kid| KidLabel::new(&kid))
    }

    pub(super) fn verifying_key(&self, spec: &KeySpec) -> Result<VerifyingKey, KeyError> {
        let material = self.material()?;
        self.check_purpose()?;
        let mut spec = spec.clone();
        if let Some(kid) = self.kid()? {
            spec.kid = Some(kid.into());
        }
        if let Some(algorithm) = self.algorithm(&material)? {
            let allowed = spec.algorithms.unwrap_or(algorithm.into());
            spec.algorithms = Some(allowed.intersection(algorithm.into()));
        }
        VerifyingKey::new(&material, &spec)
    }

    fn material(&self) -> Result<Material, KeyError> {
        let kty = self.required("kty")?;
        // RFC 7518 §6.2.2, §6.3.2 and RFC 8037 §2 put the private part into `d`.
        if &*kty != "oct" && self.raw("d").is_some() {
            return Err(KeyError::Private);
        }
        match &*kty {
            "RSA" => Material::rsa(&self.bytes("n")?, &self.bytes("e")?),
            "EC" => {
                let curve = match &*self.required("crv")? {
                    "P-256" => Curve::P256,
                    "P-384" => Curve::P384,
                    _ => return Err(KeyError::UnsupportedCurve),
                };
                Material::ec(curve, &self.bytes("x")?, &self.bytes("y")?)
            }
            "OKP" if self.required("crv")? != "Ed25519" => Err(KeyError::UnsupportedCurve),
            "OKP" => Material::ed25519(&self.bytes("x")?),
            "oct" => Err(KeyError::Symmetric),
            _ => Err(KeyError::UnsupportedKeyType),
        }
    }

    fn check_purpose(&self) -> Result<(), KeyError> {
        // RFC 7517 §4.2
        if self.text("use")?.is_some_and(|purpose| purpose != "sig") {
            return Err(KeyError::NotForSignatures);
        }
        // RFC 7517 §4.3
        if let Some(raw) = self.raw("key_ops") {
            let operations: Vec<Cow<'_, str>> = parse(raw)?;
            if !operations.iter().any(|operation| operation == "verify") {
                return Err(KeyError::NotForVerifying);
            }
        }
        Ok(())
    }

    /// The one algorithm the key states (RFC 7517 §4.4), which must fit its type and curve.
    fn algorithm(&self, material: &Material) -> Result<Option<Algorithm>, KeyError> {
        let fits = material.algorithms();
        let Some(name) = self.text("alg")? else {
            return Ok(None);
        };
        match Algorithm::from_name(&name) {
            Some(algorithm) if fits.contains(algorithm) => Ok(Some(algorithm)),
            _ => Err(KeyError::AlgorithmMismatch { fits }),
        }
    }

    fn raw(&self, member: &str) -> Option<&'a RawValue> {
        let (_, raw) = self.0.iter().find(|(name, _)| name == member)?;
        Some(*raw).filter(|raw| raw.get() != "null")
    }

    fn text(&self, member: &str) -> Result<Option<Cow<'a, str>>, KeyError> {
        self.raw(member)
            .map(|raw| parse::<Text<'_>>(raw).map(|Text(text)| text))
            .transpose()
    }

    fn required(&self, member: &'static str) -> Result<Cow<'a, str>, KeyError> {
        self.text(member)?.ok_or(KeyError::Missing(member))
    }

    fn bytes(&self, member: &'static str) -> Result<Vec<u8>, KeyError> {
        base64url::decode(&self.required(member)?).ok_or(KeyError::Base64(member))
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

/// The members of an object, in order.
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
