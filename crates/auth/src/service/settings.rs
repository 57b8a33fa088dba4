//! What a layer was told.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use portcullis_core::{Admission, Head, RefusalStyle};

use crate::answers::Answers;
use crate::{Bearer, Challenge, Degrade, Extracted, OutageBudget, TokenExtractor};

/// What a layer was told; shared by all its services.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(super) optional: bool,
    pub(super) preflight: bool,
    pub(super) tokens: Tokens,
    pub(super) deadline: Duration,
    pub(super) budget: Option<OutageBudget>,
    pub(super) degrade: DegradeBy,
    pub(super) admission: Option<Arc<dyn Admission>>,
    pub(super) challenge: Challenge,
    pub(super) style: Arc<dyn RefusalStyle>,
    extractor: Arc<dyn TokenExtractor>,
    answers: Arc<Answers>,
}

/// What becomes of the token when the request is passed on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tokens {
    Forwarded,
    Dropped,
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
            degrade: DegradeBy::Fixed(Degrade::deny()),
            admission: None,
            answers: Arc::new(Answers::prepare(&challenge, &())),
            challenge,
            style: Arc::new(()),
            extractor: Arc::new(Bearer::new()),
        }
    }

    /// Prepares the answers again, after the challenge or the style has changed.
    pub(super) fn prepare(&mut self) {
        self.answers = Arc::new(Answers::prepare(&self.challenge, &*self.style));
    }

    pub(super) fn read_from(&mut self, extractor: impl TokenExtractor) {
        self.extractor = Arc::new(extractor);
    }

    pub(super) fn extractor(&self) -> &dyn TokenExtractor {
        &*self.extractor
    }

    pub(super) fn extract<'r>(&self, head: Head<'r>) -> Extracted<'r> {
        self.extractor.extract(head)
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
