//! The task between log and view, on a clock that only moves when everybody waits.
#![allow(clippy::unwrap_used, reason = "unwrap in a test is an assertion")]

mod common;

use std::sync::atomic::Ordering;
use std::time::Duration;

use common::{ISSUER, Mood, Moody, S, builder, check, secrets, token};
use portcullis_core::Secret;
use portcullis_revocation::{Check, Kind, MemoryLog, Order, Revocation, Secrets, Target};
use portcullis_testing::TestClock;
use tokio::time::{Instant, sleep};

const P: Duration = Duration::from_millis(500);
const LATEST: Duration = Duration::from_millis(600);

fn session(name: &str) -> Target {
    Target::session(ISSUER, name)
}

#[tokio::test(start_paused = true)]
async fn nothing_is_known_before_the_log_was_read_and_everything_after() {
    let clock = TestClock::following_tokio();
    let log = Moody::new(&clock);
    log.set(Mood::Down);
    let revocation = builder(log.clone(), &clock).start().unwrap();
    let view = revocation.view();
    let ids = token(&view, &clock, "s");
    sleep(S).await;
    assert_eq!(check(&view, &clock, &ids), Check::NeverSynced);
    let health = revocation.health();
    assert!(!health.synced && health.bound.is_none());
    assert_eq!(health.troubles[0].label(), "unavailable");
    log.set(Mood::Well);
    sleep(LATEST).await;
    assert_eq!(check(&view, &clock, &ids), Check::Clear);
    let health = revocation.health();
    assert!(health.synced && health.troubles.is_empty());
    assert_eq!(health.bound, Some(S));
}

#[tokio::test(start_paused = true)]
async fn another_node_enforces_a_revocation_within_one_poll_if_every_hint_is_lost() {
    let clock = TestClock::following_tokio();
    let log = Moody {
        hints: None,
        ..Moody::new(&clock)
    };
    let (here, there) = (
        builder(log.clone(), &clock).start().unwrap(),
        builder(log.clone(), &clock).start().unwrap(),
    );
    let views = [here.view(), there.view()];
    let ids = views.each_ref().map(|view| token(view, &clock, "s"));
    sleep(P * 3).await;
    for (view, ids) in views.iter().zip(&ids) {
        assert_eq!(check(view, &clock, ids), Check::Clear);
    }
    here.revoker().revoke(session("s")).await.unwrap();
    assert_eq!(
        check(&views[0], &clock, &ids[0]),
        Check::Revoked(Kind::Session),
        "here at once"
    );
    sleep(LATEST).await;
    assert_eq!(
        check(&views[1], &clock, &ids[1]),
        Check::Revoked(Kind::Session)
    );
    here.revoker().lift(session("s")).await.unwrap();
    sleep(LATEST).await;
    for (view, ids) in views.iter().zip(&ids) {
        assert_eq!(check(view, &clock, ids), Check::Clear);
    }
}

