//! Three parts, two dots.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::Reason;

/// The longest signature of any algorithm: RSA with 8192 bits.
pub(crate) const SIGNATURE_MAX: usize = 1024;

/// A compact JWS, split but not decoded.
#[derive(Clone, Copy)]
pub(crate) struct Compact<'a> {
    token: &'a str,
    first_dot: usize,
    last_dot: usize,
}

// === impl Compact ===

impl<'a> Compact<'a> {
    /// Splits `token`. Five parts are an encrypted token, anything else no token at all.
    pub(crate) fn split(token: &'a str) -> Result<Self, Reason> {
        let first_dot = token.find('.').ok_or(Reason::Malformed)?;
        let last_dot = token.rfind('.').ok_or(Reason::Malformed)?;
        let middle = token
            .get(first_dot + 1..last_dot)
            .ok_or(Reason::Malformed)?;
        // An unsigned token ("alg": "none") ends in a dot: its empty signature is no signature.
        if first_dot == 0
            || middle.contains('.')
            || middle.is_empty()
            || last_dot + 1 == token.len()
        {
            return Err(Reason::Malformed);
        }
        Ok(Self {
            token,
            first_dot,
            last_dot,
        })
    }

    /// What the signature covers (RFC 7515 section 5.2, step 8).
    pub(crate) fn signing_input(&self) -> &'a [u8] {
        &self.token.as_bytes()[..self.last_dot]
    }

    /// Decodes the header.
    pub(crate) fn header(&self) -> Result<Vec<u8>, Reason> {
        decode(&self.token[..self.first_dot])
    }

    /// Decodes the payload.
    pub(crate) fn payload(&self) -> Result<Vec<u8>, Reason> {
        decode(&self.token[self.first_dot + 1..self.last_dot])
    }

    /// Decodes the signature into `buffer` and gives what was decoded.
    pub(crate) fn signature<'b>(
        &self,
        buffer: &'b mut [u8; SIGNATURE_MAX],
    ) -> Result<&'b [u8], Reason> {
        let text = &self.token[self.last_dot + 1..];
        let length = URL_SAFE_NO_PAD
            .decode_slice(text, buffer.as_mut_slice())
            .map_err(|_| Reason::Malformed)?;
        Ok(&buffer[..length])
    }
}

/// Strict base64url: no padding, no other alphabet, no white space, no stray bits (RFC 7515 section 2).
fn decode(text: &str) -> Result<Vec<u8>, Reason> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Reason::Malformed)
}
