//! The configuration of the middleware that demands.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use portcullis_core::{Clock, ConfigError, Observer, RefusalStyle, SystemClock};
use tower_layer::Layer;

use super::settings::Settings;
use super::{Require, Shared};
use crate::{Challenge, Degrade, OutageBudget, StandingView};

/// Demands something of the identity that an [`AuthLayer`](crate::AuthLayer) outside of it attached.
///
/// Without further words it demands that there is one. Demands add up, so a layer for a route can be
/// made from one for the whole service, and its challenge then names the scopes of both:
///
/// ```
/// use portcullis_auth::RequireLayer;
///
/// let api = RequireLayer::new().with_scopes(["api"])?;
/// let orders = api.clone().with_any_scope(["orders:write", "orders:admin"])?;
/// let payments = api.with_acr(["phr", "mfa"])?.with_max_auth_age(std::time::Duration::from_secs(300))?;
/// # Ok::<(), portcullis_core::ConfigError>(())
/// ```
///
/// | the request has | answer |
/// |---|---|
/// | an identity that lacks nothing | passed on |
/// | an identity that lacks something | that of the [`Shortfall`](crate::Shortfall) |
/// | no identity, let through as [`Anonymous`](crate::Anonymous) | its refusal: 401, or 503 if a token could not be checked |
/// | no identity, a CORS preflight that the auth layer let through | passed on |
/// | no mark at all | 500 `auth_layer_missing`, and an error in the log, once |
///
/// An identity that a [`Degrade`](crate::Degrade) policy admitted passes like any other: what it may do
/// during an outage is for that policy to say. With [`with_standing`](RequireLayer::with_standing) a route asks
/// again whether the caller still stands, by a measure of its own:
///
/// | the view says | answer |
/// |---|---|
/// | the token was revoked, or could not be | 401 |
/// | nothing, and it is older than this route allows | 503 with `Retry-After`, or what [`with_degrade`](RequireLayer::with_degrade) lets pass |
///
/// That somebody was revoked is said before what else is lacking, and that it could not be found out after
/// that. `Grace::Anonymous` lets nothing pass here, for nobody is not what is demanded.
///
/// # Clone
/// Clones and every [`layer`](Layer::layer) call share the prepared answers.
#[derive(Clone)]
pub struct RequireLayer<O = (), C = SystemClock> {
    settings: Arc<Settings>,
    observer: O,
    clock: C,
}

// === impl RequireLayer ===

impl RequireLayer {
    /// Demands an identity.
    #[must_use]
    pub fn new() -> Self {
        Self {
            settings: Arc::new(Settings::new()),
            observer: (),
            clock: SystemClock,
        }
    }
}

impl Default for RequireLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<O, C> RequireLayer<O, C> {
    /// Demands all of `scopes`, beside those demanded before.
    ///
    /// # Errors
    /// If there is none, or one is not a scope (RFC 6749 section 3.3).
    pub fn with_scopes(
        self,
        scopes: impl IntoIterator<Item: AsRef<str>>,
    ) -> Result<Self, ConfigError> {
        self.set(|settings| settings.demands.scopes(boxed(scopes)))
    }

    /// Demands one of `scopes`, beside what was demanded before. Clients are told of the first.
    ///
    /// # Errors
    /// If there is none, or one is not a scope (RFC 6749 section 3.3).
    pub fn with_any_scope(
        self,
        scopes: impl IntoIterator<Item: AsRef<str>>,
    ) -> Result<Self, ConfigError> {
        self.set(|settings| settings.demands.any_scope(boxed(scopes)))
    }

    /// Demands all of `roles`, beside those demanded before.
    ///
    /// # Errors
    /// If there is none, or one is empty.
    pub fn with_roles(
        self,
        roles: impl IntoIterator<Item: AsRef<str>>,
    ) -> Result<Self, ConfigError> {
        self.set(|settings| settings.demands.roles(boxed(roles)))
    }

    /// Demands one of `roles`, beside what was demanded before.
    ///
    /// # Errors
    /// If there is none, or one is empty.
    pub fn with_any_role(
        self,
        roles: impl IntoIterator<Item: AsRef<str>>,
    ) -> Result<Self, ConfigError> {
        self.set(|settings| settings.demands.any_role(boxed(roles)))
    }

