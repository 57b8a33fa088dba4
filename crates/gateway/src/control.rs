//! Where operators and other services revoke, take it back, and look up a session.
//!
//! | what | is asked | answer |
//! |---|---|---|
//! | `POST /revoke`, `POST /lift` | a JSON object that names one thing | 200 once a majority of the store has it, 202 while fewer do |
//! | `POST /session` | a JSON object that names a session | 200: revoked, not, or unknown |
//!
//! An address of its own, for nobody from outside. Still a browser inside could be made to ask: so a name
//! that was not configured is refused (a name may lead anywhere tomorrow), and so is all but JSON, which a
//! page of another origin cannot send without asking first.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use portcullis_core::{ConfigError, Protocol};
use portcullis_revocation::RevokeError;
use tokio::time::timeout;
use tower::Service;

use self::access::{Access, Caller};
use self::asked::{Asked, Change};
use self::denied::Denied;
use crate::admin::json;
use crate::auth::Trust;
use crate::config;
use crate::revoking::Revoking;

mod access;
mod asked;
mod denied;

/// Revokes for whoever may.
///
/// # Clone
/// Clones share everything.
#[derive(Clone)]
pub(crate) struct Control {
    shared: Arc<Shared>,
}

struct Shared {
    access: Access,
    revoking: Revoking,
}

/// The largest body: room for a token of the largest size that is accepted.
const MOST_BODY: usize = 32 << 10;
/// How long a body may take, and then a verdict on the caller.
const PATIENCE: Duration = Duration::from_secs(5);

// === impl Control ===

impl Control {
    /// As configured. What was spent of its limits is taken over from the one `before`.
    ///
    /// # Errors
    /// If the key cannot be read.
    pub(crate) fn new(
        section: &config::Control,
        trust: Option<&Trust>,
        revoking: &Revoking,
        before: Option<&Self>,
    ) -> Result<Self, ConfigError> {
        let access = Access::new(
            section,
            trust,
            revoking,
            before.map(|before| &before.shared.access),
        )?;
        let revoking = revoking.clone();
        Ok(Self {
            shared: Arc::new(Shared { access, revoking }),
        })
    }
}

impl Service<Request<Body>> for Control {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            Ok(match shared.answer(request).await {
                Ok(response) => response,
                Err(denied) => {
                    tracing::warn!(target: "portcullis::control", reason = denied.refusal().reason(), "refused");
                    let mut response = denied
                        .refusal()
                        .response::<Body>(Protocol::Http)
                        .map(Body::new);
                    if matches!(denied, Denied::Method) {
                        response
                            .headers_mut()
                            .insert(ALLOW, HeaderValue::from_static("POST"));
                    }
                    response
                }
            })
        })
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").finish_non_exhaustive()
    }
}

// === impl Shared ===

impl Shared {
    async fn answer(&self, request: Request<Body>) -> Result<Response<Body>, Denied> {
        self.access.host(&request)?;
        let path = request.uri().path();
        let change = match path {
            "/revoke" => Some(Change::Revoke),
            "/lift" => Some(Change::Lift),
            "/session" => None,
            _ => return Err(Denied::Path),
        };
        if request.method() != Method::POST {
            return Err(Denied::Method);
        }
        if !is_json(&request) {
            return Err(Denied::Body);
        }
        // Before anything is read: of a stranger nothing is.
        let caller = timeout(PATIENCE, self.access.caller(request.headers()));
        let caller = caller.await.map_err(|_| Denied::NoVerdict)??;
        self.access.spend()?;
        let body = read(request.into_body()).await?;
        match change {
            Some(change) => self.change(change, &caller, &body).await,
            None => self.session(&caller, &body),
        }
    }

    async fn change(
        &self,
        change: Change,
        caller: &Caller,
        body: &[u8],
    ) -> Result<Response<Body>, Denied> {
        let asked = Asked::read(body)?;
        let order = asked.order(change)?;
        let done = self.revoking.revoker().submit(&order).await;
        let outcome = match &done {
            Ok(ack) if ack.is_durable() => "durable",
            Ok(_) => "not_durable",
            Err(error) => error.label(),
        };
        tracing::info!(
            target: "portcullis::control::audit",
            who = %caller,
            action = change.as_str(),
            kind = asked.kind(),
            reason = order.reason(),
            outcome,
        );
        let ack = done.map_err(|error| match error {
            RevokeError::NotDone(_) => Denied::NotRecorded,
            _ => Denied::OutcomeUnknown,
        })?;
        let mut response = json(&serde_json::json!({
            "durable": ack.is_durable(),
            "replicas": ack.replicas,
            "required": ack.required,
        }));
        if !ack.is_durable() {
            *response.status_mut() = StatusCode::ACCEPTED;
        }
        Ok(response)
    }

    fn session(&self, caller: &Caller, body: &[u8]) -> Result<Response<Body>, Denied> {
        let (issuer, session) = Asked::read(body)?.session()?;
        let found = self.revoking.session(&issuer, &session);
        tracing::info!(
            target: "portcullis::control::audit",
            who = %caller, action = "look_up", kind = "session", outcome = found,
        );
        Ok(json(&serde_json::json!({ "session": found })))
    }
}

fn is_json<B>(request: &Request<B>) -> bool {
    let kind = request.headers().get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next());
    kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

async fn read(body: Body) -> Result<Bytes, Denied> {
    match timeout(PATIENCE, Limited::new(body, MOST_BODY).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(_)) => Err(Denied::TooLarge),
        Err(_) => Err(Denied::Slow),
    }
}
