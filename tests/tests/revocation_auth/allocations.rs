//! What a look at the view allocates, counted: nothing.

use std::convert::Infallible;
use std::future::{Future as _, Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use allocation_counter::measure;
use http::{Request, Response};
use portcullis_auth::{RequireLayer, StandingWatch};
use portcullis_core::{Identity, RequestContext};
use portcullis_revocation::Target;
use portcullis_tests::api::bearer;
use portcullis_tests::revocation::Stand;
use tower::Service;
use tower_layer::Layer as _;

/// Answers 200 to whoever is let in.
#[derive(Clone, Copy)]
struct Inner;

impl Service<Request<()>> for Inner {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        assert!(Identity::of(request.extensions()).is_some());
        ready(Ok(Response::new(())))
    }
}

fn count<S, B>(service: &mut S, token: &str, status: u16) -> u64
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
{
    let mut request = bearer(token);
    RequestContext::ensure(request.extensions_mut(), Instant::now);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready());
    let mut request = Some(request);
    let mut response = None;
    let counted = measure(|| {
        let future = service.call(request.take().unwrap());
        if let Poll::Ready(Ok(answer)) = pin!(future).poll(&mut cx) {
            response = Some(answer);
        }
    });
    assert_eq!(response.unwrap().status(), status);
    counted.count_total
}

#[tokio::test(start_paused = true)]
async fn a_cached_verdict_costs_no_allocation_with_a_view_however_much_is_revoked() {
    let stand = Stand::synced().await;
    let fresh = stand.revocations.clone();
    let fresh = fresh.with_freshness(Duration::from_secs(2)).unwrap();
    let route = RequireLayer::new().with_standing(fresh);
    let mut service = stand.layer().layer(route.layer(Inner));
    let token = stand.token().issue();
    count(&mut service, &token, 200);
    assert_eq!(count(&mut service, &token, 200), 0);
    for number in 0..50 {
        // A revocation of somebody else: the token is looked up again.
        let other = format!("nobody-{number}");
        stand
            .revoke(Target::session(stand.issuer.issuer(), &other))
            .await;
        assert_eq!(count(&mut service, &token, 200), 0, "after {number}");
    }
    let seen = stand.present(&token).await;
    let view = std::sync::Arc::new(stand.revocations.clone());
    let watch = StandingWatch::new(view, seen.caller().clone());
    let looked = measure(|| assert_eq!(watch.look(), Ok(())));
    assert_eq!(looked.count_total, 0);
}

#[tokio::test(start_paused = true)]
async fn a_revoked_token_costs_no_more_than_any_refusal() {
    let stand = Stand::synced().await;
    let mut service = stand.layer().layer(Inner);
    let token = stand.token().issue();
    count(&mut service, &token, 200);
    stand
        .revoke(Target::session(stand.issuer.issuer(), "session-1"))
        .await;
    count(&mut service, &token, 401);
    let counted = count(&mut service, &token, 401);
    assert!(counted <= 4, "{counted}");
}
