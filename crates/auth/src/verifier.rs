//! The port that turns a token into a verdict.

use std::fmt;
use std::future::Future;

use portcullis_core::{Admission, Head, OutageCause, Refusal, Secret, Work};

use crate::{Outage, Reason, Verdict};

/// Turns a token into a [`Verdict`], in two phases.
///
/// [`try_verify`](Verifier::try_verify) does what needs no I/O: a cached verdict, a check against keys
/// that are held. It is called for every request and must not block. Only where it answers
/// [`Attempt::NeedsIo`] the layer boxes a future and awaits [`verify`](Verifier::verify), within its
/// deadline.
///
/// A clone is a handle: clones share keys and caches.
pub trait Verifier: Clone + Send + Sync + 'static {
    /// Judges `token` without I/O.
    ///
    /// Before dear work for a caller who has proven nothing, it asks [`Gate::admit`].
    fn try_verify(&self, token: Presented<'_>, gate: &Gate<'_>) -> Attempt;

    /// Judges `token` with I/O.
    ///
    /// # Cancel safety
    /// The future may be dropped at any time. What it started for others (a fetch of keys) goes on.
    fn verify(self, token: Secret) -> impl Future<Output = Verdict> + Send + 'static;
}

/// A token as it was presented: bytes of the caller, not looked at yet.
#[derive(Clone, Copy)]
pub struct Presented<'a>(&'a [u8]);

/// What [`Verifier::try_verify`] found out.
#[derive(Debug)]
pub enum Attempt {
    /// A verdict.
    Done(Verdict),
    /// Nothing yet: [`Verifier::verify`] must be awaited.
    NeedsIo,
    /// The gate refused to let the work be done.
    NotAdmitted(Refusal),
}

/// The gate that a verifier asks before dear work: the request, and the [`Admission`] hook if there is
/// one.
#[derive(Clone, Copy)]
pub struct Gate<'a> {
    head: Head<'a>,
    admission: Option<&'a dyn Admission>,
}

// === impl Presented ===

impl<'a> Presented<'a> {
    /// Takes the bytes after the scheme.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes, of any form: good enough to look a verdict up by.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The token as text.
    ///
    /// # Errors
    /// [`Reason::MalformedCredential`] if it is not a `b64token` (RFC 6750 section 2.1).
    pub fn text(self) -> Result<&'a str, Reason> {
        self.check()?;
        std::str::from_utf8(self.0).map_err(|_| Reason::MalformedCredential)
    }

    /// Whether the token is a `b64token`.
    pub(crate) fn check(self) -> Result<(), Reason> {
        let body = without_padding(self.0);
        // Without an early end the compiler checks sixteen bytes at a time; what is left over is looked up.
        let (chunks, rest) = body.as_chunks::<16>();
        let legal = chunks
            .as_flattened()
            .iter()
            .fold(true, |all, byte| all & is_b64token(*byte));
        let legal = legal && rest.iter().all(|byte| IS_B64TOKEN[usize::from(*byte)]);
        if body.is_empty() || !legal {
            return Err(Reason::MalformedCredential);
        }
        Ok(())
    }
}

/// RFC 6750 section 2.1: `ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/"`, without a branch.
const fn is_b64token(byte: u8) -> bool {
    let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    // `-`, `.`, `/` and the digits follow each other.
    let digit_or_mark = byte.wrapping_sub(b'-') < 13;
    letter | digit_or_mark | (byte == b'_') | (byte == b'~') | (byte == b'+')
}

/// The same, for a few bytes.
static IS_B64TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = u8::MAX;
    loop {
        table[byte as usize] = is_b64token(byte);
        if byte == 0 {
            break table;
        }
        byte -= 1;
    }
};

/// RFC 6750 allows any number of `=` at the end.
fn without_padding(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., b'='] = bytes {
        bytes = rest;
    }
    bytes
}

impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Presented(..)")
    }
}

// === impl Gate ===

impl<'a> Gate<'a> {
    /// A gate for the request of `head`.
    #[must_use]
    pub fn new(head: Head<'a>, admission: Option<&'a dyn Admission>) -> Self {
        Self { head, admission }
    }

    /// The request.
    #[must_use]
    pub fn head(&self) -> Head<'a> {
        self.head
    }

    /// Whether `work` may be done for this caller.
    ///
    /// # Errors
    /// The refusal to answer with: hand it on as [`Attempt::NotAdmitted`].
    pub fn admit(&self, work: Work) -> Result<(), Refusal> {
        self.admission
            .map_or(Ok(()), |admission| admission.admit(&self.head, work))
    }

    pub(crate) fn failed(&self, reason: &'static str) {
        if let Some(admission) = self.admission {
            admission.failed(&self.head, reason);
        }
    }
}

impl fmt::Debug for Gate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").finish_non_exhaustive()
    }
}

/// The verdict about a token that came without a request of its own.
pub(crate) async fn settle<V: Verifier>(verifier: &V, token: &Secret) -> Verdict {
    let request = http::Request::new(());
    let gate = Gate::new(Head::of(&request), None);
    match verifier.try_verify(Presented::new(token.expose()), &gate) {
        Attempt::Done(verdict) => return verdict,
        Attempt::NeedsIo => {}
        // Nobody was asked who could refuse.
        Attempt::NotAdmitted(_) => {
            return Verdict::Indeterminate(Outage::new(OutageCause::KeyUnavailable));
        }
    }
    verifier.clone().verify(token.clone()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_charset_is_that_of_rfc_6750_for_every_byte() {
        const LEGAL: &[u8] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/";
        for byte in 0..=u8::MAX {
            assert_eq!(is_b64token(byte), LEGAL.contains(&byte), "{byte}");
        }
    }
}
