//! Routes that want to know better than others.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt as _, Empty};
use portcullis_auth::{
    AuthLayer, Degrade, Grace, OutageBudget, RequireLayer, Revocations, Verifier,
};
use portcullis_core::{
    Identity, Observer, OutageCause, Provenance, RequestExt as _, VerdictEvent, VerdictOutcome,
};
use portcullis_revocation::Target;
use portcullis_tests::api::bearer;
use portcullis_tests::revocation::Stand;
use tower::{Layer as _, ServiceExt as _, service_fn};

const SECOND: Duration = Duration::from_secs(1);

struct Answer {
    status: u16,
    reason: String,
    headers: HeaderMap,
    provenance: Option<Provenance>,
}

async fn send<V, O>(
    auth: &AuthLayer<V>,
    route: &RequireLayer<O>,
    method: Method,
    token: &str,
) -> Answer
where
    V: Verifier,
    O: Observer + Clone,
{
    let seen = Arc::new(Mutex::new(None));
    let sees = Arc::clone(&seen);
    let inner = service_fn(move |request: Request<()>| {
        *sees.lock().unwrap() = request.identity().map(Identity::provenance);
        async { Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())) }
    });
    let mut request = bearer(token);
    *request.method_mut() = method;
    let answer = auth
        .layer(route.layer(inner))
        .oneshot(request)
        .await
        .unwrap();
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let reason = serde_json::from_slice::<serde_json::Value>(&body)
        .map(|problem| problem["reason"].as_str().unwrap().to_owned());
    Answer {
        status: parts.status.as_u16(),
        reason: reason.unwrap_or_default(),
        headers: parts.headers,
        provenance: *seen.lock().unwrap(),
    }
}

fn within(stand: &Stand, freshness: Duration) -> RequireLayer {
    let fresh = stand.revocations.clone().with_freshness(freshness).unwrap();
    RequireLayer::new().with_standing(fresh)
}

