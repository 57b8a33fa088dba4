//! The probe approves of a correct layer and catches each way to be wrong.
#![allow(clippy::unwrap_used, reason = "in a test it is an assertion")]

use std::future::{Future, pending};
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use portcullis_core::{Protocol, Refusal, RefusalKind, ResponseBody};
use portcullis_testing::contract::{self, Contract};
use tower_layer::Layer;
use tower_service::Service;

/// Lets requests with the header `x-key` in; a request with `x-wait` waits for ever first.
#[derive(Clone, Copy, Debug)]
struct KeyLayer(Flaw);

/// What is wrong with a [`KeyLayer`].
#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    None,
    CallsTheClone,
    KeepsThePermitOfARefusal,
    KeepsThePermitOfAWaiter,
    SwallowsReadinessErrors,
    HidesReadinessErrors,
    NeverPollsInner,
    ShedsLoad,
    LosesTheWaker,
    LetsRefusedRequestsThrough,
    RefusesGoodRequests,
    DetachesCalls,
    DropsHeaders,
    ReplacesBodies,
    AnswersWithAnotherStatus,
}

#[derive(Clone, Debug)]
struct Key<S> {
    inner: S,
    flaw: Flaw,
    shed: bool,
    leaked: Arc<Mutex<Vec<S>>>,
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Answer<B> = Result<Response<ResponseBody<B>>, BoxError>;

impl<S> Layer<S> for KeyLayer {
    type Service = Key<S>;

    fn layer(&self, inner: S) -> Key<S> {
        Key {
            inner,
            flaw: self.0,
            shed: false,
            leaked: Arc::default(),
        }
    }
}

impl<S, B, RB> Service<Request<B>> for Key<S>
where
    S: Service<Request<B>, Response = Response<RB>, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Send + 'static,
    RB: Send + 'static,
{
    type Response = Response<ResponseBody<RB>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Answer<RB>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match self.flaw {
            Flaw::NeverPollsInner => Poll::Ready(Ok(())),
            Flaw::LosesTheWaker => self
                .inner
                .poll_ready(&mut Context::from_waker(Waker::noop())),
            Flaw::SwallowsReadinessErrors => self.inner.poll_ready(cx).map(|_| Ok(())),
            Flaw::HidesReadinessErrors => self.inner.poll_ready(cx).map_err(|_| "oops".into()),
            Flaw::ShedsLoad => {
                self.shed = self.inner.poll_ready(cx).is_pending();
                Poll::Ready(Ok(()))
            }
            _ => self.inner.poll_ready(cx),
        }
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let refuses = !request.headers().contains_key("x-key") || self.shed;
        let flaw = self.flaw;
        if flaw == Flaw::RefusesGoodRequests
            || (refuses && flaw != Flaw::LetsRefusedRequestsThrough)
        {
            if flaw != Flaw::KeepsThePermitOfARefusal {
                self.inner = self.inner.clone();
            }
            let kind = if flaw == Flaw::AnswersWithAnotherStatus {
                RefusalKind::Forbidden
            } else {
                RefusalKind::Unauthenticated
            };
            let refusal = Refusal::builder(kind, "no_key").build();
            return Box::pin(async move { Ok(refusal.response(Protocol::Http)) });
        }
        let clone = self.inner.clone();
        let mut ready = mem::replace(&mut self.inner, clone.clone());
        if flaw == Flaw::CallsTheClone {
            ready = clone;
        }
        if request.headers().contains_key("x-wait") {
            if flaw == Flaw::KeepsThePermitOfAWaiter {
                self.leaked.lock().unwrap().push(ready);
                return Box::pin(pending());
            }
            return Box::pin(async move {
                let () = pending().await;
                Ok(ready.call(request).await?.map(ResponseBody::inner))
            });
        }
        if flaw == Flaw::DropsHeaders {
            request.headers_mut().remove("x-contract");
        }
        let future = ready.call(request);
        Box::pin(async move {
            let response = if flaw == Flaw::DetachesCalls {
                tokio::spawn(future).await.unwrap()?
            } else {
                future.await?
            };
            Ok(response.map(|body| match flaw {
                Flaw::ReplacesBodies => ResponseBody::own(Bytes::from_static(b"mine")),
                _ => ResponseBody::inner(body),
            }))
        })
    }
}

