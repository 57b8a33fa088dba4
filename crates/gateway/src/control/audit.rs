//! The line of the log about a control request.

use std::borrow::Cow;

use super::access::Caller;
use crate::metrics::RevocationAction;

/// A control request that the log will have one line about, however it ends.
///
/// | field | value |
/// |---|---|
/// | `who` | `key`, or client and issuer of the token; never a subject |
/// | `action` | `revoke`, `lift`, `look_up` |
/// | `kind` | the kind of thing that was named, and never its name |
/// | `reason` | the word of an order that says why |
/// | `outcome` | `durable`, `not_durable`; `revoked`, `not_revoked`, `unknown`; the reason of a refusal; `given_up` |
///
/// Each is there in every line, as `-` where there is none, or none was read.
///
/// Dropped before it ended, nobody waits for an answer any more: what was asked may have been done all the
/// same.
#[derive(Debug)]
pub(super) struct Audit {
    who: Cow<'static, str>,
    action: &'static str,
    kind: &'static str,
    reason: Box<str>,
    ended: bool,
}

// === impl Audit ===

impl Audit {
    pub(super) fn new(action: Option<RevocationAction>) -> Self {
        Self {
            who: "-".into(),
            action: action.map_or("-", RevocationAction::as_str),
            kind: "-",
            reason: "-".into(),
            ended: false,
        }
    }

    /// Notes who asks.
    pub(super) fn by(&mut self, caller: &Caller) {
        self.who = caller.to_string().into();
    }

    /// Notes the kind of what is named.
    pub(super) fn about(&mut self, kind: &'static str) {
        self.kind = kind;
    }

    /// Notes why. An order takes nothing but one plain word.
    pub(super) fn because(&mut self, reason: &str) {
        self.reason = reason.into();
    }

    /// It ended with an answer.
    pub(super) fn ended(mut self, outcome: &'static str) {
        self.ended = true;
        self.write(outcome);
    }

    fn write(&self, outcome: &'static str) {
        tracing::info!(
            target: "portcullis::control::audit",
            who = &*self.who,
            action = self.action,
            kind = self.kind,
            reason = &*self.reason,
            outcome,
            "control request"
        );
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        if !self.ended {
            self.write("given_up");
        }
    }
}
