//! What is to be done with one request: the decisions of the middleware, without its plumbing.

use std::pin::pin;

use futures_util::future::{Either, select};

use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};
use http::{Method, Request};
use portcullis_core::{
    Head, Identity, Observer, OutageCause, Refusal, Secret, VerdictEvent, VerdictOutcome, Work,
};

use super::settings::Settings;
use crate::answers::{MISSING, RETRY_AFTER, spread};
use crate::jwks::timer;
use crate::{
    Anonymous, Attempt, Decision, Extracted, Gate, Outage, Reason, Standing, Verdict, Verifier,
    report,
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

impl Settings {
    /// Judges a request as far as no I/O is needed.
    // Always, and what it calls too: a step that is built in memory costs more to move than to find.
    #[inline(always)]
    pub(super) fn judge<V, O>(&self, verifier: &V, observer: &O, head: Head<'_>) -> Step
    where
        V: Verifier,
        O: Observer,
    {
        if self.preflight && is_preflight(head) {
            observer.verdict(&VerdictEvent::new(VerdictOutcome::Absent, "preflight"));
            report::note(head.extensions, "preflight");
            let mark = Anonymous::preflight(self.answers().missing().clone());
            return Step::Done(Conclusion::Pass(Pass::Anonymous(mark)));
        }
        let gate = Gate::new(head, self.admission());
        // One place where bad tokens go on from, so that it is not copied to several.
        let verdict = match self.extract(head) {
            Extracted::Nothing => return Step::Done(self.without_token(observer, head)),
            Extracted::Refused(reason) => Verdict::Invalid(reason),
            Extracted::Token(token) => match verifier.try_verify(token, &gate) {
                Attempt::Done(verdict) => verdict,
                Attempt::NotAdmitted(refusal) => {
                    let refusal = not_admitted(observer, head, refusal);
                    return Step::Done(Conclusion::Refuse(refusal));
                }
                // A verifier looks at the form of a token before it asks for I/O; the check is for one
                // that does not.
                Attempt::NeedsIo => match token.text() {
                    Err(reason) => Verdict::Invalid(reason),
                    Ok(text) => {
                        return match gate.admit(Work::Lookup) {
                            Ok(()) => Step::Ask(Secret::from(text)),
                            Err(refusal) => {
                                let refusal = not_admitted(observer, head, refusal);
                                Step::Done(Conclusion::Refuse(refusal))
                            }
                        };
                    }
                },
            },
        };
        Step::Done(self.conclude(observer, &gate, verdict))
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
            // A runtime without timers can bound no wait: then nobody waits.
            let Some(timer) = timer(deadline) else {
                return Verdict::Indeterminate(late());
            };
            match select(pin!(verifier.verify(token)), pin!(timer)).await {
                Either::Left((verdict, _)) => verdict,
                Either::Right(_) => Verdict::Indeterminate(late()),
            }
        }
    }

    /// Draws the conclusion from a verdict.
    #[inline(always)]
    pub(super) fn conclude<O: Observer>(
        &self,
        observer: &O,
        gate: &Gate<'_>,
        verdict: Verdict,
    ) -> Conclusion {
        match verdict {
            Verdict::Valid(identity) => {
                let standing = self.standing(&identity);
                if standing != Standing::Good {
                    return self.fallen(observer, gate, identity, standing).into();
                }
                observer.verdict(&VerdictEvent::new(VerdictOutcome::Valid, "ok").about(&identity));
                report::note(gate.head().extensions, "ok");
                Conclusion::Pass(Pass::As(identity))
            }
            Verdict::Invalid(reason) => Conclusion::Refuse(self.invalid(observer, gate, reason)),
            Verdict::Indeterminate(outage) => {
                // What is known against the caller outranks every policy.
                let held = outage.held.as_ref();
                let standing = held.map(|held| self.standing(&held.identity));
                self.indeterminate(observer, gate, &outage, standing).into()
            }
        }
    }

    /// Does to the request what `pass` says, and says whether its answer is private.
    #[inline(always)]
    pub(super) fn apply<B>(&self, pass: Pass, request: &mut Request<B>) -> bool {
        match pass {
            Pass::Anonymous(mark) => {
                // What a layer further out found is not what this one decided.
                Identity::detach(request.extensions_mut());
                request.extensions_mut().insert(mark);
            }
            Pass::As(identity) => identity.attach(request.extensions_mut()),
        }
        self.pass_on(request.headers_mut());
        self.pass_target(request)
    }

    #[inline(always)]
    fn without_token<O: Observer>(&self, observer: &O, head: Head<'_>) -> Conclusion {
        let missing = self.answers().missing().clone();
        if self.optional {
            observer.verdict(&VerdictEvent::new(VerdictOutcome::Absent, "anonymous"));
            report::note(head.extensions, "anonymous");
            return Conclusion::Pass(Pass::Anonymous(Anonymous::with_refusal(missing)));
        }
        let event = VerdictEvent::new(VerdictOutcome::Absent, MISSING);
        Conclusion::Refuse(refuse(observer, head, event, missing))
    }

    #[inline(always)]
    fn invalid<O: Observer>(&self, observer: &O, gate: &Gate<'_>, reason: Reason) -> Refusal {
        gate.failed(reason.as_str());
        let event = VerdictEvent::new(VerdictOutcome::Invalid, reason.as_str());
        let refusal = self.answers().invalid(reason).clone();
        refuse(observer, gate.head(), event, refusal)
    }

    /// The token is good, and its caller does not stand for certain.
    #[cold]
    fn fallen<O: Observer>(
        &self,
        observer: &O,
        gate: &Gate<'_>,
        identity: Identity,
        standing: Standing,
    ) -> Result<Pass, Refusal> {
        if let Some(reason) = standing.fallen() {
            return Err(self.invalid(observer, gate, reason));
        }
        let Standing::Unknown { cause, overdue } = standing else {
            return Ok(Pass::As(identity));
        };
        let outage = Outage::new(cause).holding(identity, overdue);
        self.indeterminate(observer, gate, &outage, None)
    }

    /// It could not be found out; `standing` is how the caller who is held stands, unless that is what could
    /// not be found out.
    #[cold]
    fn indeterminate<O: Observer>(
        &self,
        observer: &O,
        gate: &Gate<'_>,
        outage: &Outage,
        standing: Option<Standing>,
    ) -> Result<Pass, Refusal> {
        let head = gate.head();
        let cause = outage.cause.as_str();
        let event = VerdictEvent::new(VerdictOutcome::Indeterminate, cause);
        // Made only where somebody is refused: in an outage most are not.
        let refusal = || {
            let delay = spread(outage.retry_after.unwrap_or(RETRY_AFTER));
            let refusal = self.answers().outage(outage.cause).clone();
            refusal.retry_after(delay)
        };
        let pass = match self.admitted(outage, standing, head) {
            Admitted::Fallen(reason) => return Err(self.invalid(observer, gate, reason)),
            Admitted::Nobody => return Err(refuse(observer, head, event, refusal())),
            Admitted::As(identity) => {
                observer.verdict(&event.about(&identity));
                tracing::debug!(target: "portcullis::auth", cause, "degraded");
                Pass::As(identity)
            }
            Admitted::Anonymous => {
                observer.verdict(&event);
                tracing::debug!(target: "portcullis::auth", cause, "anonymous");
                Pass::Anonymous(Anonymous::with_refusal(refusal()))
            }
        };
        report::note(head.extensions, cause);
        Ok(pass)
    }
}

// === impl Conclusion ===

/// What is found out seldom, and not inlined, returns a type of its own: otherwise it shares the memory
/// that a conclusion is returned in with what is found out every time, and keeps that from registers.
impl From<Result<Pass, Refusal>> for Conclusion {
    #[inline(always)]
    fn from(found: Result<Pass, Refusal>) -> Self {
        match found {
            Ok(pass) => Self::Pass(pass),
            Err(refusal) => Self::Refuse(refusal),
        }
    }
}

/// Whom a degrade policy admits.
enum Admitted {
    Nobody,
    As(Identity),
    Anonymous,
    /// Somebody who was revoked, or could not be: that is no outage.
    Fallen(Reason),
}

impl Settings {
    #[inline]
    fn standing(&self, identity: &Identity) -> Standing {
        self.standing
            .as_ref()
            .map_or(Standing::Good, |view| view.standing(identity))
    }

    fn admitted(&self, outage: &Outage, standing: Option<Standing>, head: Head<'_>) -> Admitted {
        let policy = self.degrade(head);
        let safe = head.is_safe();
        if let Some(reason) = standing.and_then(Standing::fallen) {
            return Admitted::Fallen(reason);
        }
        match policy.decide(outage, safe) {
            Decision::Refuse => Admitted::Nobody,
            // Nobody needs no budget: whoever it is, nothing is taken on trust.
            Decision::Anonymous => Admitted::Anonymous,
            Decision::Admit(identity) => {
                // Two outages at once: both rows must let the caller pass.
                if let Some(Standing::Unknown { cause, overdue }) = standing {
                    let second = Outage::new(cause).holding(identity.clone(), overdue);
                    if !matches!(policy.decide(&second, safe), Decision::Admit(_)) {
                        return Admitted::Nobody;
                    }
                }
                let spent = self
                    .budget
                    .as_ref()
                    .is_some_and(|budget| !budget.try_spend_now());
                if spent {
                    Admitted::Nobody
                } else {
                    Admitted::As(identity)
                }
            }
        }
    }
}

#[cold]
fn not_admitted<O: Observer>(observer: &O, head: Head<'_>, refusal: Refusal) -> Refusal {
    let event = VerdictEvent::new(VerdictOutcome::NotAdmitted, refusal.reason());
    refuse(observer, head, event, refusal)
}

#[inline(always)]
fn refuse<O: Observer>(
    observer: &O,
    head: Head<'_>,
    event: VerdictEvent<'_>,
    refusal: Refusal,
) -> Refusal {
    report::refused(observer, head.extensions, event, &refusal);
    refusal
}

/// The Fetch standard: OPTIONS with both headers is a preflight; browsers never add credentials to one.
fn is_preflight(head: Head<'_>) -> bool {
    head.method == Method::OPTIONS
        && head.headers.contains_key(ORIGIN)
        && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}
