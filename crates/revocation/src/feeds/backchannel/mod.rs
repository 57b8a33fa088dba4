//! The receiver of OpenID Connect Back-Channel Logout 1.0.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use parking_lot::Mutex;
use portcullis_core::{Clock, Secret, SystemClock, UnixTime};
use tokio::time::timeout;
use tower_service::Service;

use super::answer::Answer;
use super::form::Form;
use super::outcome::{report, submit};
use super::{FeedFuture, intake};
use crate::token::{opaque_hash, signing_input_hash};
use crate::{Order, Revoker, Target};

pub use reader::{LogoutFault, LogoutReader, LogoutReading, LogoutToken};

mod memory;
mod reader;

use memory::{Begun, Memory, TokenName};

/// The receiver of OpenID Connect Back-Channel Logout 1.0, as a service: mount it at the
/// `backchannel_logout_uri` that the provider was told.
///
/// The provider POSTs a logout token when somebody logs out there. Nobody else proves anything: the
/// signature of the token is the proof.
///
/// | the logout token | answer | revoked |
/// |---|---|---|
/// | is missing, or fails a check of section 2.6 | 400 `invalid_request` | nothing |
/// | has a `jti` that this process received and did before | 400 `invalid_request` | nothing |
/// | was received and done by another node | 200 | nothing anew |
/// | has `sid` | 200 once that is durable, else 503 | the session, for good |
/// | has `sub` only | the same | all tokens of the subject that are older than now |
/// | cannot be judged now: keys missing, issuer down | 503 | nothing |
/// | came with too many others to remember its `jti` | 503 | nothing |
///
/// Section 2.8 asks for 400 where a logout *failed*, too. Here 400 means that the same request will fail
/// again, and 503 that it is worth another attempt: no provider takes either for success. A token that got
/// 503 is not a replay when it comes again: it goes on where it was, as the same order, and takes effect
/// once.
///
/// The memory of `jti`s is that of one process. What makes a logout happen once in a cluster is the log: each
/// node names its order by a keyed hash of what is signed in the token, and the log does an order of one name
/// once. Else a replay to another node would end what the subject began since.
///
/// # Clone
/// Clones share the memory of `jti`s.
///
/// # Limitations
/// The log knows an order again for [`OPS_REMEMBERED`](crate::log::OPS_REMEMBERED), longer than any logout token
/// is accepted, unless it lost its data or did 100 000 others since. Nor does it know one that was named under
/// another current secret, while a change of secrets is rolled out. Then a replay of a token with `sub` only ends
/// what the subject began in between. Prefer providers that send `sid`: a session that ended stays so.
///
/// A session ends for the tokens that name it. Where access tokens have no `sid`, see
/// [`with_subject_rule`](Self::with_subject_rule).
#[derive(Clone)]
pub struct BackchannelLogout {
    shared: Arc<Shared>,
    deadline: Duration,
    rule: SubjectRule,
}

/// When a logout ends all that a subject has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubjectRule {
    /// Only if the logout token names no session.
    #[default]
    WithoutSession,
    /// Always, if it names the subject: for providers whose access tokens have no `sid`. Logging out of one
    /// device is then logging out of all.
    Always,
}

struct Shared {
    revoker: Revoker,
    reader: Box<dyn LogoutReader>,
    memory: Mutex<Memory>,
    now: Box<dyn Fn() -> UnixTime + Send + Sync>,
}

/// A token that is under way. Whatever becomes of the future, the next attempt is the same order.
struct Attempt<'a> {
    memory: &'a Mutex<Memory>,
    name: TokenName,
    order: Option<Order>,
}

const FEED: &str = "backchannel_logout";
/// How many `jti`s are remembered, of about 250 bytes each.
const MOST: usize = 10_000;

// === impl BackchannelLogout ===

impl BackchannelLogout {
    /// A receiver of the logout tokens that `reader` verifies.
    pub fn new(revoker: Revoker, reader: impl LogoutReader) -> Self {
        Self::with_clock(revoker, reader, SystemClock)
    }

    /// The same, with a clock of its own, for tests.
    pub fn with_clock(revoker: Revoker, reader: impl LogoutReader, clock: impl Clock) -> Self {
        let shared = Shared {
            revoker,
            reader: Box::new(reader),
            memory: Mutex::new(Memory::new(MOST)),
            now: Box::new(move || clock.wall()),
        };
        Self {
            shared: Arc::new(shared),
            deadline: Duration::from_secs(5),
            rule: SubjectRule::default(),
        }
    }

    /// How long to wait for a body, and then for an answer: 5 s each unless set.
    #[must_use]
    pub const fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// When a logout ends all that the subject has.
    #[must_use]
    pub const fn with_subject_rule(mut self, rule: SubjectRule) -> Self {
        self.rule = rule;
        self
    }

    /// How many logout tokens to remember: 10 000 unless set, of about 250 bytes each, for as long as each
    /// would be accepted. Forgets those before.
    #[must_use]
    pub fn with_memory(self, most: usize) -> Self {
        *self.shared.memory.lock() = Memory::new(most);
        self
    }
}

