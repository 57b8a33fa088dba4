use std::time::Duration;

use super::model::{Model, fingerprint, id};
use super::*;
use crate::log::{Quorum, Refused};
use crate::{Check, Kind, State};

const S: Duration = Duration::from_secs(15);

fn synced(model: &mut Model) -> super::model::Node {
    let mut node = model.node(100);
    model.settle(&mut node);
    node
}

fn troubles(node: &super::model::Node, model: &Model) -> Vec<&'static str> {
    let health = node.follower.health(node.view.age(model.moment()));
    health.troubles.iter().map(Trouble::label).collect()
}

/// The page that the log gives for what the node asks now, to be tampered with.
fn page(model: &mut Model, node: &mut super::model::Node) -> Page {
    node.follower.due();
    match node.follower.next() {
        Request::Poll(poll) => model.log.poll(&poll, model.server_time()),
        other => panic!("{other:?}"),
    }
}

fn answer(model: &Model, node: &mut super::model::Node, page: Page) {
    node.follower
        .polled(model.moment(), model.moment(), Ok(page));
}

#[test]
fn a_cold_start_reads_the_head_the_set_and_then_the_tail() {
    let mut model = Model::new();
    model.revoke(1);
    let mut node = model.node(100);
    assert_eq!(node.check(1, model.moment()), Check::NeverSynced);
    let Request::Poll(poll) = node.follower.next() else {
        panic!()
    };
    assert_eq!(poll.anchor, None);
    model.step(&mut node);
    // Revoked after the head was read: in the set, in the tail, or in both.
    model.revoke(2);
    assert!(matches!(node.follower.next(), Request::Snapshot(None, 100)));
    model.step(&mut node);
    model.revoke(3);
    assert_eq!(node.view.age(model.moment()), None, "the tail is not read");
    let Request::Poll(poll) = node.follower.next() else {
        panic!()
    };
    assert_eq!(poll.anchor.unwrap().seq, 1, "the head of before the set");
    model.step(&mut node);
    for n in 1..=3 {
        assert_eq!(node.check(n, model.moment()), Check::Revoked(Kind::Session));
    }
    assert_eq!(node.check(4, model.moment()), Check::Clear);
    assert!(matches!(node.follower.next(), Request::Wait));
}

#[test]
fn a_page_that_does_not_reach_the_newest_change_vouches_for_nothing() {
    let mut model = Model::new();
    let mut node = model.node(2);
    model.settle(&mut node);
    let first = node.view.age(model.moment()).unwrap();
    for n in 0..4 {
        model.revoke(n);
    }
    model.pass(Duration::from_secs(1));
    node.follower.due();
    // The first page has no anchor in it, the others have.
    for _ in 0..2 {
        model.step(&mut node);
        assert!(node.view.age(model.moment()).unwrap() > first, "not yet");
    }
    model.step(&mut node);
    assert_eq!(node.view.age(model.moment()), Some(Duration::ZERO));
}

#[test]
fn a_failover_that_ends_at_the_same_number_is_noticed() {
    let mut model = Model::new();
    model.revoke(1);
    model.revoke(2);
    let mut node = synced(&mut model);
    model.revoke(3);
    model.settle(&mut node);
    // Number 3 is lost, and another takes its place: a counter sees nothing.
    model.fail_over(1);
    model.revoke(4);
    model.settle(&mut node);
    for n in 1..=4 {
        assert_eq!(node.check(n, model.moment()), Check::Revoked(Kind::Session));
        assert!(
            model.log.set.get(&id(n)).is_some(),
            "{n} is back in the log"
        );
    }
}

#[test]
fn a_gap_in_the_numbers_is_noticed() {
    let mut model = Model::new();
    let mut node = synced(&mut model);
    for n in 1..=3 {
        model.revoke(n);
    }
    let mut gap = page(&mut model, &mut node);
    gap.changes.remove(1);
    answer(&model, &mut node, gap);
    assert!(
        matches!(node.follower.phase, Phase::Head),
        "{:?}",
        node.follower.phase
    );
    model.settle(&mut node);
    assert_eq!(node.check(2, model.moment()), Check::Revoked(Kind::Session));
}

