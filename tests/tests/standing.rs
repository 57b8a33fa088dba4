//! The seam for a revocation view: what it knows against a caller outranks everything else.
#![allow(clippy::unwrap_used, reason = "unwrap in a test is an assertion")]

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Method, Request, Response};
use portcullis_auth::{AuthLayer, Degrade, Grace, Outage, OutageBudget, Standing, StandingView};
use portcullis_core::{Identity, OutageCause, Provenance, RequestExt as _, ResponseBody};
use portcullis_testing::{StubVerifier, identity};
use tower::{Layer as _, Service as _, ServiceExt as _, service_fn};

const GRACE: Duration = Duration::from_secs(60);

#[derive(Clone)]
struct View(Arc<Shared>);

struct Shared {
    says: Mutex<Standing>,
    asked: AtomicUsize,
}

impl View {
    fn saying(standing: Standing) -> Self {
        Self(Arc::new(Shared {
            says: Mutex::new(standing),
            asked: AtomicUsize::new(0),
        }))
    }

    fn asked(&self) -> usize {
        self.0.asked.load(Ordering::SeqCst)
    }
}

impl StandingView for View {
    fn standing(&self, _: &Identity) -> Standing {
        self.0.asked.fetch_add(1, Ordering::SeqCst);
        *self.0.says.lock().unwrap()
    }
}

async fn answer(layer: AuthLayer<StubVerifier>, method: Method) -> (u16, String) {
    let inner = service_fn(|request: Request<()>| async move {
        let known = request.identity().map(Identity::provenance);
        Ok::<_, Infallible>(
            Response::builder()
                .header("x", format!("{known:?}"))
                .body(())
                .unwrap(),
        )
    });
    let request = Request::builder()
        .method(method)
        .header("authorization", "Bearer token")
        .body(())
        .unwrap();
    let mut service = layer.layer(inner);
    let response: Response<ResponseBody<()>> =
        service.ready().await.unwrap().call(request).await.unwrap();
    let known = response
        .headers()
        .get("x")
        .map(|x| x.to_str().unwrap().to_owned());
    (response.status().as_u16(), known.unwrap_or_default())
}

fn good() -> StubVerifier {
    StubVerifier::new().valid("token", identity("alice").build())
}

fn stale(overdue: Duration) -> Standing {
    let cause = OutageCause::RevocationStale;
    Standing::Unknown { cause, overdue }
}

#[tokio::test]
async fn a_good_token_of_a_revoked_caller_is_401_and_the_view_is_asked_once() {
    let view = View::saying(Standing::Revoked);
    let layer = AuthLayer::new(good()).with_standing(view.clone());
    assert_eq!(answer(layer, Method::GET).await.0, 401);
    assert_eq!(view.asked(), 1);
    let view = View::saying(Standing::Good);
    let layer = AuthLayer::new(good()).with_standing(view.clone());
    assert_eq!(answer(layer, Method::GET).await.0, 200);
    assert_eq!(view.asked(), 1);
}

#[tokio::test]
async fn a_view_that_is_too_old_is_503_or_what_its_row_lets_pass() {
    let rows = [
        (Degrade::deny(), GRACE, Method::GET, 503),
        (Degrade::allow_for(GRACE).unwrap(), GRACE, Method::GET, 200),
        (Degrade::allow_for(GRACE).unwrap(), GRACE, Method::POST, 503),
        (
            Degrade::allow_for(GRACE).unwrap(),
            GRACE * 2,
            Method::GET,
            503,
        ),
    ];
    for (policy, overdue, method, status) in rows {
        let layer = AuthLayer::new(good())
            .with_standing(View::saying(stale(overdue)))
            .with_degrade(policy.clone());
        let (answered, known) = answer(layer, method.clone()).await;
        assert_eq!(answered, status, "{policy:?} {method}");
        if status == 200 {
            let degraded = Some(Provenance::Degraded(OutageCause::RevocationStale));
            assert_eq!(known, format!("{degraded:?}"));
        }
    }
}

#[tokio::test]
async fn a_revoked_caller_is_never_degraded_and_two_outages_need_two_rows() {
    let outage =
        || Outage::new(OutageCause::KeysStale).holding(identity("alice").build(), Duration::ZERO);
    let one_row = Degrade::deny()
        .on(OutageCause::KeysStale, Grace::AllowFor(GRACE))
        .unwrap();
    let two_rows = Degrade::allow_for(GRACE).unwrap();
    for (standing, policy, status) in [
        (Standing::Good, &one_row, 200),
        (Standing::Revoked, &two_rows, 401),
        (Standing::Revoked, &Degrade::anonymous(), 401),
        (stale(GRACE), &one_row, 503),
        (stale(GRACE), &two_rows, 200),
    ] {
        let verifier = StubVerifier::new().indeterminate("token", outage());
        let layer = AuthLayer::new(verifier)
            .with_standing(View::saying(standing))
            .with_degrade(policy.clone());
        assert_eq!(
            answer(layer, Method::GET).await.0,
            status,
            "{standing:?} {policy:?}"
        );
    }
}

#[tokio::test]
async fn anonymous_requests_do_not_spend_the_outage_budget() {
    let budget = OutageBudget::new(1, GRACE).unwrap();
    let unknown =
        StubVerifier::new().indeterminate("token", Outage::new(OutageCause::KeyUnavailable));
    let anonymous = AuthLayer::new(unknown)
        .with_degrade(Degrade::anonymous())
        .with_outage_budget(budget.clone());
    for _ in 0..10 {
        assert_eq!(answer(anonymous.clone(), Method::GET).await.0, 200);
    }
    let held = Outage::new(OutageCause::KeysStale).holding(identity("alice").build(), GRACE);
    let known = AuthLayer::new(StubVerifier::new().indeterminate("token", held))
        .with_degrade(Degrade::allow_for(GRACE).unwrap())
        .with_outage_budget(budget);
    assert_eq!(answer(known.clone(), Method::GET).await.0, 200);
    assert_eq!(answer(known, Method::GET).await.0, 503);
}

#[tokio::test]
async fn what_an_inner_layer_decided_outranks_an_outer_identity() {
    let inner = service_fn(|request: Request<()>| async move {
        let status = if request.identity().is_some() {
            500
        } else {
            200
        };
        Ok::<_, Infallible>(Response::builder().status(status).body(()).unwrap())
    });
    let outage = Outage::new(OutageCause::KeyUnavailable);
    let nobody = AuthLayer::new(StubVerifier::new().indeterminate("token", outage))
        .with_degrade(Degrade::anonymous());
    let somebody = AuthLayer::new(good());
    let mut both = somebody.layer(nobody.layer(inner));
    let request = Request::builder()
        .header("authorization", "Bearer token")
        .body(())
        .unwrap();
    let response = both.ready().await.unwrap().call(request).await.unwrap();
    assert_eq!(response.status(), 200, "the outer identity was still there");
}

/// Built without timers, as a runtime may be: no wait can be bounded, so there is none.
#[test]
fn a_runtime_without_timers_gets_503_and_no_panic() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let slow = StubVerifier::new().slow(
        "token",
        portcullis_auth::Verdict::Valid(identity("alice").build()),
    );
    let status = runtime.block_on(async { answer(AuthLayer::new(slow), Method::GET).await.0 });
    assert_eq!(status, 503);
}
