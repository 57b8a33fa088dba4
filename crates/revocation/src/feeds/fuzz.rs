//! Entry points for fuzzing what the feeds read.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::form::{Form, FormFault};
use super::rfc7009::credentials::Credentials;

/// Reads any bytes as a form; panics if a promise is broken. The names and values, if it is one.
///
/// What is accepted has one reading: written anew and read again it is the same, and no name is there twice.
pub fn fuzz_form(data: &[u8]) -> Result<Vec<(String, String)>, &'static str> {
    let form = Form::parse(data).map_err(|fault| match fault {
        FormFault::Malformed => "malformed",
        FormFault::Duplicate => "duplicate",
        FormFault::TooMany => "too_many",
    })?;
    let shown = form.parameters();
    let names: HashSet<&str> = shown.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names.len(), shown.len(), "a name twice");
    for text in shown.iter().flat_map(|(name, value)| [name, value]) {
        assert!(
            !text.bytes().any(|byte| byte.is_ascii_control()),
            "a control character"
        );
    }
    let written: Vec<String> = shown
        .iter()
        .map(|(name, value)| format!("{}={}", escaped(name), escaped(value)))
        .collect();
    match Form::parse(written.join("&").as_bytes()) {
        Ok(again) => assert_eq!(again.parameters(), shown, "another reading"),
        Err(fault) => panic!("what was accepted is refused: {fault:?}"),
    }
    Ok(shown)
}

/// Reads any bytes as the value of `Authorization`; panics if a promise is broken. Client and secret, if it
/// has them.
pub fn fuzz_basic(data: &[u8]) -> Option<(String, String)> {
    let Credentials { client, secret } = Credentials::basic(data)?;
    let secret = secret.expose_str().unwrap_or_default();
    assert!(!client.is_empty() && !secret.is_empty());
    let pair = format!("{}:{}", escaped(&client), escaped(secret));
    let line = format!("Basic {}", STANDARD.encode(pair));
    match Credentials::basic(line.as_bytes()) {
        Some(again) => assert_eq!(
            (again.client, again.secret.expose()),
            (client.clone(), secret.as_bytes()),
            "another reading"
        ),
        None => panic!("what was accepted is refused"),
    }
    Some((client.into(), secret.to_owned()))
}

fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