#[test]
fn a_flush_is_noticed_and_everything_is_brought_back() {
    let mut model = Model::new();
    for n in 0..5 {
        model.revoke(n);
    }
    model.lift(4);
    let mut node = synced(&mut model);
    model.flush();
    model.settle(&mut node);
    let mut other = synced(&mut model);
    for n in 0..4 {
        assert_eq!(node.check(n, model.moment()), Check::Revoked(Kind::Session));
        assert_eq!(
            other.check(n, model.moment()),
            Check::Revoked(Kind::Session)
        );
    }
    assert_eq!(other.check(4, model.moment()), Check::Clear);
    model.settle(&mut other);
    assert!(
        troubles(&other, &model).is_empty(),
        "{:?}",
        troubles(&other, &model)
    );
}

#[test]
fn a_flush_while_the_set_is_read_does_not_stop_the_reading_for_ever() {
    let mut model = Model::new();
    model.revoke(1);
    let mut node = model.node(100);
    model.step(&mut node);
    model.flush();
    // The log has no epoch and no set until it is polled.
    model.settle(&mut node);
    model.settle(&mut node);
    assert_eq!(node.check(2, model.moment()), Check::Clear);
}

#[test]
fn what_was_brought_back_and_lost_again_is_brought_back_again() {
    let mut model = Model::new();
    model.revoke(1);
    let mut node = synced(&mut model);
    model.flush();
    node.follower.due();
    // As far as the acknowledgement, and no further.
    while model.log.set.get(&id(1)).is_none() {
        model.tick();
        if !model.step(&mut node) {
            node.follower.due();
        }
    }
    model.fail_over(1);
    assert!(model.log.set.get(&id(1)).is_none());
    model.settle(&mut node);
    model.settle(&mut node);
    assert!(model.log.set.get(&id(1)).is_some());
}

#[test]
fn what_was_lost_while_the_set_was_read_is_brought_back() {
    let mut model = Model::new();
    let mut node = model.node(100);
    model.step(&mut node);
    model.revoke(1);
    model.step(&mut node);
    // Read from the set, and lost before it was read from the tail.
    model.fail_over(1);
    model.settle(&mut node);
    model.settle(&mut node);
    assert_eq!(node.check(1, model.moment()), Check::Revoked(Kind::Session));
    assert!(model.log.set.get(&id(1)).is_some());
}

#[test]
fn a_revocation_of_our_own_that_was_lost_before_anybody_read_it_is_brought_back() {
    let mut model = Model::new();
    let mut node = synced(&mut model);
    let records = model.revoke(1);
    node.follower.own(model.moment().at, &records);
    assert_eq!(
        node.check(1, model.moment()),
        Check::Revoked(Kind::Session),
        "at once"
    );
    model.fail_over(1);
    model.settle(&mut node);
    model.settle(&mut node);
    assert!(model.log.set.get(&id(1)).is_some());
    assert!(node.follower.own.is_empty());
}

#[test]
fn a_revocation_of_our_own_that_the_tail_brought_first_is_not_brought_back() {
    let mut model = Model::new();
    let mut node = synced(&mut model);
    let records = model.revoke(1);
    model.settle(&mut node);
    node.follower.own(model.moment().at, &records);
    model.settle(&mut node);
    assert!(node.follower.lost.is_empty() && node.follower.own.is_empty());
    assert_eq!(
        model
            .log
            .poll(&node.follower.poll(None), model.server_time())
            .head
            .seq,
        1
    );
}

