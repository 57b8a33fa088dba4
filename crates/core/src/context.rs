//! What one request shares between its layers.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use http::{Extensions, Request, request};

use crate::{ClientAddress, Identity};

/// One object per request, shared by every layer that needs it.
///
/// The outermost layer that needs it inserts it ([`ensure`](RequestContext::ensure)); the others find
/// it. Its slots are bound late: an inner layer fills them, an outer one reads them when the answer
/// comes back, so the order of layers cannot lose the caller. Identity, route and client address are filled once.
#[derive(Clone)]
pub struct RequestContext(Arc<Slots>);

struct Slots {
    arrived: Instant,
    identity: OnceLock<Identity>,
    verdict: Mutex<Option<&'static str>>,
    refused: AtomicBool,
    route: OnceLock<Arc<str>>,
    client: OnceLock<ClientAddress>,
}

// === impl RequestContext ===

impl RequestContext {
    /// A context of a request that arrived at `arrived`.
    #[must_use]
    pub fn new(arrived: Instant) -> Self {
        Self(Arc::new(Slots {
            arrived,
            identity: OnceLock::new(),
            verdict: Mutex::new(None),
            refused: AtomicBool::new(false),
            route: OnceLock::new(),
            client: OnceLock::new(),
        }))
    }

    /// The context in `extensions`, if an outer layer put one there.
    #[inline]
    #[must_use]
    pub fn find(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// The context in `extensions`, inserted if there is none.
    pub fn ensure(extensions: &mut Extensions, arrived: impl FnOnce() -> Instant) -> &mut Self {
        extensions.get_or_insert_with(|| Self::new(arrived()))
    }

    /// When the request arrived at the outermost layer.
    #[must_use]
    pub fn arrived(&self) -> Instant {
        self.0.arrived
    }

    /// The caller, once an inner layer has verified one.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.0.identity.get()
    }

    /// The stable reason label of the verdict, once there is one.
    #[must_use]
    pub fn verdict(&self) -> Option<&'static str> {
        *self
            .0
            .verdict
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a layer further in answered by itself, so that the answer says nothing about what it
    /// protects: a circuit breaker does not count it.
    ///
    /// The mark stays: of several attempts of one request, one was refused.
    #[must_use]
    pub fn refused(&self) -> bool {
        // Whoever has the answer in hand comes after the one who made it: there is nothing to order.
        self.0.refused.load(Ordering::Relaxed)
    }

    /// The matched route pattern, once somebody has matched it.
    #[must_use]
    pub fn route(&self) -> Option<&str> {
        self.0.route.get().map(|route| &**route)
    }

    /// The address of the client behind trusted proxies, once an outer layer has resolved it.
    #[must_use]
    pub fn client(&self) -> Option<ClientAddress> {
        self.0.client.get().copied()
    }

    /// Fills the caller; says whether the slot was free.
    pub fn set_identity(&self, identity: Identity) -> bool {
        self.0.identity.set(identity).is_ok()
    }

    /// Sets the reason label of the verdict. The last one stays: a layer further in may refuse what one
    /// further out let pass.
    pub fn set_verdict(&self, reason: &'static str) {
        *self
            .0
            .verdict
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(reason);
    }

    /// Leaves the mark that a layer answers by itself.
    pub fn note_refusal(&self) {
        self.0.refused.store(true, Ordering::Relaxed);
    }

    /// Fills the matched route pattern (`/users/{id}`, never a raw path); says whether the slot was free.
    pub fn set_route(&self, route: Arc<str>) -> bool {
        self.0.route.set(route).is_ok()
    }

    /// Fills the address of the client; says whether the slot was free.
    pub fn set_client(&self, client: ClientAddress) -> bool {
        self.0.client.set(client).is_ok()
    }
}

impl fmt::Debug for RequestContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestContext")
            .field("identity", &self.identity())
            .field("verdict", &self.verdict())
            .field("refused", &self.refused())
            .field("route", &self.route())
            .finish_non_exhaustive()
    }
}

/// The mark that the caller in the [`RequestContext`] is not the caller of this request any more.
#[derive(Clone, Copy)]
struct Detached;

// === impl Identity ===

impl Identity {
    /// Attaches the caller to a request: to its [`RequestContext`] if it has one with room, else as an
    /// extension of its own (one insert is all that authentication costs a request).
    #[inline]
    pub fn attach(self, extensions: &mut Extensions) {
        extensions.remove::<Detached>();
        let late = RequestContext::find(extensions)
            .is_some_and(|context| context.set_identity(self.clone()));
        if late {
            // From a layer outside the one that inserted the context: it would outrank this caller.
            extensions.remove::<Self>();
        } else {
            extensions.insert(self);
        }
    }

    /// Takes back whatever caller was attached: a layer further in decided that there is nobody. The
    /// [`RequestContext`] keeps what it was told, for the layers outside.
    pub fn detach(extensions: &mut Extensions) {
        if Self::of(extensions).is_some() {
            extensions.remove::<Self>();
            extensions.insert(Detached);
        }
    }

