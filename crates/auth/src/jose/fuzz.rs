//! The entry point for fuzzing headers.

use serde_json::Value;

use super::{Claims, Header};
use crate::Reason;

/// Reads any bytes as the header of a token; panics if a promise is broken.
///
/// Whatever is accepted reads the same to a parser that keeps every member.
pub fn fuzz_header(data: &[u8]) {
    // One part is as good as the other to be taken for it.
    let _ = Claims::read(data);
    let header = match Header::read(data) {
        Ok(header) => header,
        Err(reason) => {
            let known = matches!(reason, Reason::Malformed | Reason::UnsupportedHeader);
            assert!(known, "{reason}");
            return;
        }
    };
    let Ok(Value::Object(members)) = serde_json::from_slice(data) else {
        panic!("an accepted header that is no object to others");
    };
    let text = |name: &str| members.get(name).map(|value| value.as_str());
    assert_eq!(header.algorithm().map(Some), text("alg"));
    match header.key_id() {
        Ok(kid) => assert_eq!(kid.map(Some), text("kid")),
        Err(reason) => {
            assert_eq!(reason, Reason::UnknownKey);
            assert!(members.contains_key("kid"));
        }
    }
    let typ = header.media_type();
    assert_eq!(typ.is_some(), members.contains_key("typ"));
    let whole = text("typ").flatten().unwrap_or_default();
    assert!(whole.ends_with(typ.unwrap_or_default()));
    for name in ["crit", "b64", "zip", "enc"] {
        assert!(!members.contains_key(name), "{name} was accepted");
    }
}
