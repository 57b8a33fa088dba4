//! A client's id and secret, from the header or from the form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use portcullis_core::Secret;

use crate::feeds::form::{Form, text};

/// A client's id and secret, as they were sent.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) client: Box<str>,
    pub(crate) secret: Secret,
}

/// Why there are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CredentialsFault {
    /// RFC 6749 section 2.3: more than one way at a time, or two clients.
    Several,
    /// None, another scheme, or not of the form.
    None,
}

// === impl Credentials ===

impl Credentials {
    /// `client_secret_basic` or `client_secret_post` (RFC 6749 section 2.3.1).
    pub(super) fn of(headers: &HeaderMap, form: &Form) -> Result<Self, CredentialsFault> {
        let mut lines = headers.get_all(AUTHORIZATION).iter();
        let posted = (form.get("client_id"), form.get("client_secret"));
        match (lines.next(), lines.next(), posted) {
            (Some(_), Some(_), _) | (Some(_), None, (_, Some(_))) => Err(CredentialsFault::Several),
            (Some(line), None, (id, None)) => {
                let basic = Self::basic(line.as_bytes()).ok_or(CredentialsFault::None)?;
                // Some clients name themselves in the form, too.
                let same = id.is_none_or(|id| id.expose() == basic.client.as_bytes());
                if same {
                    Ok(basic)
                } else {
                    Err(CredentialsFault::Several)
                }
            }
            (None, _, (Some(id), Some(secret))) => {
                let client = id.expose_str().ok_or(CredentialsFault::None)?;
                Ok(Self {
                    client: client.into(),
                    secret: secret.clone(),
                })
            }
            (None, _, _) => Err(CredentialsFault::None),
        }
    }

    /// RFC 7617, with both parts form-encoded before they are joined.
    pub(crate) fn basic(line: &[u8]) -> Option<Self> {
        let (scheme, rest) = line.split_at_checked("Basic ".len())?;
        if !scheme.eq_ignore_ascii_case(b"Basic ") {
            return None;
        }
        let pair = Secret::new(STANDARD.decode(rest.trim_ascii()).ok()?);
        let pair = pair.expose();
        let colon = pair.iter().position(|byte| *byte == b':')?;
        let client = text(&pair[..colon]).ok()?;
        let secret = Secret::from(text(&pair[colon + 1..]).ok()?);
        (!client.is_empty() && !secret.is_empty()).then(|| Self {
            client: client.into(),
            secret,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str], form: &str) -> Result<(String, String), CredentialsFault> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(AUTHORIZATION, line.parse().unwrap());
        }
        let form = Form::parse(form.as_bytes()).unwrap();
        let found = Credentials::of(&headers, &form)?;
        let secret = found.secret.expose_str().unwrap().to_owned();
        Ok((found.client.into(), secret))
    }

    fn basic(pair: &str) -> String {
        format!("Basic {}", STANDARD.encode(pair))
    }

    #[test]
    fn either_way_names_client_and_secret() {
        let found = |id: &str, secret: &str| Ok((id.to_owned(), secret.to_owned()));
        for (line, form, expected) in [
            (Some(basic("web:hunter2")), "", found("web", "hunter2")),
            (Some(basic("web:a:b")), "", found("web", "a:b")),
            (Some(basic("w%3Ab:a%25+b")), "", found("w:b", "a% b")),
            (
                Some(basic("web:x").replace("Basic", "bAsIc")),
                "",
                found("web", "x"),
            ),
            (Some(basic("web:x")), "client_id=web", found("web", "x")),
            (None, "client_id=web&client_secret=x%26", found("web", "x&")),
        ] {
            let lines: Vec<&str> = line.as_deref().into_iter().collect();
            assert_eq!(read(&lines, form), expected, "{lines:?} {form}");
        }
    }

    #[test]
    fn what_is_missing_is_none_and_what_contradicts_is_several() {
        use CredentialsFault::{None as Nothing, Several};
        let good = basic("web:x");
        for (lines, form, fault) in [
            (&[][..], "", Nothing),
            (&[], "client_id=web", Nothing),
            (&[], "client_secret=x", Nothing),
            (&[], "client_id=web&client_secret=", Nothing),
            (&["Bearer abc"], "", Nothing),
            (&["Basic"], "", Nothing),
            (&["Basic !!!!"], "", Nothing),
            (&[&basic("web")], "", Nothing),
            (&[&basic(":x")], "", Nothing),
            (&[&basic("web:")], "", Nothing),
            (&[&basic("web:%zz")], "", Nothing),
            (&[&basic("web:a\nb")], "", Nothing),
            (&[&good, &good], "", Several),
            (&[&good], "client_id=other", Several),
            (&[&good], "client_id=web&client_secret=x", Several),
            (&["Bearer abc"], "client_id=web&client_secret=x", Several),
        ] {
            assert_eq!(read(lines, form), Err(fault), "{lines:?} {form}");
        }
    }
}