    /// Demands an authentication of one of these context classes (`acr`), best first, instead of those
    /// demanded before.
    ///
    /// # Errors
    /// If there is none, or one cannot stand in a challenge.
    pub fn with_acr(
        self,
        classes: impl IntoIterator<Item: AsRef<str>>,
    ) -> Result<Self, ConfigError> {
        self.set(|settings| settings.demands.acr(boxed(classes)))
    }

    /// Demands that the user authenticated at most `age` ago (`auth_time`). An unknown time is too long
    /// ago.
    ///
    /// # Errors
    /// If it is shorter than a second.
    pub fn with_max_auth_age(self, age: Duration) -> Result<Self, ConfigError> {
        self.set(|settings| settings.demands.max_auth_age(age))
    }

    /// Demands that the token was issued at most `age` ago (`iat`). An unknown time is too long ago.
    ///
    /// # Errors
    /// If it is shorter than a second.
    pub fn with_max_token_age(self, age: Duration) -> Result<Self, ConfigError> {
        self.set(|settings| settings.demands.max_token_age(age))
    }

    /// Tolerates clocks that differ by `leeway`, for both ages. 30 s unless set.
    ///
    /// # Errors
    /// If it is longer than 300 s.
    pub fn with_leeway(self, leeway: Duration) -> Result<Self, ConfigError> {
        self.set(|settings| settings.demands.leeway(leeway))
    }

    /// Asks `view` whether the caller still stands: with a freshness of this route's own, say.
    ///
    /// What the auth layer was told is not touched by it, and holds too. See
    /// [`Revocations::with_freshness`](crate::Revocations::with_freshness).
    #[must_use]
    pub fn with_standing(mut self, view: impl StandingView) -> Self {
        let settings = Arc::make_mut(&mut self.settings);
        let (challenge, style) = (settings.challenge.clone(), Arc::clone(&settings.style));
        settings.recheck.ask(Arc::new(view), &challenge, &*style);
        self
    }

    /// Says what may pass while `view` is too old for this route. Nothing unless set.
    #[must_use]
    pub fn with_degrade(mut self, policy: Degrade) -> Self {
        Arc::make_mut(&mut self.settings).recheck.degrade = policy;
        self
    }

    /// Caps what that may let pass.
    #[must_use]
    pub fn with_outage_budget(mut self, budget: OutageBudget) -> Self {
        Arc::make_mut(&mut self.settings).recheck.budget = Some(budget);
        self
    }

    /// Adds realm and metadata to every challenge: give it the one that the auth layer has.
    #[must_use]
    pub fn with_challenge(mut self, challenge: Challenge) -> Self {
        let settings = Arc::make_mut(&mut self.settings);
        settings.challenge = challenge;
        settings.prepare();
        self
    }

    /// Renders the text of refusals in another style: give it the one that the auth layer has.
    #[must_use]
    pub fn with_style(mut self, style: impl RefusalStyle + 'static) -> Self {
        let settings = Arc::make_mut(&mut self.settings);
        settings.style = Arc::new(style);
        settings.prepare();
        self
    }

    /// Reports every refusal to `observer`.
    #[must_use]
    pub fn with_observer<P: Observer + Clone>(self, observer: P) -> RequireLayer<P, C> {
        RequireLayer {
            settings: self.settings,
            observer,
            clock: self.clock,
        }
    }

    /// Measures ages by another clock.
    #[must_use]
    pub fn with_clock<D: Clock>(self, clock: D) -> RequireLayer<O, D> {
        RequireLayer {
            settings: self.settings,
            observer: self.observer,
            clock,
        }
    }

    fn set(
        mut self,
        change: impl FnOnce(&mut Settings) -> Result<(), ConfigError>,
    ) -> Result<Self, ConfigError> {
        let settings = Arc::make_mut(&mut self.settings);
        change(settings)?;
        settings.prepare();
        Ok(self)
    }
}

fn boxed(texts: impl IntoIterator<Item: AsRef<str>>) -> Vec<Box<str>> {
    texts.into_iter().map(|text| text.as_ref().into()).collect()
}

impl<S, O: Clone, C: Clone> Layer<S> for RequireLayer<O, C> {
    type Service = Require<S, O, C>;

    fn layer(&self, inner: S) -> Self::Service {
        Require {
            inner,
            shared: Arc::new(Shared {
                settings: Arc::clone(&self.settings),
                observer: self.observer.clone(),
                clock: self.clock.clone(),
            }),
        }
    }
}

impl<O, C> fmt::Debug for RequireLayer<O, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireLayer")
            .field("demands", &self.settings.demands)
            .finish_non_exhaustive()
    }
}