    /// The caller that was attached last, so that an inner auth layer outranks an outer one.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get::<Self>().or_else(|| {
            let context = RequestContext::find(extensions)?;
            let detached = extensions.get::<Detached>().is_some();
            context.identity().filter(|_| !detached)
        })
    }
}

/// Reads what the layers attached, from a request, its parts, or its extensions (so from a
/// `tonic::Request` too).
pub trait RequestExt {
    /// The extensions.
    fn shared(&self) -> &Extensions;

    /// The caller, if one was authenticated.
    fn identity(&self) -> Option<&Identity> {
        Identity::of(self.shared())
    }

    /// The shared context, if a layer inserted one.
    fn request_context(&self) -> Option<&RequestContext> {
        RequestContext::find(self.shared())
    }
}

impl RequestExt for Extensions {
    fn shared(&self) -> &Extensions {
        self
    }
}

impl RequestExt for request::Parts {
    fn shared(&self) -> &Extensions {
        &self.extensions
    }
}

impl<B> RequestExt for Request<B> {
    fn shared(&self) -> &Extensions {
        self.extensions()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClientIp, IdentityParts, Provenance};

    fn identity(issuer: &str) -> Identity {
        Identity::new(IdentityParts::new(issuer), Provenance::Fresh)
    }

    #[test]
    fn without_a_context_the_identity_is_an_extension_of_its_own() {
        let mut request = Request::new(());
        identity("a").attach(request.extensions_mut());
        assert_eq!(request.identity().unwrap().issuer(), "a");
        assert!(request.request_context().is_none());
    }

    #[test]
    fn an_outer_layer_reads_what_an_inner_one_filled() {
        let mut request = Request::new(());
        let outer = RequestContext::ensure(request.extensions_mut(), Instant::now).clone();
        identity("a").attach(request.extensions_mut());
        assert_eq!(outer.identity().unwrap().issuer(), "a");
        assert!(
            request.extensions().get::<Identity>().is_none(),
            "one insert is enough"
        );
    }

    #[test]
    fn the_innermost_identity_is_the_one_that_handlers_see() {
        let mut request = Request::new(());
        let outer = RequestContext::ensure(request.extensions_mut(), Instant::now).clone();
        identity("outer").attach(request.extensions_mut());
        identity("inner").attach(request.extensions_mut());
        assert_eq!(request.identity().unwrap().issuer(), "inner");
        assert_eq!(outer.identity().unwrap().issuer(), "outer");
    }

    #[test]
    fn a_context_between_two_layers_does_not_let_the_outer_identity_win() {
        let mut request = Request::new(());
        identity("outer").attach(request.extensions_mut());
        RequestContext::ensure(request.extensions_mut(), Instant::now);
        identity("inner").attach(request.extensions_mut());
        assert_eq!(request.identity().unwrap().issuer(), "inner");
    }

    #[test]
    fn a_caller_that_was_taken_back_is_gone_until_another_comes() {
        for with_context in [false, true] {
            let mut request = Request::new(());
            if with_context {
                RequestContext::ensure(request.extensions_mut(), Instant::now);
            }
            Identity::detach(request.extensions_mut());
            identity("outer").attach(request.extensions_mut());
            Identity::detach(request.extensions_mut());
            assert!(request.identity().is_none(), "{with_context}");
            identity("inner").attach(request.extensions_mut());
            assert_eq!(request.identity().unwrap().issuer(), "inner");
        }
    }

    #[test]
    fn the_address_that_was_told_first_stays() {
        let context = RequestContext::new(Instant::now());
        assert_eq!(context.client(), None);
        let address = |ip: [u8; 4]| {
            let peer = std::net::IpAddr::from(ip);
            ClientIp::peer()
                .resolve(peer, &http::HeaderMap::new())
                .unwrap()
        };
        assert!(context.set_client(address([192, 0, 2, 1])));
        assert!(!context.set_client(address([192, 0, 2, 2])));
        assert_eq!(context.client(), Some(address([192, 0, 2, 1])));
        assert!(!format!("{context:?}").contains("192.0.2.1"));
    }

    #[test]
    fn an_outer_layer_sees_that_an_inner_one_answered_by_itself() {
        let mut request = Request::new(());
        let outer = RequestContext::ensure(request.extensions_mut(), Instant::now).clone();
        outer.set_verdict("ok");
        assert!(!outer.refused(), "a verdict is no answer");
        let inner = request.request_context().unwrap().clone();
        inner.note_refusal();
        assert!(outer.refused());
        inner.set_verdict("ok");
        assert!(outer.refused(), "the mark stays");
        assert!(format!("{outer:?}").contains("refused: true"));
    }

    #[test]
    fn one_request_does_not_bear_the_mark_of_another() {
        let refused = RequestContext::new(Instant::now());
        refused.note_refusal();
        assert!(!RequestContext::new(Instant::now()).refused());
    }

    #[test]
    fn ensure_keeps_the_first_arrival() {
        let mut extensions = Extensions::new();
        let first = RequestContext::ensure(&mut extensions, Instant::now).arrived();
        let again = RequestContext::ensure(&mut extensions, || unreachable!("found")).arrived();
        assert_eq!(first, again);
    }
}
