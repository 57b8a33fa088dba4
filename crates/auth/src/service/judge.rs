//! What is to be done with one request: the decisions of the middleware, without its plumbing.

use std::time::{Duration, Instant};

use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};
use http::{Method, Request};
use portcullis_core::{
    Head, Identity, Observer, OutageCause, Refusal, Secret, VerdictEvent, VerdictOutcome, Work,
};

use super::settings::Settings;
use crate::answers::MISSING;
use crate::{
    Anonymous, Attempt, Decision, Extracted, Gate, Outage, Reason, Verdict, Verifier, report,
};

/// What is to be done next.
pub(super) enum Step {
    /// Nothing is left to find out.
    Done(Conclusion),
    /// Ask for a verdict that needs I/O.
    Ask(Secret),
}

/// What came out.
pub(super) enum Conclusion {
    /// Call the inner service.
    Pass(Pass),
    /// Answer with this.
    Refuse(Refusal),
}

/// With what the inner service is called.
pub(super) enum Pass {
    /// Without identity.
    Anonymous(Anonymous),
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
            let mark = Anonymous::preflight(self.answers().missing().clone());
            return Step::Done(Conclusion::Pass(Pass::Anonymous(mark)));
        }
        let gate = Gate::new(head, self.admission());
        let token = match self.extract(head) {
            Extracted::Token(token) => token,
            Extracted::Nothing => return Step::Done(self.without_token(observer, head)),
            Extracted::Refused(reason) => {
                return Step::Done(self.invalid(observer, &gate, reason));
            }
        };
        Step::Done(match verifier.try_verify(token, &gate) {
            Attempt::Done(verdict) => self.conclude(observer, &gate, verdict),
            Attempt::NotAdmitted(refusal) => not_admitted(observer, head, refusal),
            // A verifier looks at the form of a token before it asks for I/O; the check is for one
            // that does not.
            Attempt::NeedsIo => match token.text() {
                Err(reason) => self.invalid(observer, &gate, reason),
                Ok(text) => match gate.admit(Work::Lookup) {
                    Ok(()) => return Step::Ask(Secret::from(text)),
                    Err(refusal) => not_admitted(observer, head, refusal),
                },
            },
        })
    }

    /// The future that asks for a verdict, within the deadline.
    pub(super) fn ask<V: Verifier>(
        &self,
        verifier: V,
        token: Secret,
    ) -> impl Future<Output = Verdict> + Send + use<V> {
        let deadline = self.deadline;
        async move {
            let late = || Outage::new(OutageCause::KeyUnavailable).retry_after(RETRY_AFTER);
            tokio::time::timeout(deadline, verifier.verify(token))
                .await
                .unwrap_or_else(|_| Verdict::Indeterminate(late()))
        }
    }

    /// Draws the conclusion from a verdict.
    #[inline]
    pub(super) fn conclude<O: Observer>(
        &self,
        observer: &O,
        gate: &Gate<'_>,
        verdict: Verdict,
    ) -> Conclusion {
        match verdict {
            Verdict::Valid(identity) => {
                observer.verdict(&VerdictEvent::new(VerdictOutcome::Valid, "ok").about(&identity));
                report::note(gate.head().extensions, "ok");
                Conclusion::Pass(Pass::As(identity))
            }
            Verdict::Invalid(reason) => self.invalid(observer, gate, reason),
            Verdict::Indeterminate(outage) => self.indeterminate(observer, gate.head(), &outage),
        }
    }

    /// Does to the request what `pass` says, and says whether its answer is private.
    #[inline]
    pub(super) fn apply<B>(&self, pass: Pass, request: &mut Request<B>) -> bool {
        match pass {
            Pass::Anonymous(mark) => {
                request.extensions_mut().insert(mark);
            }
            Pass::As(identity) => identity.attach(request.extensions_mut()),
        }
        self.pass_on(request.headers_mut());
        self.pass_target(request)
    }

    fn without_token<O: Observer>(&self, observer: &O, head: Head<'_>) -> Conclusion {
        let missing = self.answers().missing().clone();
        if self.optional {
            observer.verdict(&VerdictEvent::new(VerdictOutcome::Absent, "anonymous"));
            report::note(head.extensions, "anonymous");
            return Conclusion::Pass(Pass::Anonymous(Anonymous::with_refusal(missing)));
        }
        let event = VerdictEvent::new(VerdictOutcome::Absent, MISSING);
        refuse(observer, head, event, missing)
    }

    fn invalid<O: Observer>(&self, observer: &O, gate: &Gate<'_>, reason: Reason) -> Conclusion {
        gate.failed(reason.as_str());
        let event = VerdictEvent::new(VerdictOutcome::Invalid, reason.as_str());
        let refusal = self.answers().invalid(reason).clone();
        refuse(observer, gate.head(), event, refusal)
    }

    #[cold]
    fn indeterminate<O: Observer>(
        &self,
        observer: &O,
        head: Head<'_>,
        outage: &Outage,
    ) -> Conclusion {
        let cause = outage.cause.as_str();
        let event = VerdictEvent::new(VerdictOutcome::Indeterminate, cause);
        let delay = spread(outage.retry_after.unwrap_or(RETRY_AFTER));
        let refusal = self.answers().outage(outage.cause).clone();
        let refusal = refusal.retry_after(delay);
        let within_budget = || {
            self.budget
                .as_ref()
                .is_none_or(|budget| budget.try_spend(Instant::now()))
        };
        let pass = match self.degrade(head).decide(outage, head.is_safe()) {
            Decision::Admit(identity) if within_budget() => {
                observer.verdict(&event.about(&identity));
                tracing::debug!(target: "portcullis::auth", cause, "degraded");
                Pass::As(identity)
            }
            Decision::Anonymous if within_budget() => {
                observer.verdict(&event);
                tracing::debug!(target: "portcullis::auth", cause, "anonymous");
                Pass::Anonymous(Anonymous::with_refusal(refusal))
            }
            _ => return refuse(observer, head, event, refusal),
        };
        report::note(head.extensions, cause);
        Conclusion::Pass(pass)
    }
}

fn not_admitted<O: Observer>(observer: &O, head: Head<'_>, refusal: Refusal) -> Conclusion {
    let event = VerdictEvent::new(VerdictOutcome::NotAdmitted, refusal.reason());
    refuse(observer, head, event, refusal)
}

fn refuse<O: Observer>(
    observer: &O,
    head: Head<'_>,
    event: VerdictEvent<'_>,
    refusal: Refusal,
) -> Conclusion {
    report::refused(observer, head.extensions, event, &refusal);
    Conclusion::Refuse(refusal)
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