#[tokio::test(start_paused = true)]
async fn a_hint_brings_a_revocation_within_20_ms_and_a_storm_no_more_polls() {
    let clock = TestClock::following_tokio();
    let log = Moody::new(&clock);
    let node = builder(log.clone(), &clock).start().unwrap();
    let view = node.view();
    let ids = token(&view, &clock, "s");
    sleep(P * 2).await;
    let other = builder(log.log.clone(), &clock).start().unwrap();
    other.revoker().revoke(session("s")).await.unwrap();
    log.hints.as_ref().unwrap().send();
    sleep(Duration::from_millis(21)).await;
    assert_eq!(check(&view, &clock, &ids), Check::Revoked(Kind::Session));
    let before = log.polls().len();
    for _ in 0..1000 {
        log.hints.as_ref().unwrap().send();
        sleep(Duration::from_millis(1)).await;
    }
    let polls = log.polls();
    let (came, gaps) = (polls.len() - before, polls.windows(2).skip(before));
    assert!((40..=52).contains(&came), "{came} polls in a second");
    for gap in gaps {
        assert!(gap[1] - gap[0] >= Duration::from_millis(20), "{gap:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn polls_are_spread_by_a_fifth() {
    let clock = TestClock::following_tokio();
    let log = Moody::new(&clock);
    let _node = builder(log.clone(), &clock).start().unwrap();
    sleep(P * 200).await;
    let polls = log.polls();
    // The first two are those of the cold start.
    let gaps: Vec<_> = polls[2..]
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .collect();
    assert!((180..=220).contains(&gaps.len()), "{}", gaps.len());
    let (least, most) = (gaps.iter().min().unwrap(), gaps.iter().max().unwrap());
    assert!((400..=430).contains(&least.as_millis()), "{least:?}");
    assert!((570..=601).contains(&most.as_millis()), "{most:?}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_log_is_left_at_the_deadline_and_the_view_grows_old() {
    let clock = TestClock::following_tokio();
    let log = Moody::new(&clock);
    let node = builder(log.clone(), &clock).start().unwrap();
    let view = node.view();
    let (ids, other) = (token(&view, &clock, "s"), token(&view, &clock, "other"));
    sleep(P * 2).await;
    node.revoker().revoke(session("other")).await.unwrap();
    log.set(Mood::Silent);
    let (before, began) = (log.polls().len(), Instant::now());
    sleep(S).await;
    let calls = log.polls().len() - before;
    let most = began.elapsed().as_millis() / 400 + 1;
    assert!(calls >= 20 && calls as u128 <= most, "{calls}");
    sleep(LATEST).await;
    assert!(matches!(check(&view, &clock, &ids), Check::Stale { .. }));
    assert_eq!(check(&view, &clock, &other), Check::Revoked(Kind::Session));
    assert_eq!(node.health().troubles[0].label(), "timeout");
    log.set(Mood::Well);
    sleep(LATEST + Duration::from_millis(250)).await;
    assert_eq!(check(&view, &clock, &ids), Check::Clear, "within one poll");
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_survived_and_told() {
    let clock = TestClock::following_tokio();
    let log = Moody::new(&clock);
    let node = builder(log.clone(), &clock).start().unwrap();
    let view = node.view();
    let ids = token(&view, &clock, "s");
    sleep(P * 2).await;
    log.set(Mood::Panics);
    sleep(P * 4).await;
    log.set(Mood::Well);
    sleep(Duration::from_secs(20)).await;
    assert_eq!(check(&view, &clock, &ids), Check::Clear);
    assert_eq!(node.health().troubles[0].label(), "panicked");
}

#[tokio::test(start_paused = true)]
async fn the_task_ends_with_the_last_handle_of_any_kind() {
    let clock = TestClock::following_tokio();
    let log = Moody::new(&clock);
    let node = builder(log.clone(), &clock).start().unwrap();
    let (view, revoker) = (node.view(), node.revoker());
    drop(node);
    sleep(P * 4).await;
    drop(revoker);
    let before = log.calls.load(Ordering::Relaxed);
    sleep(P * 4).await;
    assert!(
        log.calls.load(Ordering::Relaxed) > before,
        "the view is a handle"
    );
    drop(view.clone());
    sleep(P * 4).await;
    drop(view);
    sleep(P).await;
    let before = log.calls.load(Ordering::Relaxed);
    sleep(P * 10).await;
    assert_eq!(log.calls.load(Ordering::Relaxed), before);
    let tasks = tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks();
    assert_eq!(tasks, 0);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_revocations_in_a_burst_are_read_in_pages_of_100() {
    let clock = TestClock::following_tokio();
    let log = Moody {
        hints: None,
        ..Moody::new(&clock)
    };
    let node = builder(log.clone(), &clock).with_page(100).start().unwrap();
    let view = node.view();
    sleep(P * 2).await;
    let writer = builder(log.log.clone(), &clock).start().unwrap();
    for burst in 0..20 {
        let names = (0..500).map(|n| session(&format!("{}", burst * 500 + n)));
        writer
            .revoker()
            .submit(&Order::revoke(names))
            .await
            .unwrap();
    }
    let before = log.polls().len();
    sleep(LATEST).await;
    for n in (0..10_000).step_by(7) {
        let ids = token(&view, &clock, &n.to_string());
        assert_eq!(
            check(&view, &clock, &ids),
            Check::Revoked(Kind::Session),
            "{n}"
        );
    }
    // 99 new ones a page after the first, for the anchor is among the hundred; and a poll or two by the clock.
    let polls = log.polls().len() - before;
    assert!((101..=104).contains(&polls), "{polls}");
    // A node that starts now reads the set, in pages too.
    let late = builder(log.clone(), &clock).with_page(100).start().unwrap();
    sleep(LATEST).await;
    let view = late.view();
    assert_eq!(late.health().entries, 10_000);
    assert_eq!(
        check(&view, &clock, &token(&view, &clock, "9999")),
        Check::Revoked(Kind::Session)
    );
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_jumps_is_believed_after_the_next_poll() {
    let clock = TestClock::following_tokio();
    let log = Moody {
        hints: None,
        ..Moody::new(&clock)
    };
    let node = builder(log.clone(), &clock).start().unwrap();
    let view = node.view();
    let ids = token(&view, &clock, "s");
    sleep(P * 3).await;
    assert_eq!(check(&view, &clock, &ids), Check::Clear);
    // As after a sleep of the machine.
    clock.advance_wall_only(Duration::from_secs(600));
    assert!(matches!(check(&view, &clock, &ids), Check::Stale { .. }));
    sleep(LATEST).await;
    assert_eq!(check(&view, &clock, &ids), Check::Clear);
}

#[tokio::test(start_paused = true)]
async fn a_node_with_another_secret_is_told_and_never_synced() {
    let clock = TestClock::following_tokio();
    let log = Moody::new(&clock);
    let _right = builder(log.clone(), &clock).start().unwrap();
    sleep(P * 2).await;
    let secret = Secrets::new(&Secret::new(vec![4; 32])).unwrap();
    let wrong = Revocation::builder(secret, log.clone()).with_clock(clock.clone());
    let wrong = wrong.start().unwrap();
    let view = wrong.view();
    let ids = token(&view, &clock, "s");
    sleep(P * 4).await;
    assert_eq!(check(&view, &clock, &ids), Check::NeverSynced);
    let labels: Vec<_> = wrong
        .health()
        .troubles
        .iter()
        .map(|one| one.label())
        .collect();
    assert_eq!(labels, ["secret_young", "other_secrets"]);
}

#[tokio::test(start_paused = true)]
async fn a_rotation_in_three_steps_loses_no_revocation_and_no_request() {
    let clock = TestClock::following_tokio();
    let log = Moody::new(&clock);
    let (old, new) = (Secret::new(vec![1; 32]), Secret::new(vec![2; 32]));
    let hour = Duration::from_secs(3600);
    let with = |secrets: Secrets| {
        let builder = Revocation::builder(secrets, log.clone()).with_clock(clock.clone());
        builder.with_max_token_lifetime(hour).start().unwrap()
    };
    let one = with(Secrets::new(&old).unwrap());
    sleep(P * 2).await;
    one.revoker().revoke(session("early")).await.unwrap();
    let both = with(Secrets::rotating(&old, &new).unwrap());
    sleep(P * 2).await;
    assert!(both.health().synced);
    both.revoker().revoke(session("between")).await.unwrap();
    // Too soon: what was revoked before is not known under the new secret.
    let hasty = with(Secrets::rotating(&new, &old).unwrap());
    sleep(P * 2).await;
    assert!(!hasty.health().synced);
    drop((one, hasty));
    sleep(hour + Duration::from_secs(400)).await;
    both.revoker().revoke(session("late")).await.unwrap();
    let turned = with(Secrets::rotating(&new, &old).unwrap());
    sleep(P * 2).await;
    assert!(turned.health().synced, "{:?}", turned.health().troubles);
    let view = turned.view();
    let late = token(&view, &clock, "late");
    assert_eq!(check(&view, &clock, &late), Check::Revoked(Kind::Session));
    drop(both);
    let last = with(Secrets::new(&new).unwrap());
    sleep(P * 2).await;
    assert!(last.health().synced);
}

#[tokio::test(start_paused = true)]
async fn a_view_without_room_says_so_until_there_is_some() {
    let clock = TestClock::following_tokio();
    let log = Moody::new(&clock);
    let minute = Duration::from_secs(60);
    let small = builder(log.clone(), &clock).with_capacity(10);
    let small = small.with_max_token_lifetime(minute).start().unwrap();
    let large = builder(log.clone(), &clock)
        .with_max_token_lifetime(minute)
        .start()
        .unwrap();
    let view = small.view();
    sleep(P * 2).await;
    let names = (0..11).map(|n| session(&n.to_string()));
    large.revoker().submit(&Order::revoke(names)).await.unwrap();
    sleep(LATEST).await;
    let mut facts = portcullis_revocation::TokenFacts::new(ISSUER);
    use portcullis_core::Clock as _;
    facts.issued_at = Some(clock.wall());
    facts.expires_at = Some(clock.wall() + minute);
    facts.session = Some("clear");
    let clear = view.token_ids(&facts);
    assert_eq!(check(&view, &clock, &clear), Check::Full);
    assert_eq!(small.health().troubles[0].label(), "view_full");
    assert_eq!(large.health().entries, 11);
    // Forgotten after a horizon of 60 + 360 s, a minute more to be sure, and the next look at it.
    sleep(minute * 10).await;
    facts.issued_at = Some(clock.wall());
    facts.expires_at = Some(clock.wall() + minute);
    assert_eq!(check(&view, &clock, &view.token_ids(&facts)), Check::Clear);
}

#[test]
fn starting_outside_of_a_runtime_or_with_nonsense_is_an_error_that_tells_all() {
    let error = Revocation::builder(secrets(), MemoryLog::new())
        .with_poll_every(Duration::ZERO)
        .with_poll_deadline(Duration::ZERO)
        .with_max_age(Duration::from_secs(301))
        .with_max_token_lifetime(Duration::ZERO)
        .with_capacity(0)
        .with_page(1)
        .start()
        .unwrap_err();
    let paths: Vec<_> = error.problems().map(|one| one.path.as_str()).collect();
    let all = [
        "poll_every",
        "poll_deadline",
        "max_age",
        "capacity",
        "page",
        "",
        "max_token_lifetime",
    ];
    assert_eq!(paths, all);
}
