//! The seven facts that every tower layer must prove.
//!
//! | fact | what breaks without it |
//! |---|---|
//! | a good request passes through, and its answer comes back | the service |
//! | a refused request never reaches the inner service | the point of refusing |
//! | the instance that was polled ready is the one that is called | limits and pools below: they panic, or lose count |
//! | back-pressure is inherited, and its end wakes the caller | overload protection; or the caller sleeps for ever |
//! | an inner readiness error is propagated | a dead connection looks alive |
//! | a dropped future, and a refusal, give back what readiness reserved | permits leak until nothing is ready |
//! | `Clone + Send + Sync + 'static`, and no clone is ready by inheritance | servers clone a service for each connection |
//!
//! The inner service is a `tower_test` mock behind a [`Reserving`]; both panic when a clone that was not
//! polled ready is called.
//!
//! ```
//! use bytes::Bytes;
//! use http::Request;
//! use http_body_util::Full;
//! use portcullis_testing::contract;
//! use tower_layer::Identity;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let request = || Request::new(Full::<Bytes>::default());
//! contract::of(Identity::new, request).never_refuses().prove().await;
//! # }
//! ```

use std::fmt;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::Full;
use tower_layer::Layer;
use tower_service::Service;
use tower_test::mock::Mock;

mod facts;
mod reserving;

pub use reserving::{Permits, ReservedFuture, Reserving};

/// The inner service that a layer is put round.
pub type Inner<B> = Reserving<Mock<Request<B>, Response<Full<Bytes>>>>;

/// A layer and the requests that show what it does.
#[must_use = "nothing is proven before `prove`"]
pub struct Contract<L, B> {
    layer: Make<L>,
    passing: Make<Request<B>>,
    refusals: Vec<Refusal<L, B>>,
    waits: Vec<(Make<L>, Make<Request<B>>)>,
    never_refuses: bool,
    deadline: Duration,
}

type Make<T> = Rc<dyn Fn() -> T>;

struct Refusal<L, B> {
    layer: Make<L>,
    request: Make<Request<B>>,
    /// The status of the answer; `None` where the layer refuses with an error.
    status: Option<StatusCode>,
}

/// A contract of the layer that `layer` makes, with a request that passes.
///
/// Every fact is proven on a layer of its own, so state does not carry over.
pub fn of<L, B>(
    layer: impl Fn() -> L + 'static,
    passing: impl Fn() -> Request<B> + 'static,
) -> Contract<L, B> {
    Contract {
        layer: Rc::new(layer),
        passing: Rc::new(passing),
        refusals: Vec::new(),
        waits: Vec::new(),
        never_refuses: false,
        deadline: Duration::from_secs(5),
    }
}

// === impl Contract ===

impl<L, B> Contract<L, B> {
    /// Adds a request that the layer refuses with an answer of `status`.
    pub fn refuses(self, status: StatusCode, request: impl Fn() -> Request<B> + 'static) -> Self {
        let layer = self.layer.clone();
        self.refusal(layer, Some(status), request)
    }

    /// Adds a refusal by a layer in another state, such as an open circuit.
    pub fn refuses_under(
        self,
        layer: impl Fn() -> L + 'static,
        status: StatusCode,
        request: impl Fn() -> Request<B> + 'static,
    ) -> Self {
        self.refusal(Rc::new(layer), Some(status), request)
    }

    /// Adds a refusal with an error instead of an answer, by a layer in another state.
    pub fn fails_under(
        self,
        layer: impl Fn() -> L + 'static,
        request: impl Fn() -> Request<B> + 'static,
    ) -> Self {
        self.refusal(Rc::new(layer), None, request)
    }

    fn refusal(
        mut self,
        layer: Make<L>,
        status: Option<StatusCode>,
        request: impl Fn() -> Request<B> + 'static,
    ) -> Self {
        self.refusals.push(Refusal {
            layer,
            request: Rc::new(request),
            status,
        });
        self
    }

    /// States that the layer refuses nothing, so that its refusals are not missed.
    pub fn never_refuses(mut self) -> Self {
        self.never_refuses = true;
        self
    }

    /// Adds a request that the layer itself holds up, such as one that waits for a key: dropping it
    /// there must give everything back.
    pub fn waits_under(
        mut self,
        layer: impl Fn() -> L + 'static,
        request: impl Fn() -> Request<B> + 'static,
    ) -> Self {
        self.waits.push((Rc::new(layer), Rc::new(request)));
        self
    }

    /// Sets how long any single step may take. Default: 5 s.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Proves every fact.
    ///
    /// # Panics
    /// On the first fact that does not hold; the message says which. Also if no refusal was given and
    /// [`never_refuses`](Self::never_refuses) was not said.
    pub async fn prove<OB>(&self)
    where
        L: Layer<Inner<B>> + Clone + Send + Sync + 'static,
        L::Service: Service<Request<B>, Response = Response<OB>> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request<B>>>::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        <L::Service as Service<Request<B>>>::Future: Send,
        B: 'static,
        OB: Body<Data = Bytes>,
        OB::Error: fmt::Debug,
    {
        assert!(
            self.never_refuses == self.refusals.is_empty(),
            "a contract states what the layer refuses, or that it never refuses"
        );
        self.passes_through().await;
        self.inherits_back_pressure().await;
        self.keeps_the_readied_instance().await;
        self.propagates_a_readiness_error().await;
        self.a_dropped_future_releases().await;
        for refusal in &self.refusals {
            self.refuses_and_releases(refusal).await;
        }
    }

    /// `future`, or the panic that says `what` never happened.
    async fn within<F: Future>(&self, what: &str, future: F) -> F::Output {
        match tokio::time::timeout(self.deadline, future).await {
            Ok(output) => output,
            Err(_) => panic!("{what}: not within {:?}", self.deadline),
        }
    }
}

impl<L, B> fmt::Debug for Contract<L, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contract")
            .field("refusals", &self.refusals.len())
            .field("waits", &self.waits.len())
            .finish_non_exhaustive()
    }
}