#[tokio::test(start_paused = true)]
async fn a_route_that_wants_two_seconds_is_503_while_one_with_fifteen_goes_on() {
    let stand = Stand::synced().await;
    let (auth, token) = (stand.layer(), stand.token().issue());
    let usual = RequireLayer::new();
    let payments = within(&stand, 2 * SECOND);
    for route in [&usual, &payments] {
        assert_eq!(send(&auth, route, Method::GET, &token).await.status, 200);
    }
    stand.cut_off_for(3 * SECOND).await;
    assert_eq!(send(&auth, &usual, Method::GET, &token).await.status, 200);
    let refused = send(&auth, &payments, Method::GET, &token).await;
    assert_eq!(
        (refused.status, &*refused.reason),
        (503, "revocation_stale")
    );
    assert!(refused.headers.contains_key("retry-after"));
    assert!(!refused.headers.contains_key("www-authenticate"));

    stand.clock.advance(13 * SECOND).await;
    assert_eq!(send(&auth, &usual, Method::GET, &token).await.status, 503);

    stand.log.switch(true);
    stand.until_synced().await;
    for route in [&usual, &payments] {
        assert_eq!(send(&auth, route, Method::GET, &token).await.status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn the_grace_of_a_route_begins_where_its_freshness_ends() {
    let stand = Stand::synced().await;
    let (auth, token) = (stand.layer(), stand.token().issue());
    let grace = Degrade::allow_for(5 * SECOND).unwrap();
    let reads = within(&stand, 2 * SECOND).with_degrade(grace.clone());
    let writes = reads.clone().with_degrade(grace.with_unsafe_methods());
    // Nobody is not what the layer demands.
    let nobody = within(&stand, 2 * SECOND).with_degrade(Degrade::anonymous());
    stand.cut_off_for(6 * SECOND).await;
    let seen = send(&auth, &reads, Method::GET, &token).await;
    assert_eq!(seen.status, 200);
    let degraded = Provenance::Degraded(OutageCause::RevocationStale);
    assert_eq!(seen.provenance, Some(degraded));
    assert_eq!(send(&auth, &reads, Method::POST, &token).await.status, 503);
    assert_eq!(send(&auth, &writes, Method::POST, &token).await.status, 200);
    assert_eq!(send(&auth, &nobody, Method::GET, &token).await.status, 503);
    stand.clock.advance(2 * SECOND).await;
    assert_eq!(send(&auth, &reads, Method::GET, &token).await.status, 503);
    assert_eq!(send(&auth, &writes, Method::POST, &token).await.status, 503);
}

#[tokio::test(start_paused = true)]
async fn a_caller_whom_the_outer_layer_let_in_degraded_keeps_that_mark() {
    let stand = Stand::synced().await;
    let token = stand.token().issue();
    let grace = Degrade::allow_for(60 * SECOND).unwrap();
    let auth = stand.layer().with_degrade(grace.clone());
    stand.cut_off_for(20 * SECOND).await;
    let strict = within(&stand, 2 * SECOND);
    assert_eq!(
        send(&auth, &RequireLayer::new(), Method::GET, &token)
            .await
            .status,
        200
    );
    assert_eq!(send(&auth, &strict, Method::GET, &token).await.status, 503);
    let seen = send(&auth, &strict.with_degrade(grace), Method::GET, &token).await;
    let degraded = Provenance::Degraded(OutageCause::RevocationStale);
    assert_eq!((seen.status, seen.provenance), (200, Some(degraded)));
}

#[tokio::test(start_paused = true)]
async fn revoked_is_said_before_what_is_lacking_and_stale_after_it() {
    let stand = Stand::synced().await;
    let (auth, token) = (stand.layer(), stand.token().scope("read").issue());
    let route = within(&stand, 2 * SECOND).with_scopes(["write"]).unwrap();
    stand.cut_off_for(3 * SECOND).await;
    let lacking = send(&auth, &route, Method::GET, &token).await;
    assert_eq!(
        (lacking.status, &*lacking.reason),
        (403, "insufficient_scope")
    );
    stand.log.switch(true);
    stand.until_synced().await;
    stand
        .revoke(Target::session(stand.issuer.issuer(), "session-1"))
        .await;
    // By a layer that asks no view, so that it is the route that says it.
    let blind = AuthLayer::new(stand.verifier.clone());
    let revoked = send(&blind, &route, Method::GET, &token).await;
    assert_eq!((revoked.status, &*revoked.reason), (401, "revoked"));
    let challenge = revoked.headers["www-authenticate"].to_str().unwrap();
    assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_could_not_be_revoked_is_refused_by_the_route_too() {
    let stand = Stand::synced().await;
    let blind = AuthLayer::new(stand.verifier.clone());
    let token = stand
        .token()
        .expires_in(Duration::from_secs(25 * 3_600))
        .issue();
    let route = within(&stand, 2 * SECOND).with_degrade(Degrade::allow_for(60 * SECOND).unwrap());
    let refused = send(&blind, &route, Method::GET, &token).await;
    assert_eq!((refused.status, &*refused.reason), (401, "not_revocable"));
    assert_eq!(
        send(&blind, &RequireLayer::new(), Method::GET, &token)
            .await
            .status,
        200
    );
}

#[tokio::test(start_paused = true)]
async fn the_budget_of_a_route_caps_what_its_grace_lets_pass() {
    let stand = Stand::synced().await;
    let (auth, token) = (stand.layer(), stand.token().issue());
    let route = within(&stand, 2 * SECOND)
        .with_degrade(Degrade::allow_for(60 * SECOND).unwrap())
        .with_outage_budget(OutageBudget::new(2, 60 * SECOND).unwrap());
    stand.cut_off_for(3 * SECOND).await;
    for status in [200, 200, 503] {
        assert_eq!(
            send(&auth, &route, Method::GET, &token).await.status,
            status
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_route_before_the_first_sync_lets_pass_only_by_name() {
    let stand = Stand::start(|revocation| revocation);
    stand.log.switch(false);
    let (blind, token) = (
        AuthLayer::new(stand.verifier.clone()),
        stand.token().issue(),
    );
    let all = Degrade::allow_for(60 * SECOND).unwrap();
    let route = within(&stand, 2 * SECOND);
    for (policy, status) in [
        (Degrade::deny(), 503),
        (all.clone(), 503),
        (
            all.on(OutageCause::NeverSynced, Grace::AllowFor(SECOND))
                .unwrap(),
            200,
        ),
    ] {
        let route = route.clone().with_degrade(policy);
        let answer = send(&blind, &route, Method::GET, &token).await;
        assert_eq!(answer.status, status);
        match status {
            200 => assert_eq!(
                answer.provenance,
                Some(Provenance::Degraded(OutageCause::NeverSynced))
            ),
            _ => assert_eq!(answer.reason, "revocation_never_synced"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_observer_of_a_route_is_told() {
    #[derive(Clone, Default)]
    struct Told(Arc<Mutex<Vec<Event>>>);
    type Event = (VerdictOutcome, &'static str, Option<u16>, bool);
    impl Observer for Told {
        fn verdict(&self, event: &VerdictEvent<'_>) {
            let refused = event.refused.map(|status| status.as_u16());
            let degraded = event.degraded().is_some();
            let told = (event.outcome, event.reason, refused, degraded);
            self.0.lock().unwrap().push(told);
        }
    }
    let stand = Stand::synced().await;
    let (auth, token) = (stand.layer(), stand.token().issue());
    let told = Told::default();
    let strict = within(&stand, 2 * SECOND).with_observer(told.clone());
    let lenient = strict
        .clone()
        .with_degrade(Degrade::allow_for(60 * SECOND).unwrap());
    send(&auth, &strict, Method::GET, &token).await;
    stand.cut_off_for(3 * SECOND).await;
    send(&auth, &strict, Method::GET, &token).await;
    send(&auth, &lenient, Method::GET, &token).await;
    let stale = |refused, degraded| {
        (
            VerdictOutcome::Indeterminate,
            "revocation_stale",
            refused,
            degraded,
        )
    };
    let expected = [stale(Some(503), false), stale(None, true)];
    assert_eq!(*told.0.lock().unwrap(), expected);
}

#[test]
fn a_freshness_that_makes_no_sense_is_refused_with_the_field() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let _entered = runtime.enter();
    let stand = Stand::start(|revocation| revocation);
    let revocations = &stand.revocations;
    for bad in [
        Duration::ZERO,
        Duration::from_millis(99),
        Duration::from_millis(300_001),
    ] {
        let error = revocations.clone().with_freshness(bad).unwrap_err();
        assert_eq!(
            error.problems().next().unwrap().path,
            "freshness",
            "{bad:?}"
        );
    }
    for good in [Revocations::FRESHNESS_MIN, Revocations::FRESHNESS_MAX] {
        assert_eq!(
            revocations
                .clone()
                .with_freshness(good)
                .unwrap()
                .freshness(),
            good
        );
    }
}
