//! The caller of a request, and how layers and handlers read it.

use http::{Extensions, Request, request};

use super::RequestContext;
use crate::Identity;

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
