//! The operation: build a request, wait until the service is ready, call it, drop the answer.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response};
use tokio::runtime::{Builder, Runtime};
use tower::{Service, ServiceExt as _, service_fn};

use crate::case::{Lane, Tally};

/// Where the credentials of the requests come from.
///
/// Each lane has one of its own. The bare case draws from the same source, so what it costs to have
/// a header is taken off everywhere.
#[derive(Clone, Debug)]
pub enum Requests {
    /// No credential.
    Without,
    /// The same credential in every request.
    One(HeaderValue),
    /// One after the other, from the start again after the last.
    Pool {
        /// The credentials.
        values: std::sync::Arc<[HeaderValue]>,
        /// The next one.
        next: usize,
    },
    /// A credential that was never seen: the bytes of a good one, some of them counted up.
    Counted {
        /// The credential.
        bytes: Vec<u8>,
        /// Where eight bytes are overwritten.
        at: usize,
        /// The count.
        count: u64,
    },
}

/// The bare service: ready at once, answers 200 at once.
pub fn inner<B: Default>() -> impl Service<
    Request<()>,
    Response = Response<B>,
    Error = Infallible,
    Future = Ready<Result<Response<B>, Infallible>>,
> + Clone
+ Send
+ Sync
+ 'static {
    service_fn(|_request: Request<()>| ready(Ok(Response::new(B::default()))))
}

/// A lane that drives `service` on a Tokio `current_thread` runtime of its own.
///
/// # Panics
/// If the operating system gives no runtime.
pub fn service_lane<S, B>(service: S, requests: Requests) -> Lane
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible> + Send + 'static,
    B: 'static,
{
    let runtime = runtime();
    let (mut service, mut requests) = (service, requests);
    Lane::new(move |operations| {
        // Unconstrained: a lane is one task that is never pending, so Tokio's budget would make it
        // yield to nobody.
        let driven = tokio::task::unconstrained(drive(&mut service, &mut requests, operations));
        runtime.block_on(driven)
    })
}

/// A lane that awaits `operation` again and again on a Tokio `current_thread` runtime of its own; it
/// has no status.
///
/// # Panics
/// If the operating system gives no runtime.
pub fn task_lane(mut operation: impl AsyncFnMut() + Send + 'static) -> Lane {
    let runtime = runtime();
    Lane::new(move |operations| {
        runtime.block_on(tokio::task::unconstrained(async {
            for _ in 0..operations {
                operation().await;
            }
        }));
        Tally::default()
    })
}

fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime of one thread")
}

async fn drive<S, B>(service: &mut S, requests: &mut Requests, operations: u64) -> Tally
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
{
    let mut tally = Tally::default();
    for _ in 0..operations {
        let request = requests.build();
        let Ok(ready) = service.ready().await;
        let Ok(response) = ready.call(request).await;
        tally.add(response.status().as_u16());
        drop(black_box(response));
    }
    tally
}

// === impl Requests ===

impl Requests {
    /// The same bearer token in every request.
    ///
    /// # Panics
    /// If the token is no header value.
    #[must_use]
    pub fn one(token: &str) -> Self {
        Self::One(bearer(token))
    }

    /// The tokens in the order given, again and again.
    ///
    /// # Panics
    /// If a token is no header value.
    #[must_use]
    pub fn pool<'t>(tokens: impl IntoIterator<Item = &'t String>) -> Self {
        Self::Pool {
            values: tokens.into_iter().map(|token| bearer(token)).collect(),
            next: 0,
        }
    }

    /// The same pool, from that place on.
    #[must_use]
    pub fn starting_at(mut self, place: usize) -> Self {
        if let Self::Pool { values, next } = &mut self {
            *next = place % values.len().max(1);
        }
        self
    }

    /// A different forgery of `token` in every request: its signature counts up.
    ///
    /// `lane` tells forgeries of one lane from those of another.
    ///
    /// # Panics
    /// If the token has no signature of sixteen characters.
    #[must_use]
    pub fn forgeries(token: &str, lane: u64) -> Self {
        let bytes = format!("Bearer {token}").into_bytes();
        let signature = bytes
            .iter()
            .rposition(|byte| *byte == b'.')
            .expect("a token in compact form")
            + 1;
        assert!(bytes.len() - signature > 16, "a signature");
        // Not its first bytes, so that an RSA signature stays below the modulus, nor its last ones,
        // so that an Ed25519 scalar stays below the order: both would be refused without the work.
        Self::Counted {
            bytes,
            at: signature + 4,
            count: lane << 40,
        }
    }

    fn build(&mut self) -> Request<()> {
        let mut request = Request::new(());
        if let Some(value) = self.next() {
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        request
    }

    fn next(&mut self) -> Option<HeaderValue> {
        match self {
            Self::Without => None,
            Self::One(value) => Some(value.clone()),
            Self::Pool { values, next } => {
                let value = values.get(*next).cloned();
                *next = (*next + 1) % values.len();
                value
            }
            Self::Counted { bytes, at, count } => {
                *count += 1;
                for (place, byte) in bytes[*at..*at + 8].iter_mut().enumerate() {
                    // 64 letters of base64url, six bits each.
                    const LETTERS: &[u8; 64] =
                        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
                    *byte = LETTERS[(*count >> (6 * place) & 63) as usize];
                }
                HeaderValue::from_bytes(bytes).ok()
            }
        }
    }
}

fn bearer(token: &str) -> HeaderValue {
    HeaderValue::try_from(format!("Bearer {token}")).expect("a token that fits a header")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgeries_differ_from_each_other_and_keep_header_and_claims() {
        let token = "h.c.AAAAAAAAAAAAAAAAAAAAAAAA";
        let (mut one, mut two) = (Requests::forgeries(token, 0), Requests::forgeries(token, 1));
        let seen: std::collections::BTreeSet<Vec<u8>> = (0..100)
            .flat_map(|_| [one.next().unwrap(), two.next().unwrap()])
            .map(|value| value.as_bytes().to_vec())
            .collect();
        assert_eq!(seen.len(), 200);
        let like = |value: &Vec<u8>| value.starts_with(b"Bearer h.c.AAAA");
        assert!(seen.iter().all(like));
    }

    #[test]
    fn a_pool_goes_round() {
        let tokens = ["a".to_owned(), "b".to_owned()];
        let mut pool = Requests::pool(&tokens);
        let drawn: Vec<_> = (0..3).map(|_| pool.next().unwrap()).collect();
        assert_eq!(drawn, ["Bearer a", "Bearer b", "Bearer a"]);
    }

    #[test]
    fn a_lane_reports_the_status_of_its_answers() {
        let mut lane = service_lane(inner::<()>(), Requests::Without);
        let tally = lane.run(3);
        assert_eq!((tally.status, tally.mixed), (200, false));
    }
}
