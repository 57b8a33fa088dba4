//! Lists of methods.

use http::Method;

use super::section::Section;

/// A list of methods that is not empty.
pub(super) fn list(section: &mut Section, key: &'static str) -> Option<Vec<Method>> {
    let texts = section.texts(key)?;
    if texts.is_empty() && !section.noted(key) {
        section.wrong(key, "is empty", "name a method, or remove it");
    }
    let mut methods = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let at = format!("{key}[{index}]");
        match one(text) {
            Ok(method) if methods.contains(&method) => {
                section.wrong(at, "is there already", "remove it");
            }
            Ok(method) => methods.push(method),
            Err(message) => section.wrong(at, message, "write a method such as \"GET\""),
        }
    }
    Some(methods)
}

/// Methods are case-sensitive (RFC 9110 section 9.1): `get` would never be asked for.
fn one(text: &str) -> Result<Method, &'static str> {
    match Method::from_bytes(text.as_bytes()) {
        Ok(Method::CONNECT) => Err("asks for a tunnel, which a gateway does not dig"),
        Ok(Method::TRACE) => Err("asks for an echo, of what only the upstream is to see"),
        Ok(method)
            if text
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte == b'-') =>
        {
            Ok(method)
        }
        _ => Err("is not a method"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_upper_case_words() {
        for (text, good) in [
            ("GET", true),
            ("PROPFIND", true),
            ("M-SEARCH", true),
            ("get", false),
            ("*", false),
            ("", false),
            ("GET ", false),
            ("CONNECT", false),
            ("TRACE", false),
        ] {
            assert_eq!(one(text).is_ok(), good, "{text}");
        }
    }
}
