//! Strict base64url.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Returns the bytes of base64url without padding (RFC 7515 §2), or `None`: for `=`, for `+` and
/// `/`, for whitespace, and for trailing bits that are not zero, so that a value has one spelling.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn one_value_has_one_spelling() {
        assert_eq!(decode("").as_deref(), Some(&[][..]));
        assert_eq!(decode("-_8").as_deref(), Some(&[0xfb, 0xff][..]));
        for refused in [
            "-_8=", "+/8", "-_9", "-_8 ", "-_ 8", "-_8\n", "-", "-_8==", "é",
        ] {
            assert_eq!(decode(refused), None, "{refused:?}");
        }
    }
}
