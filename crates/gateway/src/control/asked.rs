//! What a control request asks for.

use std::fmt;

use portcullis_revocation::{Confirmation, Order, Target};
use serde::Deserialize;

use super::denied::Denied;

/// What is done with what is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Revoke,
    Lift,
}

/// One thing, by one name, and why.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Asked {
    issuer: Option<String>,
    /// By its `jti`.
    token: Option<String>,
    /// By itself: a JWT.
    jwt: Option<String>,
    /// By itself: a token that is no JWT.
    opaque: Option<String>,
    session: Option<String>,
    subject: Option<String>,
    client: Option<String>,
    key: Option<String>,
    tenant: Option<String>,
    /// The word itself, said again.
    everything: Option<String>,
    reason: Option<String>,
}

// === impl Asked ===

impl Asked {
    pub(super) fn read(body: &[u8]) -> Result<Self, Denied> {
        // What is wrong with it is not quoted: it could be a token.
        serde_json::from_slice(body).map_err(|_| Denied::Body)
    }

    /// What is named, and as what. None unless it is exactly one thing.
    fn named(&self) -> Option<(&'static str, &str)> {
        let mut names = [
            ("token", &self.token),
            ("jwt", &self.jwt),
            ("opaque", &self.opaque),
            ("session", &self.session),
            ("subject", &self.subject),
            ("client", &self.client),
            ("key", &self.key),
            ("tenant", &self.tenant),
            ("everything", &self.everything),
        ]
        .into_iter()
        .filter_map(|(kind, name)| Some((kind, name.as_deref()?)));
        let one = names.next().filter(|(_, name)| !name.is_empty());
        names.next().map_or(one, |_| None)
    }

    /// What kind of thing is named, for the audit.
    pub(super) fn kind(&self) -> &'static str {
        self.named().map_or("-", |(kind, _)| kind)
    }

    pub(super) fn order(&self, change: Change) -> Result<Order, Denied> {
        let (kind, name) = self.named().ok_or(Denied::Body)?;
        let issuer = self.issuer.as_deref().filter(|issuer| !issuer.is_empty());
        let target = match (kind, issuer) {
            ("everything", None) => Confirmation::of(name).map(Target::everything),
            ("everything", Some(_)) | (_, None) => None,
            ("token", Some(issuer)) => Some(Target::token(issuer, name)),
            ("jwt", Some(issuer)) => Target::jwt(issuer, name),
            ("opaque", Some(issuer)) => Some(Target::opaque(issuer, name)),
            ("session", Some(issuer)) => Some(Target::session(issuer, name)),
            ("subject", Some(issuer)) => Some(Target::subject(issuer, name)),
            ("client", Some(issuer)) => Some(Target::client(issuer, name)),
            ("key", Some(issuer)) => Some(Target::key(issuer, name)),
            (_, Some(issuer)) => Some(Target::tenant(issuer, name)),
        };
        let target = target.ok_or(Denied::Body)?;
        let order = match change {
            Change::Revoke => Order::revoke([target]),
            Change::Lift => Order::lift([target]),
        };
        match &self.reason {
            None => Ok(order),
            Some(reason) => order.because(reason).map_err(|_| Denied::Body),
        }
    }

    /// The session that is named: its issuer and its name.
    pub(super) fn session(self) -> Result<(String, String), Denied> {
        match (self.kind(), self.issuer, self.session) {
            ("session", Some(issuer), Some(session)) => Ok((issuer, session)),
            _ => Err(Denied::Body),
        }
    }
}

/// Shows what kind of thing is named, and nothing of its name.
impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked")
            .field("kind", &self.kind())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(text: &str) -> Result<&'static str, Denied> {
        let asked = Asked::read(text.as_bytes())?;
        asked
            .order(Change::Revoke)
            .map(|order| order.targets()[0].kind().label())
    }

    #[test]
    fn exactly_one_thing_is_named() {
        for (text, kind) in [
            (r#"{"issuer":"i","token":"j"}"#, "token"),
            (r#"{"issuer":"i","jwt":"a.b.c"}"#, "token"),
            (r#"{"issuer":"i","opaque":"x"}"#, "token"),
            (
                r#"{"issuer":"i","session":"s","reason":"logout"}"#,
                "session",
            ),
            (r#"{"issuer":"i","subject":"u"}"#, "subject"),
            (r#"{"issuer":"i","client":"c"}"#, "client"),
            (r#"{"issuer":"i","key":"k"}"#, "key"),
            (r#"{"issuer":"i","tenant":"t"}"#, "tenant"),
            (r#"{"everything":"everything"}"#, "everything"),
        ] {
            assert_eq!(order(text), Ok(kind), "{text}");
        }
        for text in [
            "",
            "[]",
            "{}",
            r#"{"issuer":"i"}"#,
            r#"{"session":"s"}"#,
            r#"{"issuer":"","session":"s"}"#,
            r#"{"issuer":"i","session":""}"#,
            r#"{"issuer":"i","session":"s","subject":"u"}"#,
            r#"{"issuer":"i","session":"s","sub":"u"}"#,
            r#"{"issuer":"i","session":1}"#,
            r#"{"issuer":"i","session":"s","session":"t"}"#,
            r#"{"issuer":"i","session":"s","reason":"two words"}"#,
            r#"{"issuer":"i","jwt":"no jwt"}"#,
            r#"{"everything":"yes"}"#,
            r#"{"issuer":"i","everything":"everything"}"#,
        ] {
            assert_eq!(order(text), Err(Denied::Body), "{text}");
        }
    }
}
