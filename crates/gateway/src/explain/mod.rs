//! `explain`: what the gateway thinks of a token, and why.
//!
//! The verdict is that of the verifier that `run` has, with keys fetched as `run` fetches them. What is
//! told is the verdict and what the token says of its key, its issuer and its times; nothing else of it.

mod input;
mod reasons;
mod told;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Method, Request, Response, Uri};
use portcullis_auth::{TokenOutline, Verdict, Verifier};
use portcullis_core::{
    Clock as _, ConfigError, Identity, Protocol, RequestContext, ResponseBody, Secret, SystemClock,
};
use tokio::time::{Instant, sleep};
use tower::{Service, ServiceExt as _};

pub(crate) use self::input::token;
use self::told::{Answer, Finding, Told};
use crate::admin::IssuerHealth;
use crate::auth::{self, Trust};
use crate::config::{Issuer, Route, RouteAuth};
use crate::log::LogObserver;
use crate::routes::Routes;
use crate::{Config, front};

/// A request that the token would come with.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: Uri,
}

/// What it came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The token, or the request with it, would pass.
    Passes,
    Refused,
    /// It could not be found out.
    Unknown,
}

/// Stands where an upstream would be.
#[derive(Clone, Copy, Debug)]
struct End;

/// The mark of a request that would have been passed on.
#[derive(Clone, Copy, Debug)]
struct PassedOn;

/// How long keys are waited for: one attempt to fetch them, and a little.
const PATIENCE: Duration = Duration::from_secs(6);
/// Between two looks at whether they are there.
const LOOK: Duration = Duration::from_millis(10);

/// Says what the gateway thinks of `token`, and what it would answer to a request with it.
///
/// # Errors
/// If the configuration cannot be used.
pub(crate) async fn explain(
    config: &Config,
    token: Secret,
    asked: Option<&Asked>,
) -> Result<(String, Outcome), ConfigError> {
    let outline = TokenOutline::read(token.expose());
    let named = outline.claims.as_ref().ok();
    let named = named.and_then(|claims| claims.issuer.as_deref());
    let own = |issuer: &&Issuer| Some(&*issuer.url) == named;
    let issuer = config.issuers.iter().position(|issuer| own(&issuer));
    // Only the issuer of the token is asked for keys. A token of nobody is judged without any.
    let trusted: Vec<Issuer> = match issuer.and_then(|index| config.issuers.get(index)) {
        Some(issuer) => vec![issuer.clone()],
        None => config.issuers.clone(),
    };
    let trust = if trusted.is_empty() {
        None
    } else {
        Some(Trust::new(&trusted, None, None)?)
    };
    let finding = match &trust {
        Some(trust) => verify(trust, &token, issuer.is_some()).await,
        None => (Finding::Unknown("no issuer is trusted".to_owned()), None),
    };
    let (finding, identity) = finding;
    let answer = match asked {
        None => None,
        Some(asked) => {
            Some(answer(config, trust.as_ref(), &token, asked, identity.as_ref()).await?)
        }
    };
    let outcome = outcome(&finding, answer.as_ref());
    let leeway = issuer
        .and_then(|index| config.issuers.get(index))
        .map(|issuer| {
            issuer
                .leeway
                .unwrap_or(portcullis_auth::Issuer::DEFAULT_LEEWAY)
        });
    let told = Told {
        finding,
        outline,
        issuer: issuer.zip(leeway),
        now: SystemClock.wall(),
        answer: answer.map(|(answer, _)| answer),
    };
    Ok((told.to_string(), outcome))
}

fn outcome(finding: &Finding, answer: Option<&(Answer, RouteAuth)>) -> Outcome {
    match (finding, answer) {
        (Finding::Valid, None) => Outcome::Passes,
        (Finding::Invalid(_), None) => Outcome::Refused,
        (Finding::Unknown(_), None) => Outcome::Unknown,
        // Where tokens are looked at, a pass during an outage is no verdict.
        (Finding::Unknown(_), Some((answer, auth)))
            if *auth != RouteAuth::None && (answer.refused.is_none() || answer.status == 503) =>
        {
            Outcome::Unknown
        }
        (_, Some((answer, _))) if answer.refused.is_none() => Outcome::Passes,
        (_, Some((answer, _))) if answer.status == 503 => Outcome::Unknown,
        _ => Outcome::Refused,
    }
}

