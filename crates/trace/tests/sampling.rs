//! Which traces are sampled: the caller's wish, the limit, and the caller who is known first.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used)] // unwrap in a test is an assertion

use std::num::NonZeroU32;
use std::time::Duration;

use portcullis_core::{Identity, IdentityParts, Provenance, TraceContext};
use portcullis_testing::TestClock;
use portcullis_trace::{
    Format, Formats, Heard, Roots, Sampling, TraceContextLayer, TraceServer, Trust,
};
use tower::{Layer, Service};

mod kit;

use kit::{Saw, Seen, caller, request};

struct Server {
    service: TraceServer<Seen, (), TestClock>,
    seen: Seen,
    clock: TestClock,
}

impl Server {
    fn new(trust: Trust, sampling: Sampling) -> Self {
        let (seen, clock) = (Seen::default(), TestClock::new());
        let formats = Formats::new([Format::W3c, Format::B3Single]);
        let layer = TraceContextLayer::server().with_clock(clock.clone());
        let layer = layer
            .with_trust(trust)
            .with_sampling(sampling)
            .with_formats(formats);
        Self {
            service: layer.layer(seen.clone()),
            seen,
            clock,
        }
    }

    async fn ask(&mut self, headers: &[(&str, &str)]) -> Saw {
        self.service.call(request(headers)).await.unwrap();
        self.seen.all().pop().unwrap()
    }

    /// Whether a request with these flags is sampled.
    async fn samples(&mut self, flags: &str) -> bool {
        let saw = self.ask(&[("traceparent", &caller(flags))]).await;
        saw.own().flags.is_sampled()
    }
}

fn alice() -> Identity {
    Identity::new(IdentityParts::new("https://idp"), Provenance::Fresh)
}

#[tokio::test]
async fn a_trusted_caller_decides_and_anybody_does_not() {
    let never = Sampling::new().with_roots(Roots::Never);
    let always = Sampling::new();
    for (trust, sampling, flags, sampled) in [
        (Trust::internal(), never, "01", true),
        (Trust::internal(), always, "00", false),
        (Trust::public(), never, "01", false),
        (Trust::public(), always, "00", true),
        (
            Trust::public(),
            never.with_heard(Heard::Everybody),
            "01",
            true,
        ),
        (
            Trust::public(),
            always.with_heard(Heard::Everybody),
            "00",
            false,
        ),
        (
            Trust::internal(),
            never.with_heard(Heard::Nobody),
            "01",
            false,
        ),
        (
            Trust::internal(),
            always.with_heard(Heard::Nobody),
            "00",
            true,
        ),
    ] {
        let mut server = Server::new(trust.clone(), sampling);
        assert_eq!(
            server.samples(flags).await,
            sampled,
            "{trust:?} {sampling:?} {flags}"
        );
    }
}

#[tokio::test]
async fn what_callers_ask_for_is_limited_per_second_and_what_they_do_not_is_not() {
    let sampling = Sampling::new().at_most_per_second(2);
    let mut always = Server::new(Trust::internal(), sampling);
    for _ in 0..9 {
        assert!(
            always.samples("01").await,
            "who asks is not worse off than who does not"
        );
    }
    let mut server = Server::new(Trust::internal(), sampling.with_roots(Roots::Never));
    for second in 0..2 {
        for (index, sampled) in [true, true, false, false].into_iter().enumerate() {
            assert_eq!(
                server.samples("01").await,
                sampled,
                "{index} of second {second}"
            );
        }
        assert!(!server.samples("00").await);
        let root = server.ask(&[]).await.own();
        assert!(!root.flags.is_sampled(), "a root of our own");
        server.clock.advance_sync(Duration::from_secs(1));
    }
}

#[tokio::test]
async fn a_caller_who_is_to_be_known_first_is_sampled_once_it_is() {
    let sampling = Sampling::new()
        .with_roots(Roots::Never)
        .after_authentication()
        .at_most_per_second(1);
    let mut server = Server::new(Trust::internal(), sampling);
    let (first, second) = (
        server.ask(&[("traceparent", &caller("01"))]).await,
        server.ask(&[("traceparent", &caller("01"))]).await,
    );
    assert!(!first.own().flags.is_sampled(), "nobody is known yet");
    first.context.as_ref().unwrap().set_identity(alice());
    assert!(first.own().flags.is_sampled());
    second.context.as_ref().unwrap().set_identity(alice());
    assert!(!second.own().flags.is_sampled(), "one in a second");
    let unsampled = server.ask(&[("traceparent", &caller("00"))]).await;
    unsampled.context.as_ref().unwrap().set_identity(alice());
    assert!(!unsampled.own().flags.is_sampled(), "it did not ask");
}

