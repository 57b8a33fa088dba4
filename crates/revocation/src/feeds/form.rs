//! `application/x-www-form-urlencoded`, read strictly.

use std::fmt;

use percent_encoding::percent_decode;
use portcullis_core::Secret;

/// The parameters of a form. Values may be tokens and passwords, so they are kept as such.
pub(super) struct Form {
    parameters: Vec<(Box<str>, Secret)>,
}

/// Why bytes are no form that an OAuth endpoint takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FormFault {
    /// Not the encoding: a `%` without two hexadecimal digits, bytes that are no UTF-8, a control character.
    Malformed,
    /// RFC 6749 section 3.2: a parameter must not be there more than once.
    Duplicate,
    /// More parameters than any such endpoint has.
    TooMany,
}

/// The most parameters.
const MOST: usize = 32;

// === impl Form ===

impl Form {
    /// Reads a form.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, FormFault> {
        let mut parameters: Vec<(Box<str>, Secret)> = Vec::new();
        for pair in bytes.split(|byte| *byte == b'&') {
            if pair.is_empty() {
                continue;
            }
            let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
                Some(end) => (&pair[..end], &pair[end + 1..]),
                None => (pair, &[][..]),
            };
            let name = text(name)?.into_boxed_str();
            let value = Secret::from(text(value)?);
            if parameters.iter().any(|(other, _)| *other == name) {
                return Err(FormFault::Duplicate);
            }
            if parameters.len() == MOST {
                return Err(FormFault::TooMany);
            }
            parameters.push((name, value));
        }
        Ok(Self { parameters })
    }

    /// A parameter. One without a value is as good as none (RFC 6749 section 3.2).
    pub(super) fn get(&self, name: &str) -> Option<&Secret> {
        self.parameters
            .iter()
            .find(|(other, value)| &**other == name && !value.is_empty())
            .map(|(_, value)| value)
    }

    /// All of it, for checks.
    pub(super) fn parameters(&self) -> Vec<(String, String)> {
        let text = |value: &Secret| String::from_utf8_lossy(value.expose()).into_owned();
        let parameters = self.parameters.iter();
        parameters
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect()
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Form").finish_non_exhaustive()
    }
}

/// Decodes one name or value.
pub(super) fn text(encoded: &[u8]) -> Result<String, FormFault> {
    let mut digits_due = 0_u8;
    for byte in encoded {
        // A lenient decoder leaves a stray `%` as it is: then two texts are one.
        match (digits_due, byte) {
            (0, b'%') => digits_due = 2,
            (0, _) => {}
            (_, byte) if byte.is_ascii_hexdigit() => digits_due -= 1,
            _ => return Err(FormFault::Malformed),
        }
    }
    let spaced: Vec<u8> = encoded
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    let decoded = String::from_utf8(percent_decode(&spaced).collect());
    let decoded = decoded.map_err(|_| FormFault::Malformed)?;
    let clean = digits_due == 0 && !decoded.bytes().any(|byte| byte.is_ascii_control());
    if clean {
        Ok(decoded)
    } else {
        Err(FormFault::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(form: &str) -> Result<Vec<(String, String)>, FormFault> {
        Ok(Form::parse(form.as_bytes())?.parameters())
    }

    #[test]
    fn names_and_values_are_decoded() {
        for (form, expected) in [
            ("", vec![]),
            ("&&", vec![]),
            ("a=1", vec![("a", "1")]),
            ("a=1&b=2&", vec![("a", "1"), ("b", "2")]),
            ("a", vec![("a", "")]),
            ("=1", vec![("", "1")]),
            ("a=b=c", vec![("a", "b=c")]),
            ("a+b=c+d%2B%20", vec![("a b", "c d+ ")]),
            ("%61=%C3%bc", vec![("a", "ü")]),
        ] {
            let expected: Vec<_> = expected
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            assert_eq!(read(form), Ok(expected), "{form}");
        }
    }

    #[test]
    fn what_has_two_readings_is_refused() {
        for (form, fault) in [
            ("a=%", FormFault::Malformed),
            ("a=%4", FormFault::Malformed),
            ("a=%4g", FormFault::Malformed),
            ("a=%%41", FormFault::Malformed),
            ("a=%ff", FormFault::Malformed),
            ("a=%00", FormFault::Malformed),
            ("a=b%0d%0a", FormFault::Malformed),
            ("a=\n", FormFault::Malformed),
            ("a=1&a=1", FormFault::Duplicate),
            ("a=1&b=2&a=", FormFault::Duplicate),
            // An escape hides no duplicate.
            ("a=1&%61=2", FormFault::Duplicate),
        ] {
            assert_eq!(read(form), Err(fault), "{form}");
        }
        let many = |count: usize| -> String { (0..count).map(|n| format!("p{n}=1&")).collect() };
        assert_eq!(read(&many(MOST)).unwrap().len(), MOST);
        assert_eq!(read(&many(MOST + 1)), Err(FormFault::TooMany));
    }

    #[test]
    fn an_empty_parameter_is_none() {
        let form = Form::parse(b"a=&b=1").unwrap();
        assert!(form.get("a").is_none());
        assert!(form.get("c").is_none());
        assert_eq!(form.get("b"), Some(&Secret::from("1")));
    }
}
