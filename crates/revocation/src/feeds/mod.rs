//! Feeds: endpoints by which others tell that a token or a session has ended.
//!
//! | feed | who calls it | what ends | proof |
//! |---|---|---|---|
//! | [`TokenRevocation`] (RFC 7009) | the client that the token was issued to | that token | the client's secret, and a token that verifies |
//! | [`BackchannelLogout`] (OpenID Connect Back-Channel Logout 1.0) | the identity provider | a session; without `sid`, all of a subject | a logout token that the provider signed |
//!
//! Each is a small tower service over `http` types: mount it outside of the auth layer, with a rate limit
//! in front, for whoever calls it has no access token. Verifying tokens is left to ports ([`TokenReader`],
//! [`LogoutReader`]), which `portcullis-auth` implements.
//!
//! # What both do
//! | request | answer |
//! |---|---|
//! | not POST | 405 |
//! | anything in the query, another content type, a content coding, a parameter twice, a malformed form | 400 `invalid_request` |
//! | more than 16 KiB | 413 |
//! | a body that does not arrive within the deadline | 408 |
//! | everything is as it should be, and the revocation is durable | 200, no body |
//! | it cannot be found out or written down: the log, its majority, the issuer's keys | 503 with `Retry-After` |
//!
//! 200 is a promise: whoever gets it forgets the token, and nobody would revoke it again. So a revocation
//! that the primary alone has is not 200, and neither is one that was sent and not answered.
//!
//! Nothing that a caller sent is in an answer, in a log line or in `Debug`. Every answer is `no-store`.

use std::future::Future;
use std::pin::Pin;

mod answer;
mod backchannel;
mod form;
pub(crate) mod fuzz;
mod intake;
mod outcome;
mod rfc7009;

pub use backchannel::{
    BackchannelLogout, LogoutFault, LogoutReader, LogoutReading, LogoutToken, SubjectRule,
};
pub use rfc7009::{
    Client, ClientAuthenticator, ClientVerdict, Clients, KnownClient, KnownToken, TokenKind,
    TokenReader, TokenReading, TokenRevocation,
};

/// What a port of a feed returns.
pub type FeedFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