#[test]
fn a_lift_outranks_a_node_that_brings_the_revocation_back() {
    let mut model = Model::new();
    model.revoke(1);
    let (mut one, mut other) = (synced(&mut model), synced(&mut model));
    model.lift(1);
    model.settle(&mut one);
    model.flush();
    // It has not heard of the lift, and is the first to bring back what it knows.
    for _ in 0..3 {
        model.settle(&mut other);
        model.settle(&mut one);
    }
    assert_eq!(one.check(1, model.moment()), Check::Clear);
    assert_eq!(other.check(1, model.moment()), Check::Clear);
    model.revoke(1);
    model.settle(&mut one);
    assert_eq!(one.check(1, model.moment()), Check::Revoked(Kind::Session));
}

#[test]
fn errors_change_nothing_and_are_not_answered_by_a_storm() {
    let mut model = Model::new();
    model.revoke(1);
    let mut node = synced(&mut model);
    node.follower.due();
    let Request::Poll(_) = node.follower.next() else {
        panic!()
    };
    let refused = LogError::Refused(Refused::OutOfMemory);
    node.follower
        .polled(model.moment(), model.moment(), Err(refused));
    assert!(matches!(node.follower.next(), Request::Wait));
    assert_eq!(troubles(&node, &model), ["out_of_memory"]);
    assert_eq!(node.check(1, model.moment()), Check::Revoked(Kind::Session));
    model.pass(S);
    assert!(matches!(node.check(2, model.moment()), Check::Stale { .. }));
    model.settle(&mut node);
    assert_eq!(node.check(2, model.moment()), Check::Clear);
    assert!(troubles(&node, &model).is_empty());
}

#[test]
fn what_a_page_tells_decides_whether_it_is_believed() {
    type Tamper = fn(&mut Page);
    let quorum = |good| Quorum::Configured {
        good,
        replicas: 3,
        max_lag: Duration::from_secs(2),
    };
    let bound = |lag| Some(S + Duration::from_secs(lag));
    let cases: [(&str, Tamper, bool, Option<Duration>); 7] = [
        (
            "secret_unknown",
            |page| page.fingerprints.clear(),
            false,
            bound(0),
        ),
        (
            "secret_young",
            |page| page.fingerprints[0].since = page.server_time - Duration::from_secs(3600),
            false,
            bound(0),
        ),
        (
            "horizon",
            |page| page.horizon = Horizon::new(Duration::from_secs(3600)).unwrap(),
            false,
            bound(0),
        ),
        (
            "other_secrets",
            |page| {
                let mut other = page.fingerprints[0];
                other.fingerprint = Fingerprint::from_bytes([0; 16]);
                page.fingerprints.push(other);
            },
            true,
            bound(0),
        ),
        (
            "quorum_unchecked",
            |page| page.quorum = Quorum::Unchecked { replicas: 3 },
            true,
            None,
        ),
        (
            "clocks_apart",
            |page| page.server_time = page.server_time + Duration::from_secs(60),
            true,
            bound(0),
        ),
        (
            "bad_entry",
            |page| page.changes[0].entry = Err(BadEntry::Malformed),
            false,
            bound(0),
        ),
    ];
    for (label, tamper, believed, bound) in cases {
        let mut model = Model::new();
        let mut node = synced(&mut model);
        model.revoke(1);
        model.pass(Duration::from_secs(1));
        let mut page = page(&mut model, &mut node);
        tamper(&mut page);
        answer(&model, &mut node, page);
        assert_eq!(troubles(&node, &model), [label]);
        let fresh = node.view.age(model.moment()) == Some(Duration::ZERO);
        assert_eq!(fresh, believed, "{label}");
        let health = node.follower.health(node.view.age(model.moment()));
        assert_eq!(health.bound, bound, "{label}");
    }
    for good in 0..=3 {
        let mut model = Model::new();
        let mut node = synced(&mut model);
        model.pass(Duration::from_secs(1));
        let mut page = page(&mut model, &mut node);
        page.quorum = quorum(good);
        answer(&model, &mut node, page);
        let fresh = node.view.age(model.moment()) == Some(Duration::ZERO);
        assert_eq!(fresh, good >= 2, "{good}");
        let health = node.follower.health(None);
        assert_eq!(health.bound, bound(2));
    }
}