#[tokio::test]
async fn nobody_hides_from_roots_before_it_is_known_who_that_is() {
    let everybody = Sampling::new()
        .with_heard(Heard::Everybody)
        .after_authentication();
    for (trust, flags, sampled) in [
        (Trust::public(), "00", true),
        (Trust::public(), "01", true),
        (Trust::internal(), "00", false),
    ] {
        let mut server = Server::new(trust.clone(), everybody);
        assert_eq!(server.samples(flags).await, sampled, "{trust:?} {flags}");
    }
}

#[tokio::test]
async fn callers_whom_nobody_knows_do_not_use_the_limit_up() {
    let sampling = Sampling::new()
        .with_roots(Roots::Never)
        .after_authentication()
        .at_most_per_second(1);
    let mut server = Server::new(Trust::internal(), sampling);
    for _ in 0..100 {
        assert!(!server.samples("01").await);
    }
    let saw = server.ask(&[("traceparent", &caller("01"))]).await;
    saw.context.as_ref().unwrap().set_identity(alice());
    assert!(saw.own().flags.is_sampled());
}

#[tokio::test]
async fn a_call_after_authentication_carries_the_flag_that_was_granted() {
    let seen = Seen::default();
    let mut client = TraceContextLayer::client().layer(seen.clone());
    let sampling = Sampling::new()
        .with_roots(Roots::Never)
        .after_authentication();
    let mut server = Server::new(Trust::internal(), sampling);
    let saw = server.ask(&[("traceparent", &caller("01"))]).await;
    let context = saw.context.unwrap();
    for known in [false, true] {
        if known {
            context.set_identity(alice());
        }
        let call = async { client.call(request(&[])).await };
        context.clone().in_scope(call).await.unwrap();
        let sent = seen.all().pop().unwrap().sent();
        assert_eq!(sent.flags.is_sampled(), known);
    }
}

#[tokio::test]
async fn one_root_in_so_many_is_sampled_and_every_server_says_the_same_of_a_trace() {
    let sampling = Sampling::new().with_roots(Roots::OneIn(NonZeroU32::new(4).unwrap()));
    let mut server = Server::new(Trust::internal(), sampling);
    let mut sampled = 0_u32;
    for _ in 0..4000 {
        sampled += u32::from(server.ask(&[]).await.own().flags.is_sampled());
    }
    // Sixteen deviations of a binomial distribution.
    assert!((560..1440).contains(&sampled), "{sampled} of 4000");
    // Left open by the caller: both servers decide by the id.
    let mut other = Server::new(Trust::internal(), sampling);
    for _ in 0..200 {
        let context = TraceContext::root(false);
        let b3 = format!("{}-{}", context.trace_id, context.span_id);
        let one = server.ask(&[("b3", &b3)]).await.own();
        let two = other.ask(&[("b3", &b3)]).await.own();
        assert_eq!(one.trace_id, context.trace_id);
        assert_eq!(one.flags.is_sampled(), two.flags.is_sampled());
    }
}

#[tokio::test]
async fn a_decision_without_a_span_is_heard_and_debug_is_handed_on() {
    let mut server = Server::new(Trust::internal(), Sampling::new());
    assert!(
        !server.ask(&[("b3", "0")]).await.own().flags.is_sampled(),
        "denied"
    );
    let (good, denied) = (caller("01"), ("b3", "0"));
    let b3_first = Formats::new([Format::B3Single, Format::W3c]);
    let seen = Seen::default();
    let layer = TraceContextLayer::server().with_formats(b3_first);
    let both = request(&[denied, ("traceparent", &good)]);
    layer.layer(seen.clone()).call(both).await.unwrap();
    let own = seen.only().own();
    assert_eq!(
        (own.trace_id.to_string().as_str(), own.flags.is_sampled()),
        (kit::T, false)
    );
    let debug = server.ask(&[("b3", "d")]).await.own();
    assert!(debug.flags.is_debug() && debug.flags.is_sampled());
    let seen = Seen::default();
    let layer = TraceContextLayer::client().with_formats(Formats::new([Format::B3Single]));
    let context = server.ask(&[("b3", "d")]).await.context.unwrap();
    let mut client = layer.layer(seen.clone());
    let call = async { client.call(request(&[])).await };
    context.in_scope(call).await.unwrap();
    assert!(seen.only().header("b3").unwrap().ends_with("-d"));
}
