//! The hook before dear work, and what it is told.

use std::sync::{Arc, Mutex};

use portcullis_auth::{AuthLayer, Outage, Reason, Verdict};
use portcullis_core::{Admission, Head, OutageCause, Refusal, RefusalKind, VerdictOutcome, Work};
use portcullis_testing::{StubVerifier, identity};

use crate::kit::{Recorder, request, send};

/// Keeps what it is asked and told; refuses the work that it is said to.
#[derive(Clone, Debug, Default)]
struct Hook {
    refuses: Option<Work>,
    asked: Arc<Mutex<Vec<Work>>>,
    failed: Arc<Mutex<Vec<&'static str>>>,
}

impl Hook {
    fn asked(&self) -> Vec<Work> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    fn failed(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.failed.lock().unwrap())
    }
}

impl Admission for Hook {
    fn admit(&self, head: &Head<'_>, work: Work) -> Result<(), Refusal> {
        assert_eq!(head.uri.path(), "/orders", "the head is the request's");
        self.asked.lock().unwrap().push(work);
        if self.refuses == Some(work) {
            let busy = Refusal::builder(RefusalKind::TooManyRequests, "too_many_attempts");
            return Err(busy.build().retry_after(std::time::Duration::from_secs(5)));
        }
        Ok(())
    }

    fn failed(&self, head: &Head<'_>, reason: &'static str) {
        assert_eq!(head.uri.path(), "/orders", "the head is the request's");
        self.failed.lock().unwrap().push(reason);
    }
}

fn verifier() -> StubVerifier {
    let alice = || identity("alice").build();
    StubVerifier::new()
        .valid("cached", alice())
        .valid("checked", alice())
        .asking("checked", Work::Signature)
        .invalid("bad", Reason::Signature)
        .indeterminate("lost", Outage::new(OutageCause::KeyUnavailable))
        .slow("slow-good", Verdict::Valid(alice()))
        .slow("slow-bad", Verdict::Invalid(Reason::UnknownKey))
        .slow(
            "slow-lost",
            Verdict::Indeterminate(Outage::new(OutageCause::KeyUnavailable)),
        )
}

async fn status<O>(layer: &AuthLayer<StubVerifier, O>, token: Option<&str>) -> u16
where
    O: portcullis_core::Observer + Clone,
{
    let mut request = request(token);
    *request.uri_mut() = "/orders".parse().unwrap();
    send(layer, request).await.status
}

#[tokio::test]
async fn it_is_asked_before_dear_work_and_only_then() {
    let hook = Hook::default();
    let layer = AuthLayer::new(verifier()).with_admission(hook.clone());
    for (token, expected, asked) in [
        (None, 401, vec![]),
        (Some("cached"), 204, vec![]),
        (Some("bad"), 401, vec![]),
        (Some("checked"), 204, vec![Work::Signature]),
        (Some("slow-good"), 204, vec![Work::Lookup]),
        (Some("slow-bad"), 401, vec![Work::Lookup]),
    ] {
        assert_eq!(status(&layer, token).await, expected, "{token:?}");
        assert_eq!(hook.asked(), asked, "{token:?}");
    }
}

#[tokio::test]
async fn it_is_told_of_bad_credentials_and_of_nothing_else() {
    let hook = Hook::default();
    let layer = AuthLayer::new(verifier()).with_admission(hook.clone());
    for (token, failed) in [
        (None, vec![]),
        (Some("cached"), vec![]),
        (Some("slow-good"), vec![]),
        // Our trouble is not the caller's fault.
        (Some("lost"), vec![]),
        (Some("slow-lost"), vec![]),
        (Some("bad"), vec!["bad_signature"]),
        (Some("slow-bad"), vec!["unknown_key"]),
        (Some(""), vec!["malformed_credential"]),
    ] {
        status(&layer, token).await;
        assert_eq!(hook.failed(), failed, "{token:?}");
    }
}

#[tokio::test]
async fn its_refusal_is_the_answer_and_the_work_is_not_done() {
    for (refuses, token) in [(Work::Lookup, "slow-good"), (Work::Signature, "checked")] {
        let verifier = verifier();
        let recorder = Recorder::default();
        let hook = Hook {
            refuses: Some(refuses),
            ..Hook::default()
        };
        let layer = AuthLayer::new(verifier.clone())
            .with_admission(hook.clone())
            .with_observer(recorder.clone());
        assert_eq!(status(&layer, Some(token)).await, 429);
        assert_eq!(verifier.slow_calls(), 0);
        assert_eq!(hook.failed(), [""; 0], "it knows already");
        let events = recorder.take();
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].outcome, VerdictOutcome::NotAdmitted);
        assert_eq!(events[0].reason, "too_many_attempts");
        assert_eq!(events[0].refused, Some(429));
        // Who has a cached verdict never meets it.
        assert_eq!(status(&layer, Some("cached")).await, 204);
    }
}
