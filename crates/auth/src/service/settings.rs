//! What a layer was told.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Request};
use portcullis_core::{Admission, Head, RefusalStyle};

use crate::answers::Answers;
use crate::{Bearer, Challenge, Degrade, Extracted, OutageBudget, StandingView, TokenExtractor};

/// What a layer was told; shared by all its services.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(super) optional: bool,
    pub(super) preflight: bool,
    pub(super) tokens: Tokens,
    pub(super) deadline: Duration,
    pub(super) budget: Option<OutageBudget>,
    pub(super) standing: Option<Arc<dyn StandingView>>,
    pub(super) degrade: DegradeBy,
    pub(super) admission: Option<Arc<dyn Admission>>,
    pub(super) challenge: Challenge,
    pub(super) style: Arc<dyn RefusalStyle>,
    extractor: Extractor,
    answers: Arc<Answers>,
}

/// What becomes of the token when the request is passed on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tokens {
    Forwarded,
    Dropped,
}

/// The header that nearly everybody uses is worth a direct call.
#[derive(Clone)]
enum Extractor {
    Bearer(Bearer),
    Other(Arc<dyn TokenExtractor>),
}

#[derive(Clone)]
pub(super) enum DegradeBy {
    Fixed(Degrade),
    Head(Arc<dyn Fn(Head<'_>) -> Degrade + Send + Sync>),
}

// === impl Settings ===

impl Settings {
    pub(super) fn new() -> Self {
        let challenge = Challenge::new();
        Self {
            optional: false,
            preflight: false,
            tokens: Tokens::Forwarded,
            deadline: Duration::from_secs(2),
            budget: None,
            standing: None,
            degrade: DegradeBy::Fixed(Degrade::deny()),
            admission: None,
            answers: Arc::new(Answers::prepare(&challenge, &())),
            challenge,
            style: Arc::new(()),
            extractor: Extractor::Bearer(Bearer::new()),
        }
    }

    /// Prepares the answers again, after the challenge or the style has changed.
    pub(super) fn prepare(&mut self) {
        self.answers = Arc::new(Answers::prepare(&self.challenge, &*self.style));
    }

    pub(super) fn read_from(&mut self, extractor: impl TokenExtractor) {
        self.extractor = Extractor::Other(Arc::new(extractor));
    }

    /// Marks the token as sensitive, or takes it out.
    #[inline]
    pub(super) fn pass_on(&self, headers: &mut HeaderMap) {
        match (&self.extractor, self.tokens) {
            (Extractor::Bearer(bearer), Tokens::Forwarded) => bearer.hide(headers),
            (Extractor::Bearer(bearer), Tokens::Dropped) => bearer.remove(headers),
            (Extractor::Other(other), Tokens::Forwarded) => other.hide(headers),
            (Extractor::Other(other), Tokens::Dropped) => other.remove(headers),
        }
    }

    /// Takes the token out of the target too, and says whether it was in there.
    #[inline]
    pub(super) fn pass_target<B>(&self, request: &mut Request<B>) -> bool {
        match &self.extractor {
            Extractor::Other(other) if request.uri().query().is_some() => {
                let exposed = other.is_in_target(Head::of(request));
                if let Tokens::Dropped = self.tokens {
                    other.remove_from_target(request.uri_mut());
                }
                exposed
            }
            _ => false,
        }
    }

    #[inline]
    pub(super) fn extract<'r>(&self, head: Head<'r>) -> Extracted<'r> {
        match &self.extractor {
            Extractor::Bearer(bearer) => bearer.extract(head),
            Extractor::Other(other) => other.extract(head),
        }
    }

    pub(super) fn answers(&self) -> &Answers {
        &self.answers
    }

    pub(super) fn admission(&self) -> Option<&dyn Admission> {
        self.admission.as_deref()
    }

    pub(super) fn degrade(&self, head: Head<'_>) -> Cow<'_, Degrade> {
        match &self.degrade {
            DegradeBy::Fixed(policy) => Cow::Borrowed(policy),
            DegradeBy::Head(choose) => Cow::Owned(choose(head)),
        }
    }
}
