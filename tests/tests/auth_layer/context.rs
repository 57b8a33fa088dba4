//! What an outer layer finds in the request context when the answer comes back.

use std::time::{Duration, Instant};

use portcullis_auth::{AuthLayer, Degrade, Outage, Reason, Verdict};
use portcullis_core::{Identity, OutageCause, RequestContext};
use portcullis_testing::{StubVerifier, identity};

use crate::kit::{judging, request, send};

async fn context(layer: &AuthLayer<StubVerifier>, token: Option<&str>) -> RequestContext {
    let mut request = request(token);
    let context = RequestContext::ensure(request.extensions_mut(), Instant::now).clone();
    let answer = send(layer, request).await;
    if let Some(reached) = &answer.reached {
        assert!(
            reached.extensions().get::<Identity>().is_none(),
            "with a context, the identity needs no extension of its own"
        );
        assert_eq!(
            answer.identity().is_some(),
            context.identity().is_some(),
            "handlers and outer layers see the same"
        );
    }
    context
}

#[tokio::test]
async fn identity_and_verdict_are_bound_late() {
    let alice = identity("alice").build();
    let outage = Outage::new(OutageCause::KeysStale).holding(alice.clone(), Duration::ZERO);
    let good = judging(&Verdict::Valid(alice));
    let bad = judging(&Verdict::Invalid(Reason::Expired));
    let lost = judging(&Verdict::Indeterminate(outage));
    let graceful = lost
        .clone()
        .with_degrade(Degrade::allow_for(Duration::from_secs(1)).unwrap());
    for token in ["fast", "slow"] {
        for (layer, verdict, somebody) in [
            (&good, "ok", true),
            (&bad, "expired", false),
            (&lost, "keys_stale", false),
            (&graceful, "keys_stale", true),
        ] {
            let context = context(layer, Some(token)).await;
            assert_eq!(context.verdict(), Some(verdict), "{token}");
            assert_eq!(context.identity().is_some(), somebody, "{token} {verdict}");
            assert_eq!(context.refused(), !somebody, "{token} {verdict}");
        }
    }
    let nobody = context(&good, None).await;
    assert_eq!(nobody.verdict(), Some("missing_token"));
    assert!(nobody.refused());
    let anonymous = context(&good.optional(), None).await;
    assert_eq!(anonymous.verdict(), Some("anonymous"));
    assert!(!anonymous.refused());
}
