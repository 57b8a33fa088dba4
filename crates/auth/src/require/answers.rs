//! Every answer of a layer that demands, prepared when it is built.

use portcullis_core::{Refusal, RefusalKind, RefusalStyle};

use super::Shortfall;
use super::demands::Demands;
use crate::{Challenge, Reason, answers};

/// A refusal for each shortfall. Answering clones one.
#[derive(Debug)]
pub(super) struct Answers([Refusal; Shortfall::ALL.len()]);

// === impl Answers ===

impl Answers {
    pub(super) fn prepare(
        demands: &Demands,
        challenge: &Challenge,
        style: &dyn RefusalStyle,
    ) -> Self {
        Self(Shortfall::ALL.map(|shortfall| prepare(shortfall, demands, challenge, style)))
    }

    pub(super) fn of(&self, shortfall: Shortfall) -> &Refusal {
        // Prepared in the order of `ALL`, which is that of the declaration.
        &self.0[shortfall as usize]
    }
}

fn prepare(
    shortfall: Shortfall,
    demands: &Demands,
    challenge: &Challenge,
    style: &dyn RefusalStyle,
) -> Refusal {
    let step_up = || challenge.step_up(&demands.wanted_acr(), demands.wanted_max_age());
    let (kind, challenge) = match shortfall {
        Shortfall::Layer => (RefusalKind::Internal, None),
        Shortfall::Role => (RefusalKind::Forbidden, None),
        Shortfall::Scope => {
            let challenge = challenge.insufficient_scope(&demands.wanted_scopes());
            (RefusalKind::Forbidden, Some(challenge))
        }
        // Both say all that is demanded: who does what they say is not refused for the other.
        Shortfall::AuthContext | Shortfall::AuthAge => {
            (RefusalKind::Unauthenticated, Some(step_up()))
        }
        Shortfall::TokenAge => return answers::invalid(Reason::TooOld, challenge, style),
    };
    let builder = Refusal::builder(kind, shortfall.as_str())
        .detail(shortfall.detail())
        .style(style);
    match challenge {
        Some(challenge) => builder.challenge(challenge).build(),
        None => builder.build(),
    }
}
