//! How each fact is proven.

use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use tower_layer::Layer;
use tower_service::Service;
use tower_test::mock::{self, Handle, SendResponse};

use super::{Contract, Inner, Permits, Refusal, Reserving};

type BoxError = Box<dyn Error + Send + Sync>;
type Arrived<B> = (Request<B>, SendResponse<Response<Full<Bytes>>>);

/// What the probe writes on requests and answers, to know them again.
const MARK: &str = "x-contract";
const BODY: &[u8] = b"an answer of the inner service";

/// A layer round an inner service with one permit.
struct Bench<S, B> {
    service: S,
    inner: Handle<Request<B>, Response<Full<Bytes>>>,
    permits: Permits,
}

// === impl Contract ===

impl<L, B, OB> Contract<L, B>
where
    L: Layer<Inner<B>>,
    L::Service: Service<Request<B>, Response = Response<OB>> + Clone,
    <L::Service as Service<Request<B>>>::Error: Into<BoxError>,
    OB: Body<Data = Bytes>,
    OB::Error: fmt::Debug,
{
    fn bench(layer: &L, permits: usize) -> Bench<L::Service, B> {
        let (mock, inner) = mock::pair();
        let permits = Permits::new(permits);
        let service = layer.layer(Reserving::new(mock, permits.clone()));
        Bench {
            service,
            inner,
            permits,
        }
    }

    async fn ready(&self, service: &mut L::Service) {
        self.within(
            "the service becomes ready",
            poll_fn(|cx| service.poll_ready(cx)),
        )
        .await
        .unwrap_or_else(|error| panic!("readiness failed: {}", chain(&*error.into())));
    }

    /// Drives `future` until the inner service has the request.
    async fn arrival<F>(
        &self,
        future: Pin<&mut F>,
        bench: &mut Handle<Request<B>, Response<Full<Bytes>>>,
    ) -> Arrived<B>
    where
        F: Future<Output = Result<Response<OB>, <L::Service as Service<Request<B>>>::Error>>,
    {
        let next = pin!(bench.next_request());
        let first = self.within(
            "the request that passes reaches the inner service",
            // The layer's future first: it may have begun something when the request arrives.
            select(future, next),
        );
        match first.await {
            Either::Right((Some(arrived), _)) => arrived,
            Either::Right((None, _)) => panic!("the layer dropped the inner service"),
            Either::Left((Ok(response), _)) => panic!(
                "the request that passes was answered with {} by the layer itself",
                response.status()
            ),
            Either::Left((Err(error), _)) => panic!(
                "the request that passes failed in the layer: {}",
                chain(&*error.into())
            ),
        }
    }

    pub(super) async fn passes_through(&self) {
        let mut bench = Self::bench(&(self.layer)(), 1);
        // Twice, for what works once may have used something up.
        for _ in 0..2 {
            self.ready(&mut bench.service).await;
            let mut request = (self.passing)();
            request
                .headers_mut()
                .insert(MARK, http::HeaderValue::from_static("request"));
            let (method, uri) = (request.method().clone(), request.uri().clone());
            let mut future = pin!(bench.service.call(request));
            let (arrived, answer) = self.arrival(future.as_mut(), &mut bench.inner).await;
            assert_eq!(arrived.headers()[MARK], "request", "the headers pass");
            assert_eq!(arrived.method(), method, "the method passes");
            assert_eq!(*arrived.uri(), uri, "the target passes");

            let mut response = Response::new(Full::from(BODY));
            *response.status_mut() = http::StatusCode::ACCEPTED;
            response
                .headers_mut()
                .insert(MARK, http::HeaderValue::from_static("response"));
            answer.send_response(response);
            let response = self
                .within("the answer comes back", future)
                .await
                .unwrap_or_else(|error| panic!("the answer was lost: {}", chain(&*error.into())));
            assert_eq!(response.status(), 202, "the status comes back");
            assert_eq!(
                response.headers()[MARK],
                "response",
                "the headers come back"
            );
            let body = self
                .within("the body comes back", response.into_body().collect())
                .await
                .unwrap_or_else(|error| panic!("the body failed: {error:?}"));
            assert_eq!(body.to_bytes(), BODY, "the body comes back");
            assert_eq!(
                bench.permits.free(),
                1,
                "an answered call gives back its permit"
            );
        }
    }

    pub(super) async fn keeps_the_readied_instance(&self) {
        let mut bench = Self::bench(&(self.layer)(), 1);
        self.ready(&mut bench.service).await;
        // The clone must ask for itself, and get nothing: the one permit is taken.
        let mut clone = bench.service.clone();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(
            clone.poll_ready(&mut cx).is_pending(),
            "a clone is ready although only the original was polled ready"
        );
        drop(clone);
        let mut future = pin!(bench.service.call((self.passing)()));
        // Here the inner service panics if it is not the readied instance that is called.
        let _ = self.arrival(future.as_mut(), &mut bench.inner).await;
    }

    pub(super) async fn inherits_back_pressure(&self) {
        let mut bench = Self::bench(&(self.layer)(), 0);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut cx = Context::from_waker(&waker);
        assert!(
            bench.service.poll_ready(&mut cx).is_pending(),
            "the layer is ready although the inner service is not"
        );
        bench.permits.add();
        assert!(
            woken.0.load(Ordering::Acquire),
            "the caller is not woken when the inner service becomes ready"
        );
        self.ready(&mut bench.service).await;
    }

    pub(super) async fn propagates_a_readiness_error(&self) {
        const CAUSE: &str = "the inner service is broken";
        let mut bench = Self::bench(&(self.layer)(), 1);
        bench.inner.send_error(CAUSE);
        let ready = self
            .within(
                "an inner readiness error is propagated",
                poll_fn(|cx| bench.service.poll_ready(cx)),
            )
            .await;
        let Err(error) = ready else {
            panic!("the layer swallowed an inner readiness error");
        };
        let text = chain(&*error.into());
        assert!(
            text.contains(CAUSE),
            "the inner readiness error is not the source of: {text}"
        );
    }

    pub(super) async fn a_dropped_future_releases(&self) {
        let mut bench = Self::bench(&(self.layer)(), 1);
        let free = |when: &str, permits: &Permits| {
            assert_eq!(
                permits.free(),
                1,
                "{when} keeps what readiness reserved, while the service lives on"
            );
        };
        self.ready(&mut bench.service).await;
        drop(bench.service.call((self.passing)()));
        free("a future dropped before its first poll", &bench.permits);

        self.ready(&mut bench.service).await;
        // The arrived request is kept, so that the inner service is at work until the check is done.
        let arrived = {
            let mut future = pin!(bench.service.call((self.passing)()));
            self.arrival(future.as_mut(), &mut bench.inner).await
        };
        free(
            "a future dropped while the inner service works",
            &bench.permits,
        );
        drop(arrived);

        for (layer, request) in &self.waits {
            let mut bench = Self::bench(&layer(), 1);
            self.ready(&mut bench.service).await;
            {
                let mut future = pin!(bench.service.call(request()));
                let polled = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await;
                assert!(
                    polled,
                    "a request that waits in the layer was answered at once"
                );
                assert!(
                    bench.inner.poll_request().is_pending(),
                    "a request that waits in the layer reached the inner service"
                );
            }
            free("a future dropped while the layer works", &bench.permits);
        }

        self.ready(&mut bench.service).await;
        drop(bench.service);
        free("a service dropped when it was ready", &bench.permits);
    }

    pub(super) async fn refuses_and_releases(&self, refusal: &Refusal<L, B>) {
        let mut bench = Self::bench(&(refusal.layer)(), 1);
        for _ in 0..2 {
            self.ready(&mut bench.service).await;
            let answer = {
                let reached = pin!(bench.inner.next_request());
                let future = pin!(bench.service.call((refusal.request)()));
                match self
                    .within("a refusal comes", select(reached, future))
                    .await
                {
                    Either::Left(_) => panic!("a refused request reached the inner service"),
                    Either::Right((answer, _)) => answer,
                }
            };
            match (answer, refusal.status) {
                (Ok(response), Some(status)) => {
                    assert_eq!(response.status(), status, "the status of the refusal");
                }
                (Err(_), None) => {}
                (Ok(response), None) => {
                    panic!("an answer of {} instead of an error", response.status())
                }
                (Err(error), Some(status)) => {
                    panic!("an error instead of {status}: {}", chain(&*error.into()))
                }
            }
            assert!(
                bench.inner.poll_request().is_pending(),
                "a refused request reached the inner service"
            );
            assert_eq!(
                bench.permits.free(),
                1,
                "a refusal keeps what readiness reserved, while the service lives on"
            );
        }
    }
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// An error and everything below it, as text.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}
