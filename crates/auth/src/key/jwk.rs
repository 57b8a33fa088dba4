//! One JWK, read strictly.
//!
//! `jsonwebtoken::jwk::Jwk` is not used for this: it forgets algorithm names it does not know
//! (`Ed25519` among them), takes unknown members apart as well, and cannot tell a member named
//! twice. A `Jwk` that is there already comes in through its JSON.

use std::borrow::Cow;

use super::algorithm::Algorithm;
use super::base64url;
use super::error::KeyError;
use super::label::KidLabel;
use super::material::{Curve, Material};
use super::object::Object;
use super::verifying::{KeySpec, MAX_KID_BYTES, VerifyingKey};

pub(super) struct Jwk<'a>(Object<'a>);

// === impl Jwk ===

impl<'a> Jwk<'a> {
    pub(super) fn read(json: &'a str) -> Result<Self, KeyError> {
        Object::read(json).map(Self)
    }

    /// The key id; `null` counts as absent, here and for every other member.
    fn kid(&self) -> Result<Option<Cow<'a, str>>, KeyError> {
        match self.0.text("kid")? {
            Some(kid) if kid.len() > MAX_KID_BYTES => Err(KeyError::KidTooLong),
            kid => Ok(kid),
        }
    }

    /// The key id to show, if there is a readable one.
    pub(super) fn label(&self) -> Option<KidLabel> {
        self.0
            .text("kid")
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
        if &*kty != "oct" && self.0.raw("d").is_some() {
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
        if self.0.text("use")?.is_some_and(|purpose| purpose != "sig") {
            return Err(KeyError::NotForSignatures);
        }
        // RFC 7517 §4.3
        if let Some(operations) = self.0.list::<Cow<'_, str>>("key_ops")?
            && !operations.iter().any(|operation| operation == "verify")
        {
            return Err(KeyError::NotForVerifying);
        }
        Ok(())
    }

    /// The one algorithm the key states (RFC 7517 §4.4), which must fit its type and curve.
    fn algorithm(&self, material: &Material) -> Result<Option<Algorithm>, KeyError> {
        let fits = material.algorithms();
        let Some(name) = self.0.text("alg")? else {
            return Ok(None);
        };
        match Algorithm::from_name(&name) {
            Some(algorithm) if fits.contains(algorithm) => Ok(Some(algorithm)),
            _ => Err(KeyError::AlgorithmMismatch { fits }),
        }
    }

    fn required(&self, member: &'static str) -> Result<Cow<'a, str>, KeyError> {
        self.0.text(member)?.ok_or(KeyError::Missing(member))
    }

    fn bytes(&self, member: &'static str) -> Result<Vec<u8>, KeyError> {
        base64url::decode(&self.required(member)?).ok_or(KeyError::Base64(member))
    }
}
