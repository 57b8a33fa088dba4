//! What is to be done with one request: the decisions of the middleware, without its plumbing.

use std::time::{Duration, Instant};

use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};
use http::{Method, Request, StatusCode};
use portcullis_core::{
    Head, Identity, Observer, Refusal, RequestContext, Secret, VerdictEvent, VerdictOutcome, Work,
};

use super::future::Asked;
use super::settings::{Settings, Tokens};
use crate::answers::MISSING;
use crate::{
    Anonymous, Attempt, Decision, Extracted, Gate, Outage, Reason, TokenExtractor as _, Verdict,
    Verifier,
};

/// What is to be done next.
pub(super) enum Step {
    /// Call the inner service.
    Pass(Pass),
    /// Answer with this.
    Refuse(Refusal),
    /// Ask for a verdict that needs I/O.
    Ask(Secret),
}

/// With what the inner service is called.
pub(super) enum Pass {
    /// With the request as it is: nothing was looked at.
    Untouched,
    /// Without identity.
    Anonymous,
    /// With this identity.
    As(Identity),
}

/// What a caller is told to wait where nothing better is known.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl Settings {
    /// Judges a request as far as no I/O is needed.
    #[inline]
    pub(super) fn judge<V, O>(&self, verifier: &V, observer: &O, head: Head<'_>) -> Step
    where
        V: Verifier,
        O: Observer,
    {
        if self.preflight && is_preflight(head) {
            return Step::Pass(Pass::Untouched);
        }
        let gate = Gate::new(head, self.admission());
        let token = match self.extract(head) {
            Extracted::Token(token) => token,
            Extracted::Nothing => return self.without_token(observer, head),
            Extracted::Refused(reason) => return self.invalid(observer, &gate, reason),
        };
        match verifier.try_verify(token, &gate) {
            Attempt::Done(verdict) => self.conclude(observer, &gate, verdict),
            Attempt::NotAdmitted(refusal) => self.not_admitted(observer, head, refusal),
            Attempt::NeedsIo => {
                // A verifier looks at the form of a token before it asks for I/O; this is for one
                // that does not.
                let Ok(text) = token.text() else {
                    return self.invalid(observer, &gate, Reason::MalformedCredential);
                };
                match gate.admit(Work::Lookup) {
                    Ok(()) => Step::Ask(Secret::from(text)),
                    Err(refusal) => self.not_admitted(observer, head, refusal),
                }
            }
        }
    }

    /// The future that asks for a verdict, within the deadline.
    pub(super) fn ask<V: Verifier>(&self, verifier: V, token: Secret) -> Asked {
        let deadline = self.deadline;
        Box::pin(async move {
            let late = || Outage::new(portcullis_core::OutageCause::KeyUnavailable);
            tokio::time::timeout(deadline, verifier.verify(token))
                .await
                .unwrap_or_else(|_| Verdict::Indeterminate(late().retry_after(RETRY_AFTER)))
        })
    }

    /// Draws the conclusion from a verdict.
    #[inline]
    pub(super) fn conclude<O: Observer>(
        &self,
        observer: &O,
        gate: &Gate<'_>,
        verdict: Verdict,
    ) -> Step {
        match verdict {
            Verdict::Valid(identity) => {
                observer.verdict(&VerdictEvent::new(VerdictOutcome::Valid, "ok").about(&identity));
                note(gate.head(), "ok");
                Step::Pass(Pass::As(identity))
            }
            Verdict::Invalid(reason) => self.invalid(observer, gate, reason),
            Verdict::Indeterminate(outage) => self.indeterminate(observer, gate.head(), &outage),
        }
    }

    /// Does to the request what `pass` says.
    #[inline]
    pub(super) fn apply<B>(&self, pass: Pass, request: &mut Request<B>) {
        match pass {
            Pass::Untouched => return,
            Pass::Anonymous => {
                request.extensions_mut().insert(Anonymous);
            }
            Pass::As(identity) => identity.attach(request.extensions_mut()),
        }
        match self.tokens {
            Tokens::Forwarded => self.extractor().hide(request.headers_mut()),
            Tokens::Dropped => self.extractor().remove(request.headers_mut()),
        }
    }

    fn without_token<O: Observer>(&self, observer: &O, head: Head<'_>) -> Step {
        if self.optional {
            observer.verdict(&VerdictEvent::new(VerdictOutcome::Absent, "anonymous"));
            note(head, "anonymous");
            return Step::Pass(Pass::Anonymous);
        }
        let event = VerdictEvent::new(VerdictOutcome::Absent, MISSING);
        refuse(observer, head, event, self.answers().missing().clone())
    }

    fn invalid<O: Observer>(&self, observer: &O, gate: &Gate<'_>, reason: Reason) -> Step {
        gate.failed(reason.as_str());
        let event = VerdictEvent::new(VerdictOutcome::Invalid, reason.as_str());
        refuse(
            observer,
            gate.head(),
            event,
            self.answers().invalid(reason).clone(),
        )
    }

    fn not_admitted<O: Observer>(&self, observer: &O, head: Head<'_>, refusal: Refusal) -> Step {
        let event = VerdictEvent::new(VerdictOutcome::NotAdmitted, refusal.reason());
        refuse(observer, head, event, refusal)
    }

    #[cold]
    fn indeterminate<O: Observer>(&self, observer: &O, head: Head<'_>, outage: &Outage) -> Step {
        let event = VerdictEvent::new(VerdictOutcome::Indeterminate, outage.cause.as_str());
        let decision = self.degrade(head).decide(outage, head.is_safe());
        let within_budget = || {
            self.budget
                .as_ref()
                .is_none_or(|budget| budget.try_spend(Instant::now()))
        };
        match decision {
            Decision::Admit(identity) if within_budget() => {
                observer.verdict(&event.about(&identity));
                tracing::debug!(target: "portcullis::auth", cause = outage.cause.as_str(), "degraded");
                note(head, outage.cause.as_str());
                Step::Pass(Pass::As(identity))
            }
            Decision::Anonymous if within_budget() => {
                observer.verdict(&event);
                tracing::debug!(target: "portcullis::auth", cause = outage.cause.as_str(), "anonymous");
                note(head, outage.cause.as_str());
                Step::Pass(Pass::Anonymous)
            }
            _ => {
                let delay = spread(outage.retry_after.unwrap_or(RETRY_AFTER));
                let refusal = self
                    .answers()
                    .outage(outage.cause)
                    .clone()
                    .retry_after(delay);
                refuse(observer, head, event, refusal)
            }
        }
    }
}

fn refuse<O: Observer>(
    observer: &O,
    head: Head<'_>,
    event: VerdictEvent<'_>,
    refusal: Refusal,
) -> Step {
    let status: StatusCode = refusal.status();
    observer.verdict(&event.refused(status));
    tracing::debug!(
        target: "portcullis::auth",
        outcome = event.outcome.as_str(),
        reason = refusal.reason(),
        status = status.as_u16(),
        "refused"
    );
    note(head, refusal.reason());
    Step::Refuse(refusal)
}

/// Leaves the reason for the outermost layer to read.
#[inline]
fn note(head: Head<'_>, reason: &'static str) {
    if let Some(context) = RequestContext::find(head.extensions) {
        context.set_verdict(reason);
    }
}

/// Up to a quarter more, so that those who were refused together do not come back together.
fn spread(delay: Duration) -> Duration {
    delay.saturating_add(delay.mul_f64(fastrand::f64() / 4.0))
}

/// The Fetch standard: OPTIONS with both headers is a preflight; browsers never add credentials to one.
fn is_preflight(head: Head<'_>) -> bool {
    head.method == Method::OPTIONS
        && head.headers.contains_key(ORIGIN)
        && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}