impl<B> Service<Request<B>> for BackchannelLogout
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Send,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = FeedFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (shared, deadline, rule) = (Arc::clone(&self.shared), self.deadline, self.rule);
        Box::pin(async move {
            let answer = match intake::read(request, deadline).await {
                Ok((_, form)) => match timeout(deadline, shared.handle(&form, rule)).await {
                    Ok(Ok(answer) | Err(answer)) => answer,
                    Err(_) => Answer::unavailable("deadline", None),
                },
                Err(answer) => answer,
            };
            report(FEED, &answer);
            Ok(answer.response())
        })
    }
}

impl fmt::Debug for BackchannelLogout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackchannelLogout")
            .field("deadline", &self.deadline)
            .field("rule", &self.rule)
            .finish_non_exhaustive()
    }
}

// === impl Shared ===

impl Shared {
    async fn handle(&self, form: &Form, rule: SubjectRule) -> Result<Answer, Answer> {
        let sent = form.get("logout_token").ok_or(Answer::invalid_request(
            "no_token",
            "The logout token is missing.",
        ))?;
        let token = match self.reader.read(sent).await {
            LogoutReading::Good(token) => token,
            LogoutReading::Bad(fault) => {
                return Err(Answer::invalid_request(fault.label, fault.detail));
            }
            LogoutReading::Unavailable { retry_after } => {
                return Err(Answer::unavailable("keys_unavailable", retry_after));
            }
        };
        let attempt = self.begin(&token, &cause(sent), rule)?;
        if let Some(order) = &attempt.order {
            submit(&self.revoker, order).await?;
        }
        attempt.done();
        Ok(Answer::done("logged_out"))
    }

    fn begin(
        &self,
        token: &LogoutToken,
        cause: &[u8; 32],
        rule: SubjectRule,
    ) -> Result<Attempt<'_>, Answer> {
        // Section 2.6 asks for one of them at least: without, there is nothing to remember either.
        let new = order(token, rule).ok_or(Answer::invalid_request(
            "missing_claim",
            "The token names neither a session nor a subject.",
        ))?;
        let new = self.revoker.caused_by(new, &token.issuer, cause);
        let name = TokenName::new(&token.issuer, &token.jti);
        let begun = self.memory.lock().begin(name, token.spent_at, (self.now)());
        let order = match begun {
            Begun::New => new,
            Begun::Again(order) => order,
            Begun::Replayed => {
                return Err(Answer::invalid_request(
                    "replayed",
                    "This token was received before.",
                ));
            }
            Begun::Busy => {
                let soon = Some(Duration::from_secs(1));
                return Err(Answer::unavailable("under_way", soon));
            }
            Begun::Full => return Err(Answer::unavailable("memory_full", None)),
        };
        Ok(Attempt {
            memory: &self.memory,
            name,
            order: Some(order),
        })
    }
}

/// What tells a logout token from every other. Not its `jti`: of a provider that takes one twice, the second logout
/// would be told to be done, and would not be. Never its signature: one of ECDSA has a valid twin.
fn cause(token: &Secret) -> [u8; 32] {
    let text = token.expose_str().unwrap_or_default();
    signing_input_hash(text).unwrap_or_else(|| opaque_hash(text))
}

/// What a logout token asks for (section 2.7).
fn order(token: &LogoutToken, rule: SubjectRule) -> Option<Order> {
    let issuer = &*token.issuer;
    let session = token.session.as_deref();
    let all = session.is_none() || rule == SubjectRule::Always;
    let subject = token.subject.as_deref().filter(|_| all);
    let targets = session
        .map(|sid| Target::session(issuer, sid))
        .into_iter()
        .chain(subject.map(|sub| Target::subject(issuer, sub)));
    let order = Order::revoke(targets);
    let order = order.because(FEED).expect("a plain word");
    (!order.targets().is_empty()).then_some(order)
}

// === impl Attempt ===

impl Attempt<'_> {
    fn done(mut self) {
        self.order = None;
        self.memory.lock().done(self.name);
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if let Some(order) = self.order.take() {
            self.memory.lock().tried(self.name, order);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn the_session_ends_and_without_one_all_of_the_subject() {
        let rules = [SubjectRule::WithoutSession, SubjectRule::Always];
        for (session, subject, kinds) in [
            (None, None, [&[][..], &[]]),
            (Some("s"), None, [&[Kind::Session], &[Kind::Session]]),
            (None, Some("a"), [&[Kind::Subject], &[Kind::Subject]]),
            (
                Some("s"),
                Some("a"),
                [&[Kind::Session], &[Kind::Session, Kind::Subject]],
            ),
        ] {
            let mut token = LogoutToken::new("i", "j", UnixTime::MAX);
            token.session = session.map(Box::from);
            token.subject = subject.map(Box::from);
            for (rule, kinds) in rules.into_iter().zip(kinds) {
                let order = order(&token, rule);
                let targets = order.as_ref().map(Order::targets).unwrap_or_default();
                let is: Vec<_> = targets.iter().map(Target::kind).collect();
                assert_eq!(is, kinds, "{session:?} {subject:?} {rule:?}");
            }
        }
    }
}
