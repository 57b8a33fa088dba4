//! Something to be done once, however often it is asked for.

use std::collections::BTreeSet;

use portcullis_core::ConfigError;

use super::Target;
use crate::log::{Edit, OpId};
use crate::secrets::Domain;
use crate::{Id, Secrets};

/// Something to be done once, however often it is submitted.
#[derive(Clone, Debug)]
pub struct Order {
    op: OpId,
    targets: Vec<Target>,
    lift: bool,
    reason: Box<str>,
}

// === impl Order ===

impl Order {
    /// The most things that one order may name.
    pub const MOST: usize = 500;

    /// Revokes all of these.
    pub fn revoke(targets: impl IntoIterator<Item = Target>) -> Self {
        Self::new(targets, false)
    }

    /// Takes back the revocation of all of these.
    pub fn lift(targets: impl IntoIterator<Item = Target>) -> Self {
        Self::new(targets, true)
    }

    fn new(targets: impl IntoIterator<Item = Target>, lift: bool) -> Self {
        Self {
            op: OpId::random(),
            targets: targets.into_iter().collect(),
            lift,
            reason: "unspecified".into(),
        }
    }

    /// Says why, for the audit log: a word of `a-z`, `0-9`, `_`, `-`, `.`, at most 64 of them. Not a place for
    /// names of people.
    ///
    /// # Errors
    /// If it is anything else.
    pub fn because(mut self, reason: &str) -> Result<Self, ConfigError> {
        let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.');
        if reason.is_empty() || reason.len() > 64 || !reason.bytes().all(plain) {
            return Err(ConfigError::new(
                "reason",
                "is not one plain word",
                "use at most 64 of a-z, 0-9, _, -, .",
            ));
        }
        self.reason = reason.into();
        Ok(self)
    }

    /// What it is about.
    #[must_use]
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The order that every node of the log makes of this cause and these targets, so that the log knows it
    /// wherever it comes from.
    pub(super) fn caused_by(mut self, secrets: &Secrets, issuer: &str, cause: &[u8; 32]) -> Self {
        let mut value = cause.to_vec();
        value.push(u8::from(self.lift));
        for target in &self.targets {
            value.extend(target.id(secrets).to_bytes());
        }
        // Keyed: it stands in the store.
        let name = secrets.id(Domain::Order, issuer, &value);
        self.op = OpId::from_bytes(name.to_bytes());
        self
    }

    pub(super) fn op(&self) -> OpId {
        self.op
    }

    pub(super) fn action(&self) -> &'static str {
        if self.lift { "lift" } else { "revoke" }
    }

    /// The kinds it is about, for a log line.
    pub(super) fn kinds(&self) -> String {
        let kinds: BTreeSet<_> = self.targets.iter().map(Target::kind).collect();
        let kinds: Vec<_> = kinds.into_iter().map(|kind| kind.label()).collect();
        kinds.join(",")
    }

    /// What to change, under each secret.
    pub(super) fn edits(&self, secrets: &Secrets) -> Vec<(Id, Edit)> {
        let edit = |target: &Target| {
            if self.lift {
                Edit::Lift {
                    kind: target.kind(),
                }
            } else {
                target.revocation()
            }
        };
        let targets = self.targets.iter();
        targets
            .flat_map(|target| target.ids(secrets).map(move |id| (id, edit(target))))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use portcullis_core::Secret;

    use super::*;
    use crate::Kind;

    #[test]
    fn an_order_is_written_under_every_secret() {
        let (old, new) = (Secret::new(vec![1; 32]), Secret::new(vec![2; 32]));
        let ring = Secrets::rotating(&old, &new).unwrap();
        let order = Order::revoke([Target::session("i", "a"), Target::subject("i", "b")]);
        let edits = order.edits(&ring);
        assert_eq!(edits.len(), 4);
        for secret in [old, new] {
            let alone = order.edits(&Secrets::new(&secret).unwrap());
            assert!(alone.iter().all(|edit| edits.contains(edit)));
        }
        assert_eq!(order.kinds(), "session,subject");
    }

    #[test]
    fn a_cause_makes_one_order_of_the_same_and_another_of_anything_else() {
        let secrets = [1, 2].map(|byte| Secrets::new(&Secret::new(vec![byte; 32])).unwrap());
        let (one, two) = (Target::session("i", "a"), Target::subject("i", "a"));
        let mut seen = std::collections::HashSet::new();
        for targets in [vec![one.clone()], vec![two.clone()], vec![one, two]] {
            for lift in [false, true] {
                for secrets in &secrets {
                    for issuer in ["i", "j"] {
                        for cause in [[7; 32], [8; 32]] {
                            let order = || {
                                let order = Order::new(targets.clone(), lift);
                                order.caused_by(secrets, issuer, &cause).op()
                            };
                            assert_eq!(order(), order());
                            assert!(seen.insert(order()));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn reasons_are_plain_words() {
        let order = || Order::lift([]);
        for bad in ["", "has spaces", "Ünï", "UPPER", &"x".repeat(65), "a\nb"] {
            assert!(order().because(bad).is_err(), "{bad}");
        }
        assert_eq!(
            order().because("admin.logout-2").unwrap().reason(),
            "admin.logout-2"
        );
    }

    #[test]
    fn everything_needs_the_word_and_debug_shows_no_value() {
        for word in ["", "Everything", "everything ", "yes"] {
            assert!(super::super::Confirmation::of(word).is_none(), "{word}");
        }
        let said = super::super::Confirmation::of("everything").unwrap();
        assert_eq!(Target::everything(said).kind(), Kind::Everything);
        let shown = format!("{:?}", Order::revoke([Target::subject("iss", "alice")]));
        assert!(
            !shown.contains("alice") && !shown.contains("iss"),
            "{shown}"
        );
    }
}
