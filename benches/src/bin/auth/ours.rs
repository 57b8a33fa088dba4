//! Ours, set up as a user does: the issuer publishes its keys, an observer is told every verdict.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use portcullis_auth::jwks::{HttpClient, Jwks};
use portcullis_auth::key::{Algorithm as Jwa, HmacRing};
use portcullis_auth::{AuthLayer, Issuer, JwtVerifier, Keys, VerdictCache};
use portcullis_bench_harness::{Case, Lane, Requests, inner, service_lane};
use portcullis_core::{Identity, Observer, Provenance, VerdictEvent};
use portcullis_testing::Algorithm;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::revoked::Node;
use crate::setup::{BARE, block_on};
use crate::tokens::{AUDIENCE, ISSUER, Kit, SECRET};

/// Ours with its defaults, as it is called in every table.
pub(crate) const NAME: &str = "portcullis-auth";
/// Ours with a cache too small for the tokens: each is verified, and cached for nobody.
pub(crate) const UNSEEN: &str = "portcullis-auth, token not seen before";
/// Ours with a view of revocations as in use.
pub(crate) const WATCHED: &str = "portcullis-auth, with a view of revocations";
/// Ours without a cache.
pub(crate) const UNCACHED: &str = "portcullis-auth, cache off";

/// Bytes of a cache that keeps a few tokens of ten thousand.
const SMALL: u64 = 32 * 1024;

/// Which verdicts a case must consist of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdicts {
    Cached,
    Fresh,
    Refused,
}

/// Counts verdicts, as a metrics adapter does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts(Arc<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    fresh: AtomicU64,
    cached: AtomicU64,
    refused: AtomicU64,
}

/// The layer round a service, and what it counted.
#[derive(Debug)]
pub(crate) struct Ours {
    name: &'static str,
    layer: AuthLayer<JwtVerifier, Counts>,
    pub(crate) counts: Counts,
    /// Keeps the view in step.
    _node: Option<Node>,
}

// === impl Ours ===

impl Ours {
    /// With the default cache.
    pub(crate) fn new(kit: &Kit) -> Self {
        Self::with_cache(NAME, kit, VerdictCache::new())
    }

    /// With a cache that is too small.
    pub(crate) fn unseen(kit: &Kit) -> Self {
        Self::with_cache(UNSEEN, kit, VerdictCache::with_capacity(SMALL))
    }

    /// With a cache that keeps nothing.
    pub(crate) fn uncached(kit: &Kit) -> Self {
        Self::with_cache(UNCACHED, kit, VerdictCache::with_capacity(0))
    }

    /// With the default cache, and a view that is asked for every token.
    pub(crate) fn watched(kit: &Kit) -> Self {
        let node = Node::start();
        let mut ours = Self::new(kit);
        ours.name = WATCHED;
        ours.layer = ours.layer.with_standing(node.revocations.clone());
        ours._node = Some(node);
        ours.inserts_the_identity(&kit.token);
        ours
    }

    fn with_cache(name: &'static str, kit: &Kit, cache: VerdictCache) -> Self {
        let issuer = Issuer::new(ISSUER, keys(kit))
            .audience(AUDIENCE)
            .access_tokens_only();
        let verifier = JwtVerifier::builder()
            .issuer(issuer)
            .cache(cache)
            .build()
            .expect("a complete configuration");
        let counts = Counts::default();
        let layer = AuthLayer::new(verifier).with_observer(counts.clone());
        let ours = Self {
            name,
            layer,
            counts,
            _node: None,
        };
        ours.inserts_the_identity(&kit.token);
        ours
    }

    /// A case of lanes that share keys and caches.
    pub(crate) fn case(&self, threads: usize, mut requests: impl FnMut(u64) -> Requests) -> Case {
        let mut number = 0;
        Case::new(self.name, threads, || {
            let lane = self.lane(requests(number));
            number += 1;
            lane
        })
        .over(BARE)
        .once_warm({
            let counts = self.counts.clone();
            move || counts.reset()
        })
    }

    fn lane(&self, requests: Requests) -> Lane {
        service_lane(self.layer.layer(inner::<()>()), requests)
    }

    /// What is timed is the whole of it: the service inside finds the caller.
    fn inserts_the_identity(&self, token: &str) {
        let finds = service_fn(|request: Request<()>| async move {
            let mut response = Response::new(());
            if Identity::of(request.extensions()).is_none() {
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            }
            Ok::<_, Infallible>(response)
        });
        let mut request = Request::new(());
        let bearer = format!("Bearer {token}").parse().expect("a header value");
        request
            .headers_mut()
            .insert(http::header::AUTHORIZATION, bearer);
        let Ok(response) = block_on(self.layer.layer(finds).oneshot(request));
        assert_eq!(response.status(), 200, "a good token has an identity");
        self.counts.reset();
    }
}

/// The issuer's keys: published, and fetched through a client that answers on the spot; or shared.
fn keys(kit: &Kit) -> Keys {
    if kit.algorithm == Algorithm::Hs256 {
        let ring =
            HmacRing::new(Jwa::HS256, SECRET.as_bytes()).expect("a secret that is long enough");
        return Keys::shared_secret(ring);
    }
    let document = Bytes::from(kit.jwks());
    let client = HttpClient::new(service_fn(move |_: Request<Full<Bytes>>| {
        let body = Full::new(document.clone());
        async move { Ok::<_, Infallible>(Response::new(body)) }
    }));
    let jwks = Jwks::builder(ISSUER)
        .with_jwks_url("https://idp.example.com/jwks")
        .with_http_client(client)
        .build()
        .expect("a complete configuration");
    Keys::from(jwks)
}

// === impl Counts ===

impl Counts {
    /// Sees to it that a case measured what it says.
    ///
    /// # Panics
    /// If fewer than 99 of 100 verdicts were of the kind.
    pub(crate) fn expect(&self, wanted: Verdicts) {
        let [fresh, cached, refused] = [&self.0.fresh, &self.0.cached, &self.0.refused]
            .map(|number| number.load(Ordering::Relaxed));
        let of_the_kind = match wanted {
            Verdicts::Fresh => fresh,
            Verdicts::Cached => cached,
            Verdicts::Refused => refused,
        };
        let all = fresh + cached + refused;
        // None at all: the case was left out by `--case`.
        assert!(
            of_the_kind * 100 >= all * 99,
            "{wanted:?} was to be measured: {fresh} fresh, {cached} cached, {refused} refused"
        );
    }

    fn reset(&self) {
        for number in [&self.0.fresh, &self.0.cached, &self.0.refused] {
            number.store(0, Ordering::Relaxed);
        }
    }
}

impl Observer for Counts {
    fn verdict(&self, event: &VerdictEvent<'_>) {
        let number = match (event.refused, event.provenance) {
            (None, Some(Provenance::Cached)) => &self.0.cached,
            (None, _) => &self.0.fresh,
            (Some(_), _) => &self.0.refused,
        };
        number.fetch_add(1, Ordering::Relaxed);
    }
}
