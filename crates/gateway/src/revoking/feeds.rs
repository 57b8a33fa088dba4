//! Where clients and identity providers tell what has ended, on the public listener.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use portcullis_auth::RevocableTokens;
use portcullis_core::{ConfigError, Problems};
use portcullis_revocation::feeds::{
    BackchannelLogout, Client, Clients, SubjectRule, TokenRevocation,
};
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt};

use super::{Revoking, without_line_end};
use crate::auth::Trust;
use crate::config::{self, Config, MOST_CLIENT_SECRET, RoutePath};
use crate::front::RouteService;
use crate::metrics::{Metrics, RevocationAction, RevocationSource};

/// The feeds of a configuration, with their paths.
///
/// # Errors
/// If a secret cannot be read, or the keys of an issuer.
pub(crate) fn feeds(
    config: &Config,
    trust: Option<&Trust>,
    revoking: Option<&Revoking>,
    metrics: &Arc<Metrics>,
) -> Result<Vec<(RoutePath, RouteService)>, ConfigError> {
    let (Some(section), Some(trust), Some(revoking)) = (&config.revocation, trust, revoking) else {
        return Ok(Vec::new());
    };
    let mut feeds = Vec::new();
    if let Some(feed) = &section.rfc7009 {
        let tokens = RevocableTokens::new(trust.verifier.clone());
        let service = TokenRevocation::new(revoking.revoker(), tokens, clients(feed)?);
        let service = routed(service, RevocationSource::TokenRevocation, metrics);
        feeds.push((feed.path.clone(), service));
    }
    if let Some(feed) = &section.backchannel {
        let logouts = trust.logouts(&config.issuers, feed)?;
        let rule = if feed.always_subject {
            SubjectRule::Always
        } else {
            SubjectRule::WithoutSession
        };
        let service = BackchannelLogout::new(revoking.revoker(), logouts).with_subject_rule(rule);
        let service = routed(service, RevocationSource::BackchannelLogout, metrics);
        feeds.push((feed.path.clone(), service));
    }
    Ok(feeds)
}

fn routed<S>(feed: S, source: RevocationSource, metrics: &Arc<Metrics>) -> RouteService
where
    S: Service<Request<Body>, Response = Response<Full<Bytes>>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    let metrics = Arc::clone(metrics);
    let counted = feed.map_future(move |answer: S::Future| {
        let counting = metrics.revocation(source, RevocationAction::Revoke);
        async move {
            let response = answer.await?.map(Body::new);
            counting.answered(response.status());
            Ok(response)
        }
    });
    BoxCloneSyncService::new(counted)
}

fn clients(feed: &config::TokenRevocation) -> Result<Clients, ConfigError> {
    let mut problems = Problems::new();
    let mut known = Vec::with_capacity(feed.clients.len());
    for (index, client) in feed.clients.iter().enumerate() {
        let path = format!("revocation.rfc7009.client[{index}]");
        let read = client
            .secrets()
            .map(|source| source.read(MOST_CLIENT_SECRET).map(without_line_end))
            .collect::<Result<Vec<_>, _>>();
        let Some(secrets) = problems.absorb(&path, read) else {
            continue;
        };
        let mut secrets = secrets.into_iter();
        if let Some(secret) = secrets.next() {
            let one = Client::new(&client.issuer, &client.id, secret);
            known.push(secrets.fold(one, Client::with_next));
        }
    }
    let clients = problems.absorb("revocation.rfc7009", Clients::new(known));
    let clients = problems.into_result(clients)?;
    let none = || ConfigError::new("revocation.rfc7009", "cannot be used", "repair it");
    clients.ok_or_else(none)
}
