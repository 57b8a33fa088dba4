//! The configuration of the auth middleware.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use portcullis_core::{Admission, Head, Observer, RefusalStyle};
use tower_layer::Layer;

use super::settings::{DegradeBy, Settings, Tokens};
use super::{Auth, Shared};
use crate::{Challenge, Degrade, OutageBudget, StandingView, TokenExtractor};

/// Puts token authentication round a service.
///
/// | the request has | answer |
/// |---|---|
/// | a good token | passed on, with its [`Identity`](portcullis_core::Identity) |
/// | no token | 401 with a bare challenge; passed on if [`optional`](AuthLayer::optional) |
/// | a bad token | 401 `invalid_token`, also where the token is optional |
/// | a token presented in a bad way | 400 `invalid_request` |
/// | a token that could not be checked | 503 with `Retry-After`, or what [`Degrade`] lets pass |
///
/// # Clone
/// Shared state is in the verifier and behind `Arc`s: every [`layer`](Layer::layer) call and every clone
/// uses the same keys, caches and outage budget. Make one verifier, and as many layers of it as you
/// have kinds of routes.
#[derive(Clone)]
pub struct AuthLayer<V, O = ()> {
    verifier: V,
    observer: O,
    settings: Arc<Settings>,
}

// === impl AuthLayer ===

impl<V> AuthLayer<V> {
    /// Requires a token in the `Authorization` header of every request, judged by `verifier`.
    pub fn new(verifier: V) -> Self {
        Self {
            verifier,
            observer: (),
            settings: Arc::new(Settings::new()),
        }
    }
}

impl<V, O> AuthLayer<V, O> {
    /// Lets requests without a token pass, without identity. A bad token is still refused.
    #[must_use]
    pub fn optional(self) -> Self {
        self.set(|settings| settings.optional = true)
    }

    /// Lets CORS preflight requests pass: `OPTIONS` with `Origin` and `Access-Control-Request-Method`.
    /// Browsers never send credentials with them.
    ///
    /// Anybody can send such a request: with this, handlers of `OPTIONS` inside the layer are open. A CORS
    /// layer outside this one answers preflights by itself, and needs it not.
    #[must_use]
    pub fn with_preflight(self) -> Self {
        self.set(|settings| settings.preflight = true)
    }

    /// Reads the token from elsewhere.
    #[must_use]
    pub fn with_extractor(self, extractor: impl TokenExtractor) -> Self {
        self.set(|settings| settings.read_from(extractor))
    }

    /// Takes the token out of requests that are passed on. Otherwise it stays, marked as sensitive.
    #[must_use]
    pub fn with_token_dropped(self) -> Self {
        self.set(|settings| settings.tokens = Tokens::Dropped)
    }

    /// Bounds the time that one request may wait for a verdict that needs I/O. 2 s unless set.
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> Self {
        self.set(|settings| settings.deadline = deadline)
    }

    /// Says what may pass while the truth cannot be found out. Nothing unless set.
    #[must_use]
    pub fn with_degrade(self, policy: Degrade) -> Self {
        self.set(|settings| settings.degrade = DegradeBy::Fixed(policy))
    }

    /// Says it by request, for a layer round several routes. Asked only during an outage.
    #[must_use]
    pub fn with_degrade_by(
        self,
        choose: impl Fn(Head<'_>) -> Degrade + Send + Sync + 'static,
    ) -> Self {
        self.set(|settings| settings.degrade = DegradeBy::Head(Arc::new(choose)))
    }

    /// Caps what an outage may let pass.
    #[must_use]
    pub fn with_outage_budget(self, budget: OutageBudget) -> Self {
        self.set(|settings| settings.budget = Some(budget))
    }

    /// Asks `admission` before dear work for a caller who has proven nothing.
    #[must_use]
    pub fn with_admission(self, admission: impl Admission) -> Self {
        self.set(|settings| settings.admission = Some(Arc::new(admission)))
    }

    /// Asks `view` whether a caller whose token is good still stands.
    #[must_use]
    pub fn with_standing(self, view: impl StandingView) -> Self {
        self.set(|settings| settings.standing = Some(Arc::new(view)))
    }

    /// Adds realm and metadata to every challenge.
    #[must_use]
    pub fn with_challenge(self, challenge: Challenge) -> Self {
        self.set(|settings| {
            settings.challenge = challenge;
            settings.prepare();
        })
    }

    /// Renders the text of refusals in another style.
    #[must_use]
    pub fn with_style(self, style: impl RefusalStyle + 'static) -> Self {
        self.set(|settings| {
            settings.style = Arc::new(style);
            settings.prepare();
        })
    }

    /// Reports every verdict to `observer`.
    #[must_use]
    pub fn with_observer<P: Observer + Clone>(self, observer: P) -> AuthLayer<V, P> {
        AuthLayer {
            verifier: self.verifier,
            observer,
            settings: self.settings,
        }
    }

    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

impl<S, V: Clone, O: Clone> Layer<S> for AuthLayer<V, O> {
    type Service = Auth<S, V, O>;

    fn layer(&self, inner: S) -> Self::Service {
        Auth {
            inner,
            shared: Arc::new(Shared {
                verifier: self.verifier.clone(),
                observer: self.observer.clone(),
                settings: Arc::clone(&self.settings),
            }),
        }
    }
}

impl<V, O> fmt::Debug for AuthLayer<V, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthLayer").finish_non_exhaustive()
    }
}
