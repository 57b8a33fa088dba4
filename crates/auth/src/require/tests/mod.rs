use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http::header::{CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use portcullis_core::{
    ConfigError, Identity, OutageCause, Provenance, Refusal, RefusalKind, RequestContext,
    VerdictEvent, VerdictOutcome,
};
use portcullis_testing::{IdentityBuilder, TestClock, identity};
use tower::{Layer as _, ServiceExt as _};

use super::*;
use crate::{Anonymous, Challenge};

mod demands;

type Event = (VerdictOutcome, &'static str, Option<StatusCode>);

/// Keeps what it is told, without lifetimes.
#[derive(Clone, Debug, Default)]
struct Seen(Arc<Mutex<Vec<Event>>>);

impl Observer for Seen {
    fn verdict(&self, event: &VerdictEvent<'_>) {
        let event = (event.outcome, event.reason, event.refused);
        self.0.lock().unwrap().push(event);
    }
}

/// Answers 204.
fn handler(_: Request<()>) -> Ready<Result<Response<()>, Infallible>> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::NO_CONTENT;
    ready(Ok(response))
}

async fn send<O, C>(layer: &RequireLayer<O, C>, request: Request<()>) -> (StatusCode, HeaderMap)
where
    O: Observer + Clone,
    C: Clock,
{
    let service = layer.layer(tower::service_fn(handler));
    let response = service.oneshot(request).await;
    let (parts, _) = response.unwrap_or_else(|never| match never {}).into_parts();
    (parts.status, parts.headers)
}

fn by(identity: IdentityBuilder) -> Request<()> {
    let mut request = Request::new(());
    identity.build().attach(request.extensions_mut());
    request
}

fn grpc(mut request: Request<()>) -> Request<()> {
    let content_type = http::HeaderValue::from_static("application/grpc");
    request.headers_mut().insert(CONTENT_TYPE, content_type);
    request
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn realm() -> Challenge {
    Challenge::new().with_realm("orders").unwrap()
}

/// A layer that demands everything there is.
fn everything() -> RequireLayer<(), TestClock> {
    let demand = || {
        RequireLayer::new()
            .with_roles(["clerk"])?
            .with_any_role(["day", "night"])?
            .with_scopes(["api"])?
            .with_any_scope(["orders:write", "orders:admin"])?
            .with_acr(["phr", "mfa"])?
            .with_max_auth_age(seconds(300))?
            .with_max_token_age(seconds(3600))
    };
    demand()
        .unwrap_or_else(|error: ConfigError| panic!("{error}"))
        .with_challenge(realm())
        .with_clock(TestClock::new())
}

/// A caller who lacks nothing of [`everything`].
fn clerk() -> IdentityBuilder {
    identity("alice")
        .roles(["night", "clerk"])
        .scopes("orders:admin api")
        .acr("mfa")
        .auth_time(TestClock::START - seconds(60))
        .issued_at(TestClock::START - seconds(60))
}

#[tokio::test]
async fn a_caller_who_lacks_nothing_passes() {
    assert_eq!(
        send(&everything(), by(clerk())).await.0,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        send(&RequireLayer::new(), by(identity("anybody"))).await.0,
        StatusCode::NO_CONTENT
    );
}

#[tokio::test]
async fn every_shortfall_has_its_exact_answer() {
    let step_up = "Bearer realm=\"orders\", error=\"insufficient_user_authentication\", \
                   acr_values=\"phr mfa\", max_age=\"300\"";
    let scope = "Bearer realm=\"orders\", error=\"insufficient_scope\", scope=\"api orders:write\"";
    let too_old = "Bearer realm=\"orders\", error=\"invalid_token\", \
                   error_description=\"The token is older than the maximum age.\"";
    let stale = TestClock::START - seconds(3631);
    let cases = [
        (
            "insufficient_role",
            clerk().roles(["clerk"]),
            403,
            "7",
            None,
        ),
        ("insufficient_role", clerk().roles(["day"]), 403, "7", None),
        (
            "insufficient_scope",
            clerk().scopes("api"),
            403,
            "7",
            Some(scope),
        ),
        (
            "insufficient_scope",
            clerk().scopes("orders:admin"),
            403,
            "7",
            Some(scope),
        ),
        (
            "step_up_required",
            clerk().acr("pwd"),
            401,
            "16",
            Some(step_up),
        ),
        (
            "auth_too_old",
            clerk().auth_time(stale),
            401,
            "16",
            Some(step_up),
        ),
        (
            "token_too_old",
            clerk().issued_at(stale),
            401,
            "16",
            Some(too_old),
        ),
    ];
    for (reason, caller, status, grpc_status, challenge) in cases {
        let seen = Seen::default();
        let layer = everything().with_observer(seen.clone());

        let (answered, headers) = send(&layer, by(caller.clone())).await;
        assert_eq!(answered.as_u16(), status, "{reason}");
        let challenged = headers.get(WWW_AUTHENTICATE).map(|v| v.to_str().unwrap());
        assert_eq!(challenged, challenge, "{reason}");
        assert_eq!(headers[CACHE_CONTROL], "no-store", "{reason}");
        assert_eq!(
            headers[CONTENT_TYPE], "application/problem+json",
            "{reason}"
        );

        let (answered, headers) = send(&layer, grpc(by(caller))).await;
        assert_eq!(answered, StatusCode::OK, "{reason}");
        assert_eq!(headers["grpc-status"], grpc_status, "{reason}");
        let challenged = headers.get(WWW_AUTHENTICATE).map(|v| v.to_str().unwrap());
        assert_eq!(challenged, challenge, "{reason}");

        let event = (
            VerdictOutcome::Insufficient,
            reason,
            Some(StatusCode::from_u16(status).unwrap()),
        );
        assert_eq!(*seen.0.lock().unwrap(), [event, event], "{reason}");
    }
}

#[tokio::test]
async fn a_refusal_leaves_its_mark_and_a_pass_does_not() {
    for (caller, refused) in [(clerk(), false), (identity("anybody"), true)] {
        let mut request = by(caller);
        let context = RequestContext::ensure(request.extensions_mut(), Instant::now).clone();
        let (status, _) = send(&everything(), request).await;
        assert_eq!(status != StatusCode::NO_CONTENT, refused);
        assert_eq!(context.refused(), refused);
    }
}

#[tokio::test]
async fn nobody_is_answered_with_the_refusal_of_the_auth_layer() {
    let unavailable = Refusal::builder(RefusalKind::Unavailable, "keys_stale")
        .build()
        .retry_after(seconds(7));
    for (mark, status, event) in [
        (
            Anonymous::new(),
            401,
            (VerdictOutcome::Absent, "missing_token"),
        ),
        (
            Anonymous::with_refusal(unavailable),
            503,
            (VerdictOutcome::Indeterminate, "keys_stale"),
        ),
    ] {
        let seen = Seen::default();
        let layer = RequireLayer::new().with_observer(seen.clone());
        let mut request = Request::new(());
        request.extensions_mut().insert(mark);
        let (answered, headers) = send(&layer, request).await;
        assert_eq!(answered.as_u16(), status);
        assert_eq!(headers.contains_key(WWW_AUTHENTICATE), status == 401);
        assert_eq!(headers.contains_key("retry-after"), status == 503);
        assert_eq!(
            *seen.0.lock().unwrap(),
            [(event.0, event.1, Some(answered))]
        );
    }
}

#[tokio::test]
async fn a_preflight_that_the_auth_layer_let_through_passes() {
    let mut request = Request::new(());
    let refusal = Anonymous::new().refusal().clone();
    request
        .extensions_mut()
        .insert(Anonymous::preflight(refusal));
    assert_eq!(send(&everything(), request).await.0, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_missing_auth_layer_is_our_fault_and_not_the_callers() {
    let seen = Seen::default();
    let layer = everything().with_observer(seen.clone());
    let (status, headers) = send(&layer, Request::new(())).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!headers.contains_key(WWW_AUTHENTICATE));
    let (_, headers) = send(&layer, grpc(Request::new(()))).await;
    assert_eq!(headers["grpc-status"], "13");
    let event = (
        VerdictOutcome::Indeterminate,
        "auth_layer_missing",
        Some(status),
    );
    assert_eq!(*seen.0.lock().unwrap(), [event, event]);
}

#[tokio::test]
async fn a_degraded_identity_passes_like_any_other() {
    let degraded = clerk().provenance(Provenance::Degraded(OutageCause::KeysStale));
    let status = send(&everything(), by(degraded)).await.0;
    assert_eq!(status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn what_the_caller_can_do_least_about_comes_first() {
    let nothing = identity("alice");
    let order = [
        (nothing.clone(), "insufficient_role"),
        (
            nothing.clone().roles(["clerk", "day"]),
            "insufficient_scope",
        ),
        (
            nothing
                .clone()
                .roles(["clerk", "day"])
                .scopes("api orders:write"),
            "step_up_required",
        ),
        (
            nothing
                .roles(["clerk", "day"])
                .scopes("api orders:write")
                .acr("phr"),
            "auth_too_old",
        ),
    ];
    for (caller, reason) in order {
        let seen = Seen::default();
        send(&everything().with_observer(seen.clone()), by(caller)).await;
        assert_eq!(seen.0.lock().unwrap()[0].1, reason);
    }
}

#[tokio::test]
async fn demands_add_up_and_a_challenge_names_each_scope_once() {
    let floor = RequireLayer::new().with_scopes(["api"]).unwrap();
    let route = floor
        .clone()
        .with_scopes(["orders", "api"])
        .and_then(|layer| layer.with_any_scope(["orders", "all"]))
        .unwrap();
    let (_, headers) = send(&route, by(identity("alice").scopes("orders"))).await;
    assert_eq!(
        headers[WWW_AUTHENTICATE],
        "Bearer error=\"insufficient_scope\", scope=\"api orders\""
    );
    // The layer that it was made from demands no more than before.
    let status = send(&floor, by(identity("alice").scopes("api"))).await.0;
    assert_eq!(status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn an_age_is_too_old_one_second_after_its_limit_and_leeway() {
    let layer = RequireLayer::new()
        .with_max_auth_age(seconds(60))
        .unwrap()
        .with_clock(TestClock::new());
    let strict = layer.clone().with_leeway(Duration::ZERO).unwrap();
    let ago = |age| clerk().auth_time(TestClock::START - seconds(age));
    let ahead = |span| clerk().auth_time(TestClock::START + seconds(span));
    for (layer, caller, status) in [
        (&layer, ago(90), 204),
        (&layer, ago(91), 401),
        (&layer, ahead(30), 204),
        // Not fresh for ever: it is no time at all.
        (&layer, ahead(31), 401),
        (&layer, ahead(u64::MAX / 2), 401),
        (&strict, ago(60), 204),
        (&strict, ago(61), 401),
        (&strict, ahead(0), 204),
        (&strict, ahead(1), 401),
        // Unknown is too old.
        (&strict, identity("alice"), 401),
    ] {
        let (answered, headers) = send(layer, by(caller)).await;
        assert_eq!(answered.as_u16(), status);
        if status == 401 {
            assert_eq!(
                headers[WWW_AUTHENTICATE],
                "Bearer error=\"insufficient_user_authentication\", max_age=\"60\""
            );
        }
    }
}

#[test]
fn identity_of_an_inner_auth_layer_outranks_the_mark_of_an_outer_one() {
    let mut request = by(clerk());
    request.extensions_mut().insert(Anonymous::new());
    assert!(Identity::of(request.extensions()).is_some());
    let settings = settings::Settings::new();
    let answer = settings.judge(&(), &SystemClock, Head::of(&request));
    assert!(matches!(answer, Judged::Pass));
}
