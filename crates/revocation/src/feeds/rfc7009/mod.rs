//! The token revocation endpoint (RFC 7009).

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, request};
use http_body::Body;
use http_body_util::Full;
use portcullis_core::Secret;
use tokio::time::timeout;
use tower_service::Service;

use super::answer::Answer;
use super::form::Form;
use super::outcome::{report, submit};
use super::{FeedFuture, intake};
use crate::{Order, Revoker, Target};

pub use clients::{Client, ClientAuthenticator, ClientVerdict, Clients, KnownClient};
pub use reader::{KnownToken, TokenKind, TokenReader, TokenReading};

mod clients;
pub(super) mod credentials;
mod reader;

use credentials::{Credentials, CredentialsFault};

/// The token revocation endpoint of RFC 7009, as a service.
///
/// A client POSTs a token of its own, and proves who it is with its secret
/// (`client_secret_basic` or `client_secret_post`).
///
/// | the client | the token | answer | revoked |
/// |---|---|---|---|
/// | is not who it says, or does not say | whatever it is | 401 `invalid_client` | nothing |
/// | is known | none | 400 `invalid_request` | nothing |
/// | is known | verifies, and was issued to it by its issuer | 200 once that is durable, else 503 | this token |
/// | is known | bad, expired, of another client, or of nobody | 200 (section 2.2) | nothing |
/// | is known | the same, and `token_type_hint` is `refresh_token` where none are known here | 400 `unsupported_token_type` | nothing |
/// | is known | cannot be judged now: keys missing, issuer down | 503 | nothing |
///
/// The hint is otherwise ignored: one reader looks at every token. A refresh token that is unknown here is
/// not 200 if the hint says what it is, for the client would believe that it has ended.
///
/// # Clone
/// Clones share the ports.
///
/// # Limitations
/// Public clients (without a secret) are not served, nor are other ways of authentication. Revoking a token
/// leaves others of the same grant alone.
#[derive(Clone)]
pub struct TokenRevocation {
    shared: Arc<Shared>,
    deadline: Duration,
}

struct Shared {
    revoker: Revoker,
    reader: Box<dyn TokenReader>,
    clients: Box<dyn ClientAuthenticator>,
}

const FEED: &str = "rfc7009";

// === impl TokenRevocation ===

impl TokenRevocation {
    /// An endpoint for the tokens that `reader` knows, and these clients.
    pub fn new(
        revoker: Revoker,
        reader: impl TokenReader,
        clients: impl ClientAuthenticator,
    ) -> Self {
        let shared = Shared {
            revoker,
            reader: Box::new(reader),
            clients: Box::new(clients),
        };
        Self {
            shared: Arc::new(shared),
            deadline: Duration::from_secs(5),
        }
    }

    /// How long to wait for a body, and then for an answer: 5 s each unless set.
    #[must_use]
    pub const fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }
}

impl<B> Service<Request<B>> for TokenRevocation
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
        let (shared, deadline) = (Arc::clone(&self.shared), self.deadline);
        Box::pin(async move {
            let answer = match intake::read(request, deadline).await {
                Ok((head, form)) => timeout(deadline, shared.answer(&head, &form))
                    .await
                    .unwrap_or_else(|_| Answer::unavailable("deadline", None)),
                Err(answer) => answer,
            };
            report(FEED, &answer);
            Ok(answer.response())
        })
    }
}

impl fmt::Debug for TokenRevocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRevocation")
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

// === impl Shared ===

impl Shared {
    async fn answer(&self, head: &request::Parts, form: &Form) -> Answer {
        match self.handle(head, form).await {
            Ok(answer) | Err(answer) => answer,
        }
    }

    async fn handle(&self, head: &request::Parts, form: &Form) -> Result<Answer, Answer> {
        // Section 2.1: first the client, then the token.
        let client = self.client(head, form).await?;
        let token = form
            .get("token")
            .ok_or(Answer::invalid_request("no_token", "The token is missing."))?;
        let Some(target) = self.own(&client, token).await? else {
            let hint = form.get("token_type_hint").and_then(Secret::expose_str);
            let kind = hint.and_then(TokenKind::of_hint);
            return if kind.is_some_and(|kind| !self.reader.reads(kind)) {
                Err(Answer::error(
                    StatusCode::BAD_REQUEST,
                    "unsupported_token_type",
                    "unsupported_token_type",
                    "Tokens of this type are not revoked here.",
                ))
            } else {
                // Section 2.2: the client cannot do anything about it, and what it wanted is so.
                Ok(Answer::done("nothing_to_revoke"))
            };
        };
        let order = Order::revoke([target]);
        let order = order.because(FEED).expect("a plain word");
        submit(&self.revoker, &order).await?;
        Ok(Answer::done("revoked"))
    }

    async fn client(&self, head: &request::Parts, form: &Form) -> Result<KnownClient, Answer> {
        let credentials = Credentials::of(&head.headers, form).map_err(|fault| match fault {
            CredentialsFault::Several => {
                Answer::invalid_request("several_credentials", "Authenticate once, in one way.")
            }
            CredentialsFault::None => invalid_client(),
        })?;
        let Credentials { client, secret } = &credentials;
        match self.clients.authenticate(client, secret).await {
            ClientVerdict::Known(client) => Ok(client),
            ClientVerdict::Unknown => Err(invalid_client()),
            ClientVerdict::Unavailable { retry_after } => {
                Err(Answer::unavailable("clients_unavailable", retry_after))
            }
        }
    }

    /// What to revoke, if the token is good and the client's own.
    async fn own(&self, client: &KnownClient, token: &Secret) -> Result<Option<Target>, Answer> {
        match self.reader.read(token).await {
            TokenReading::Known(known) => {
                let owner = known.client.as_deref() == Some(&*client.id);
                let own = owner && known.issuer == client.issuer;
                Ok(own.then_some(known.target))
            }
            TokenReading::Unknown => Ok(None),
            TokenReading::Unavailable { retry_after } => {
                Err(Answer::unavailable("keys_unavailable", retry_after))
            }
        }
    }
}

/// RFC 6749 section 5.2.
const fn invalid_client() -> Answer {
    Answer::error(
        StatusCode::UNAUTHORIZED,
        "invalid_client",
        "invalid_client",
        "The client is not known here, or its secret is wrong.",
    )
}