fn request(header: Option<&str>) -> Request<Full<Bytes>> {
    let mut request = Request::post("/orders?page=2").header("x-key", "1");
    if header == Some("none") {
        request = Request::post("/orders?page=2");
    } else if let Some(header) = header {
        request = request.header(header, "1");
    }
    request.body(Full::default()).unwrap()
}

fn contract_of(flaw: Flaw) -> Contract<KeyLayer, Full<Bytes>> {
    contract::of(move || KeyLayer(flaw), || request(None))
        .refuses(StatusCode::UNAUTHORIZED, || request(Some("none")))
        .waits_under(move || KeyLayer(flaw), || request(Some("x-wait")))
}

#[tokio::test]
async fn a_correct_layer_proves_every_fact() {
    contract_of(Flaw::None).prove().await;
}

#[tokio::test(start_paused = true)]
async fn a_correct_layer_proves_every_fact_in_paused_time() {
    contract_of(Flaw::None).prove().await;
}

#[tokio::test]
async fn a_layer_that_refuses_with_an_error_proves_it_so() {
    #[derive(Clone)]
    struct Failing;
    #[derive(Clone)]
    struct Fails<S>(S);
    impl<S> Layer<S> for Failing {
        type Service = Fails<S>;
        fn layer(&self, inner: S) -> Fails<S> {
            Fails(inner)
        }
    }
    impl<S, B> Service<Request<B>> for Fails<S>
    where
        S: Service<Request<B>, Error = BoxError> + Clone,
        S::Future: Send + 'static,
    {
        type Response = S::Response;
        type Error = BoxError;
        type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;
        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
            self.0.poll_ready(cx)
        }
        fn call(&mut self, request: Request<B>) -> Self::Future {
            if request.headers().contains_key("x-key") {
                return Box::pin(self.0.call(request));
            }
            self.0 = self.0.clone();
            Box::pin(async { Err("refused".into()) })
        }
    }
    contract::of(|| Failing, || request(None))
        .fails_under(|| Failing, || request(Some("none")))
        .prove()
        .await;
}

#[tokio::test]
#[should_panic(expected = "states what the layer refuses")]
async fn a_contract_without_a_word_on_refusals_is_none() {
    contract::of(|| KeyLayer(Flaw::None), || request(None))
        .prove()
        .await;
}

/// One test for each flaw, with the fact that it breaks.
macro_rules! caught {
    ($($name:ident: $flaw:ident, $fact:literal;)*) => {$(
        #[tokio::test(start_paused = true)]
        #[should_panic(expected = $fact)]
        async fn $name() {
            contract_of(Flaw::$flaw).prove().await;
        }
    )*};
}

caught! {
    calling_the_clone_is_caught: CallsTheClone,
        "called an instance that was not polled ready";
    not_polling_the_inner_service_is_caught: NeverPollsInner,
        "called an instance that was not polled ready";
    a_permit_leaked_by_a_refusal_is_caught: KeepsThePermitOfARefusal,
        "a refusal keeps what readiness reserved";
    a_permit_leaked_by_a_waiter_is_caught: KeepsThePermitOfAWaiter,
        "a future dropped while the layer works keeps";
    a_detached_call_is_caught: DetachesCalls,
        "a future dropped while the inner service works keeps";
    a_swallowed_readiness_error_is_caught: SwallowsReadinessErrors,
        "swallowed an inner readiness error";
    a_readiness_error_without_its_cause_is_caught: HidesReadinessErrors,
        "the inner readiness error is not the source of: oops";
    shedding_load_is_caught: ShedsLoad,
        "the layer is ready although the inner service is not";
    a_lost_waker_is_caught: LosesTheWaker,
        "the caller is not woken";
    a_refused_request_that_reaches_the_inner_service_is_caught: LetsRefusedRequestsThrough,
        "a refused request reached the inner service";
    a_refused_good_request_is_caught: RefusesGoodRequests,
        "answered with 401 Unauthorized by the layer itself";
    a_dropped_header_is_caught: DropsHeaders,
        "x-contract";
    a_replaced_body_is_caught: ReplacesBodies,
        "the body comes back";
    another_status_is_caught: AnswersWithAnotherStatus,
        "the status of the refusal";
}