/// Judges the token, once there are keys or it is known that there are none.
async fn verify(trust: &Trust, token: &Secret, wait: bool) -> (Finding, Option<Identity>) {
    let end = Instant::now() + PATIENCE;
    let cold = |health: &[IssuerHealth]| {
        health
            .iter()
            .any(|issuer| issuer.usable_keys == 0 && issuer.last_error.is_none())
    };
    while wait && cold(&trust.health()) && Instant::now() < end {
        sleep(LOOK).await;
    }
    loop {
        let verifier = trust.verifier.clone();
        match verifier.verify(Secret::from(token.expose())).await {
            Verdict::Valid(identity) => return (Finding::Valid, Some(identity)),
            Verdict::Invalid(reason) => return (Finding::Invalid(reason), None),
            Verdict::Indeterminate(outage) => {
                let health = trust.health();
                let failed = health.iter().find_map(|issuer| issuer.last_error);
                // A key that is not in the set is asked for once more, which may take as long.
                if failed.is_none() && Instant::now() < end {
                    sleep(LOOK).await;
                    continue;
                }
                let why = match failed {
                    Some(error) => format!("{}: {error}", outage.cause.as_str()),
                    None => outage.cause.as_str().to_owned(),
                };
                return (Finding::Unknown(why), None);
            }
        }
    }
}

/// What the gateway would answer, by its own routes and layers.
async fn answer(
    config: &Config,
    trust: Option<&Trust>,
    token: &Secret,
    asked: &Asked,
    identity: Option<&Identity>,
) -> Result<(Answer, RouteAuth), ConfigError> {
    let routes = config.routes.iter().enumerate();
    let routes = Routes::new(
        routes.map(|(index, route)| (route.path.clone(), route.methods.clone(), (index, route))),
    );
    let (index, route) = match front::find(&routes, &asked.method, asked.path.path()) {
        Ok(found) => *found,
        Err(refused) => {
            let response = refused.response(Protocol::Http);
            let answer = Answer {
                route: None,
                status: response.status().as_u16(),
                refused: Some(refused.refusal().reason().to_owned()),
                notes: Vec::new(),
            };
            return Ok((answer, RouteAuth::None));
        }
    };
    let mut answer = Answer {
        route: Some(describe(index, route)),
        status: 400,
        refused: Some("malformed_credential".to_owned()),
        notes: notes(route, identity),
    };
    let mut credential = b"Bearer ".to_vec();
    credential.extend_from_slice(token.expose());
    let credential = HeaderValue::from_maybe_shared(bytes::Bytes::from(credential));
    // What no header can hold never arrives.
    if let Ok(mut credential) = credential {
        credential.set_sensitive(true);
        let mut request = Request::new(Body::empty());
        *request.method_mut() = asked.method.clone();
        *request.uri_mut() = asked.path.clone();
        request.headers_mut().insert(AUTHORIZATION, credential);
        let now = std::time::Instant::now();
        let context = RequestContext::ensure(request.extensions_mut(), || now).clone();
        let guarded = auth::guard(route, config, trust, None, LogObserver, End)?;
        let Ok(response) = guarded.oneshot(request).await;
        let passed = response.extensions().get::<PassedOn>().is_some();
        answer.status = response.status().as_u16();
        answer.refused =
            (!passed).then(|| context.verdict().unwrap_or("no reason given").to_owned());
        if passed && context.identity().is_none() {
            answer.notes.push("without identity".to_owned());
        }
    }
    Ok((answer, route.auth))
}

fn describe(index: usize, route: &Route) -> String {
    let token = match route.auth {
        RouteAuth::None => "tokens are not looked at".to_owned(),
        auth => format!("token {auth}"),
    };
    format!("{}, route[{index}]: {token}", route.path)
}

/// Which of the scopes of the route the token has. Those that nobody asks for are not told.
fn notes(route: &Route, identity: Option<&Identity>) -> Vec<String> {
    let Some(identity) = identity else {
        return Vec::new();
    };
    let scopes = identity.scopes();
    let told = |scope: &String| {
        let has = if scopes.contains(scope) {
            "has"
        } else {
            "lacks"
        };
        format!("{has} the scope {scope}")
    };
    route.scopes.iter().map(told).collect()
}

// === impl End ===

impl Service<Request<Body>> for End {
    type Response = Response<ResponseBody<Body>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        let mut response = Response::new(ResponseBody::empty());
        response.extensions_mut().insert(PassedOn);
        ready(Ok(response))
    }
}
