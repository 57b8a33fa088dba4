//! The stand-in for a backend whose feature is off: its keys have no value, and nobody asks for
//! one, for `Backend::is_available` says no first.

use super::{Algorithm, Material, Rejected};

pub(super) const PRESENT: bool = false;

pub(in crate::key) enum PublicKey {}

pub(in crate::key) enum MacKey {}

impl PublicKey {
    pub(super) fn new(_: Algorithm, _: &Material) -> Result<Self, Rejected> {
        Err(Rejected::Mismatch)
    }

    pub(super) fn verify(&self, _: &[u8], _: &[u8]) -> bool {
        match *self {}
    }

    pub(super) fn verify_hashing(&self, _: &[u8], _: &[u8]) -> Option<[u8; 32]> {
        match *self {}
    }
}

impl MacKey {
    pub(super) fn new(_: Algorithm, _: &[u8]) -> Result<Self, Rejected> {
        Err(Rejected::Mismatch)
    }

    pub(super) fn verify(&self, _: &[u8], _: &[u8]) -> bool {
        match *self {}
    }
}

/// Never called: one backend is always present, or the crate does not compile.
pub(super) fn sha256(_: &[&[u8]]) -> [u8; 32] {
    [0; 32]
}