#[test]
fn an_entry_that_cannot_be_read_hides_no_other_and_is_looked_at_again() {
    let mut model = Model::new();
    let mut node = synced(&mut model);
    for n in 1..=3 {
        model.revoke(n);
    }
    let mut bad = page(&mut model, &mut node);
    bad.changes[1].entry = Err(BadEntry::OtherVersion(2));
    answer(&model, &mut node, bad);
    assert_eq!(troubles(&node, &model), ["entry_of_other_version"]);
    assert_eq!(node.check(1, model.moment()), Check::Revoked(Kind::Session));
    assert_eq!(node.check(3, model.moment()), Check::Revoked(Kind::Session));
    model.pass(S);
    model.settle(&mut node);
    assert!(matches!(node.check(4, model.moment()), Check::Stale { .. }));
    // In the log there is nothing wrong with it any more.
    model.pass(AGAIN);
    model.settle(&mut node);
    model.settle(&mut node);
    assert_eq!(node.check(4, model.moment()), Check::Clear);
    assert_eq!(node.check(2, model.moment()), Check::Revoked(Kind::Session));
}

#[test]
fn a_log_in_which_nothing_fits_together_is_asked_once_a_turn() {
    let mut model = Model::new();
    let mut node = synced(&mut model);
    model.revoke(1);
    let mut asked = 0;
    for _ in 0..10 {
        node.follower.due();
        loop {
            match node.follower.next() {
                Request::Wait => break,
                Request::Poll(poll) => {
                    let mut page = model.log.poll(&poll, model.server_time());
                    page.head.seq += 7;
                    asked += 1;
                    answer(&model, &mut node, page);
                }
                Request::Snapshot(cursor, limit) => {
                    let page = model.log.snapshot(cursor.as_ref(), limit);
                    asked += 1;
                    node.follower.snapshot_read(page);
                }
                Request::Reassert(_) => panic!("it is not known what is lost"),
            }
        }
    }
    assert!(asked <= 40, "{asked}");
}

#[test]
fn a_watermark_has_the_time_of_the_server_and_never_moves_back() {
    let mut model = Model::new();
    let mut node = synced(&mut model);
    let kind = Kind::Subject;
    let revoke = crate::log::Edit::Revoke {
        kind,
        expires: None,
    };
    let at = |record: Record| match record.state {
        State::Revoked { at } => at,
        State::Lifted => panic!("it is revoked"),
    };
    model.pass(Duration::from_secs(100));
    let first = model.edit(id(9), revoke)[0].1;
    assert_eq!(at(first), model.server_time());
    // Another server, whose clock is behind.
    model.go_back(Duration::from_secs(50));
    let second = model.edit(id(9), revoke)[0].1;
    assert!(second.stamp > first.stamp);
    assert_eq!(at(second), at(first));
    // Unless it was taken back meanwhile.
    model.edit(id(9), crate::log::Edit::Lift { kind });
    let third = model.edit(id(9), revoke)[0].1;
    assert_eq!(at(third), model.server_time());
    model.settle(&mut node);
    assert_eq!(node.record(&id(9)), Some(third));
}

#[test]
fn a_panic_reads_everything_again_after_a_rest() {
    let mut model = Model::new();
    model.revoke(1);
    let mut node = synced(&mut model);
    node.follower.panicked();
    assert!(matches!(node.follower.next(), Request::Wait));
    assert_eq!(troubles(&node, &model), ["panicked"]);
    assert_eq!(node.check(1, model.moment()), Check::Revoked(Kind::Session));
    model.settle(&mut node);
    assert_eq!(node.check(2, model.moment()), Check::Clear);
    assert_eq!(node.follower.settings.fingerprints, [fingerprint()]);
}
