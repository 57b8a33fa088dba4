//! Three parts, two dots.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::Reason;

/// The longest signature of any algorithm: RSA with 8192 bits.
pub(crate) const SIGNATURE_MAX: usize = 1024;

/// A header up to this long needs no allocation.
pub(crate) const HEADER_BUFFER: usize = 512;

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

    /// The header, encoded.
    pub(crate) fn header_text(&self) -> &'a str {
        &self.token[..self.first_dot]
    }

    /// Decodes the header, into `buffer` if it fits.
    pub(crate) fn header<'b>(
        &self,
        buffer: &'b mut [u8; HEADER_BUFFER],
    ) -> Result<Cow<'b, [u8]>, Reason> {
        let text = self.header_text();
        if decoded_len(text) > buffer.len() {
            return decode(text).map(Cow::Owned);
        }
        let length = decode_into(text, buffer)?;
        Ok(Cow::Borrowed(&buffer[..length]))
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
        let length = decode_into(text, buffer)?;
        Ok(&buffer[..length])
    }
}

fn decode(text: &str) -> Result<Vec<u8>, Reason> {
    // Of the exact length, so that it can be kept as it is.
    let mut bytes = vec![0; decoded_len(text)];
    let length = decode_into(text, &mut bytes)?;
    bytes.truncate(length);
    Ok(bytes)
}

/// Strict base64url: no padding, no other alphabet, no white space, no stray bits (RFC 7515 section 2).
fn decode_into(text: &str, buffer: &mut [u8]) -> Result<usize, Reason> {
    URL_SAFE_NO_PAD
        .decode_slice(text, buffer)
        .map_err(|_| Reason::Malformed)
}

/// Six bits for each letter.
const fn decoded_len(text: &str) -> usize {
    text.len() / 4 * 3 + text.len() % 4 * 3 / 4
}
