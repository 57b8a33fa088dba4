//! What every log must do, as functions to call from its tests.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! use portcullis_revocation::{MemoryLog, conformance};
//!
//! conformance::all(async || MemoryLog::new()).await;
//! # }
//! ```
//!
//! Each function takes a log that is empty and that nobody else uses. They panic where it does not keep the
//! contract of [`RevocationLog`], with the row that it breaks.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::log::{
    Anchor, Append, Appended, Change, Claim, Covered, Edit, Epoch, LogError, Mark, OpId, Page,
    Poll, RevocationLog,
};
use crate::time::{ServerTime, Stamp};
use crate::{Fingerprint, Horizon, Id, Kind, Record, State};

/// Runs all of them, each over a log of its own.
///
/// # Panics
/// If the log breaks a row.
pub async fn all<L: RevocationLog>(new: impl AsyncFn() -> L) {
    an_empty_log_has_a_head_and_no_changes(&new().await).await;
    changes_are_numbered_without_a_gap(&new().await).await;
    pages_begin_with_their_anchor(&new().await).await;
    an_anchor_that_was_never_given_is_not_found(&new().await).await;
    stamps_grow_and_exceed_every_floor(&new().await).await;
    a_revocation_has_the_time_of_the_server(&new().await).await;
    nothing_is_kept_beyond_the_horizon(&new().await).await;
    the_set_is_read_in_parts_and_has_everything_once(&new().await).await;
    the_later_of_two_changes_holds(&new().await).await;
    an_append_is_done_once(&new().await).await;
    an_append_is_done_wholly(&new().await).await;
    what_is_brought_back_is_joined(&new().await).await;
    the_epoch_stays(&new().await).await;
    secrets_are_known_by_who_told_and_who_wrote(&new().await).await;
    a_write_before_any_poll_tells_its_secret(&new().await).await;
    appends_at_once_are_numbered_one_after_the_other(&new().await).await;
    an_append_sends_a_hint(&new().await).await;
}

/// A log with nothing in it has head zero, and its tail from the beginning is empty.
///
/// # Panics
/// If not.
pub async fn an_empty_log_has_a_head_and_no_changes(log: &impl RevocationLog) {
    let head = poll(log, None).await;
    assert_eq!(head.head, Anchor::default(), "the head before any change");
    assert!(head.changes.is_empty(), "no anchor, no changes");
    let page = poll(log, Some(Anchor::default())).await;
    assert!(page.changes.is_empty(), "no change from the beginning");
    assert_eq!(page.horizon, Horizon::DEFAULT, "the first horizon told");
    assert!(set(log, 10).await.is_empty(), "nothing in the set");
}

/// Changes are numbered from 1 without a gap, with marks of their own; the head is the newest.
///
/// # Panics
/// If not.
pub async fn changes_are_numbered_without_a_gap(log: &impl RevocationLog) {
    for n in 0..5 {
        append(log, vec![(id(n), revoke())]).await;
    }
    append(log, vec![(id(5), revoke()), (id(6), revoke())]).await;
    let page = poll(log, Some(Anchor::default())).await;
    let numbers: Vec<_> = page.changes.iter().map(|change| change.at.seq).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7], "numbers");
    let ids: Vec<_> = page.changes.iter().map(|change| said(change).0).collect();
    assert_eq!(ids, (0..7).map(id).collect::<Vec<_>>(), "in their order");
    assert_eq!(page.changes[6].at, page.head, "the newest is the head");
    let mut marks: Vec<_> = page.changes.iter().map(|change| change.at.mark.0).collect();
    marks.sort_unstable();
    marks.dedup();
    assert_eq!(marks.len(), 7, "marks differ");
}

/// A page begins with the change of its anchor and has as many as asked for.
///
/// # Panics
/// If not.
pub async fn pages_begin_with_their_anchor(log: &impl RevocationLog) {
    for n in 0..7 {
        append(log, vec![(id(n), revoke())]).await;
    }
    let all = poll(log, Some(Anchor::default())).await.changes;
    for (at, change) in all.iter().enumerate() {
        let mut ask = question(Some(change.at));
        ask.limit = 3;
        let page = log.poll(ask).await.expect("a poll");
        assert_eq!(page.changes, all[at..all.len().min(at + 3)], "from {at}");
        assert_eq!(page.head.seq, 7, "the head is that of the log");
    }
}

/// An anchor that the log never gave is not what a page begins with.
///
/// # Panics
/// If it is.
pub async fn an_anchor_that_was_never_given_is_not_found(log: &impl RevocationLog) {
    for n in 0..3 {
        append(log, vec![(id(n), revoke())]).await;
    }
    let known = poll(log, Some(Anchor::default())).await.changes[1].at;
    let other_mark = Anchor {
        mark: Mark(known.mark.0 ^ 1),
        ..known
    };
    let other_number = Anchor { seq: 77, ..known };
    for anchor in [other_mark, other_number] {
        let page = poll(log, Some(anchor)).await;
        let first = page.changes.first().map(|change| change.at);
        assert_ne!(first, Some(anchor), "an anchor of another history");
    }
}

/// Stamps grow with every change, and exceed whatever a node has seen.
///
/// # Panics
/// If not.
pub async fn stamps_grow_and_exceed_every_floor(log: &impl RevocationLog) {
    let mut last = Stamp::default();
    for n in 0..4 {
        for record in append(log, vec![(id(n), revoke()), (id(n), lift())])
            .await
            .records
        {
            assert!(record.1.stamp > last, "stamps grow");
            last = record.1.stamp;
        }
    }
    let far = Stamp::from_micros(last.as_micros() + 3_600_000_000);
    let mut ask = question(None);
    ask.floor = far;
    log.poll(ask).await.expect("a poll");
    let record = append(log, vec![(id(9), revoke())]).await.records[0].1;
    assert!(record.stamp > far, "the floor of a poll");
    let farther = Stamp::from_micros(far.as_micros() + 3_600_000_000);
    let mut change = edits(vec![(id(9), revoke())]);
    change.floor = farther;
    let record = log.append(change).await.expect("an append").records[0].1;
    assert!(record.stamp > farther, "the floor of an append");
}

/// What is revoked is revoked now, by the clock of the server; never in the future.
///
/// # Panics
/// If not.
pub async fn a_revocation_has_the_time_of_the_server(log: &impl RevocationLog) {
    let mut ask = question(None);
    // A floor far ahead moves stamps, not times.
    ask.floor = Stamp::from_micros(Stamp::MAX.as_micros() / 2);
    let before = log.poll(ask).await.expect("a poll").server_time;
    let record = append(log, vec![(id(1), revoke())]).await.records[0].1;
    let after = poll(log, None).await.server_time;
    let State::Revoked { at } = record.state else {
        panic!("it is revoked");
    };
    assert!(before <= at && at <= after, "{before:?} {at:?} {after:?}");
}

/// A change is kept as long as asked for, and not beyond the horizon.
///
/// # Panics
/// If not.
pub async fn nothing_is_kept_beyond_the_horizon(log: &impl RevocationLog) {
    let now = poll(log, None).await.server_time;
    let keep = Horizon::DEFAULT.keep();
    let until = |expires| Edit::Revoke {
        kind: Kind::Token,
        expires: Some(expires),
    };
    let soon = now + Duration::from_secs(600);
    let all = vec![
        (id(1), until(soon)),
        (id(2), until(ServerTime::from_millis(u64::MAX))),
        (id(3), revoke()),
        (id(4), lift()),
    ];
    let records = append(log, all).await.records;
    assert_eq!(records[0].1.expires, soon, "as asked");
    for (_, record) in &records[1..] {
        let latest = record.expires.since(now);
        let near = latest >= keep && latest <= keep + Duration::from_secs(60);
        assert!(near, "a horizon from now: {latest:?}");
    }
}

/// The set is read in parts, whatever their size; every id is in one of them.
///
/// # Panics
/// If not.
pub async fn the_set_is_read_in_parts_and_has_everything_once(log: &impl RevocationLog) {
    let mut expected = BTreeMap::new();
    for n in 0..23 {
        expected.extend(append(log, vec![(id(n), revoke())]).await.records);
    }
    for limit in [1, 5, 23, 100] {
        assert_eq!(set(log, limit).await, expected, "parts of {limit}");
    }
}

/// Of two changes of an id the later holds; a lift stays in the set.
///
/// # Panics
/// If not.
pub async fn the_later_of_two_changes_holds(log: &impl RevocationLog) {
    append(log, vec![(id(1), revoke())]).await;
    append(log, vec![(id(1), lift())]).await;
    append(log, vec![(id(2), lift()), (id(2), revoke())]).await;
    let set = set(log, 10).await;
    assert!(!set[&id(1)].is_revoked(), "lifted");
    assert!(set[&id(2)].is_revoked(), "revoked again");
    let page = poll(log, Some(Anchor::default())).await;
    assert_eq!(page.head.seq, 4, "a change each");
}

/// The same append again changes nothing and returns the same.
///
/// # Panics
/// If not.
pub async fn an_append_is_done_once(log: &impl RevocationLog) {
    let order = edits(vec![(id(1), revoke()), (id(2), lift())]);
    let first = log.append(order.clone()).await.expect("an append");
    append(log, vec![(id(1), lift())]).await;
    let again = log.append(order).await.expect("the same append");
    assert_eq!(again.records, first.records, "the same answer");
    assert_eq!(poll(log, None).await.head.seq, 3, "and no change");
    assert!(!set(log, 10).await[&id(1)].is_revoked(), "the lift holds");
}

/// The changes of one append stand together in the tail, in their order.
///
/// # Panics
/// If not.
pub async fn an_append_is_done_wholly(log: &impl RevocationLog) {
    let many: Vec<_> = (0..200).map(|n| (id(n), revoke())).collect();
    let appended = append(log, many).await;
    let page = poll(log, Some(Anchor::default())).await;
    let said: Vec<_> = page.changes.iter().map(said).collect();
    assert_eq!(said, appended.records, "as acknowledged");
    assert_eq!(page.stamp, said[199].1.stamp, "the highest stamp");
}

/// What is brought back is joined: a later change holds, the same changes nothing, what was lost is back as
/// it was.
///
/// # Panics
/// If not.
pub async fn what_is_brought_back_is_joined(log: &impl RevocationLog) {
    let revoked = append(log, vec![(id(1), revoke())]).await.records[0];
    let lifted = append(log, vec![(id(1), lift())]).await.records[0];
    log.reassert(vec![revoked, lifted])
        .await
        .expect("bringing back");
    assert_eq!(poll(log, None).await.head.seq, 2, "nothing new, no change");
    let expires = lifted.1.expires;
    let lost = Record {
        kind: Kind::Subject,
        state: State::Revoked {
            at: ServerTime::from_millis(77),
        },
        stamp: Stamp::from_micros(lifted.1.stamp.as_micros() + 5_000_000),
        expires,
    };
    for _ in 0..2 {
        log.reassert(vec![(id(2), lost)])
            .await
            .expect("bringing back");
    }
    let page = poll(log, Some(Anchor::default())).await;
    assert_eq!(page.head.seq, 3, "one change, and once");
    assert_eq!(said(&page.changes[2]), (id(2), lost), "as it was");
    assert_eq!(set(log, 10).await[&id(2)], lost, "in the set, too");
    let next = append(log, vec![(id(3), revoke())]).await.records[0].1;
    assert!(next.stamp > lost.stamp, "it raises the stamps");
}

/// The epoch is that of the first poll, and stays.
///
/// # Panics
/// If not.
pub async fn the_epoch_stays(log: &impl RevocationLog) {
    let ask = question(None);
    let candidate = ask.epoch;
    let epoch = log.poll(ask).await.expect("a poll").epoch;
    assert_eq!(epoch, candidate, "the first candidate");
    append(log, vec![(id(1), revoke())]).await;
    assert_eq!(poll(log, None).await.epoch, epoch, "and no other");
    let part = log.snapshot(None, 10).await.expect("a part of the set");
    assert_eq!(part.epoch, epoch, "in the set, too");
    assert_eq!(part.head, poll(log, None).await.head, "with the head");
}

/// The log knows since when everything was written under a secret.
///
/// # Panics
/// If not.
pub async fn secrets_are_known_by_who_told_and_who_wrote(log: &impl RevocationLog) {
    let [old, new, back] = [1, 2, 3].map(|n| Fingerprint::from_bytes([n; 16]));
    let known = |page: &Page, fingerprint| -> Covered {
        let mut known = page.fingerprints.iter();
        *known
            .find(|covered| covered.fingerprint == fingerprint)
            .expect("a fingerprint that was told")
    };
    let claim = |fingerprint, since| Claim { fingerprint, since };
    let page = told(log, vec![claim(old, None)]).await;
    assert_eq!(known(&page, old).since, ServerTime::ZERO, "the first");
    let early = ServerTime::from_millis(5);
    let claims = vec![claim(old, None), claim(new, None), claim(back, Some(early))];
    let page = told(log, claims).await;
    assert_eq!(known(&page, new).since, page.server_time, "a later one");
    assert_eq!(known(&page, back).since, early, "as claimed");
    assert_eq!(known(&page, new).told, page.server_time, "told now");
    let mut order = edits(vec![(id(1), revoke())]);
    order.fingerprints = vec![new, back];
    log.append(order).await.expect("an append");
    let page = told(log, vec![claim(old, Some(early))]).await;
    assert!(known(&page, old).since > early, "left out by a write");
    assert_eq!(known(&page, back).since, early, "written under");
}

/// A write before any poll makes its secret known: no other is from the beginning then.
///
/// # Panics
/// If not.
pub async fn a_write_before_any_poll_tells_its_secret(log: &impl RevocationLog) {
    let [writer, other] = [1, 2].map(|n| Fingerprint::from_bytes([n; 16]));
    let mut order = edits(vec![(id(1), revoke())]);
    order.fingerprints = vec![writer];
    log.append(order).await.expect("an append");
    let since = None;
    let page = told(
        log,
        vec![Claim {
            fingerprint: other,
            since,
        }],
    )
    .await;
    let known = |fingerprint| {
        let mut known = page.fingerprints.iter();
        known
            .find(|covered| covered.fingerprint == fingerprint)
            .map(|one| one.since)
    };
    assert_eq!(known(writer), Some(ServerTime::ZERO), "the writer's");
    assert_eq!(known(other), Some(page.server_time), "the other");
}

/// Appends at the same time are done one after the other.
///
/// # Panics
/// If not.
pub async fn appends_at_once_are_numbered_one_after_the_other(log: &impl RevocationLog) {
    let order = |n| log.append(edits(vec![(id(n), revoke()), (id(n + 100), lift())]));
    let done = futures_util::future::join_all((0..20).map(order)).await;
    assert!(done.iter().all(Result::is_ok), "all are done");
    let page = poll(log, Some(Anchor::default())).await;
    let numbers: Vec<_> = page.changes.iter().map(|change| change.at.seq).collect();
    assert_eq!(numbers, (1..=40).collect::<Vec<_>>(), "no gap");
    for pair in page.changes.windows(2) {
        assert!(
            said(&pair[0]).1.stamp < said(&pair[1]).1.stamp,
            "stamps too"
        );
    }
}

/// If the log has hints, an append sends one.
///
/// # Panics
/// If not.
pub async fn an_append_sends_a_hint(log: &impl RevocationLog) {
    let Some(mut hints) = log.hints() else {
        return;
    };
    // What sends hints may have to connect first.
    for attempt in 0..100 {
        append(log, vec![(id(attempt), revoke())]).await;
        let hint = tokio::time::timeout(Duration::from_millis(100), hints.next());
        if hint.await.is_ok() {
            return;
        }
    }
    panic!("no hint came");
}

fn id(n: u8) -> Id {
    Id::from_bytes([n + 1; 16])
}

const fn revoke() -> Edit {
    Edit::Revoke {
        kind: Kind::Subject,
        expires: None,
    }
}

const fn lift() -> Edit {
    Edit::Lift {
        kind: Kind::Subject,
    }
}

fn question(anchor: Option<Anchor>) -> Poll {
    let mut poll = Poll::new(Epoch::random(), Vec::new());
    poll.anchor = anchor;
    poll
}

fn edits(changes: Vec<(Id, Edit)>) -> Append {
    Append::new(OpId::random(), Epoch::random(), changes)
}

async fn poll(log: &impl RevocationLog, anchor: Option<Anchor>) -> Page {
    log.poll(question(anchor)).await.expect("a poll")
}

async fn told(log: &impl RevocationLog, claims: Vec<Claim>) -> Page {
    let poll = Poll::new(Epoch::random(), claims);
    log.poll(poll).await.expect("a poll")
}

async fn append(log: &impl RevocationLog, changes: Vec<(Id, Edit)>) -> Appended {
    log.append(edits(changes)).await.expect("an append")
}

/// The whole set, after a poll that makes the log begin.
async fn set(log: &impl RevocationLog, limit: usize) -> BTreeMap<Id, Record> {
    poll(log, None).await;
    let (mut all, mut cursor) = (BTreeMap::new(), None);
    for _ in 0..1000 {
        let page: Result<_, LogError> = log.snapshot(cursor, limit).await;
        let page = page.expect("a part of the set");
        for entry in page.entries {
            let (id, record) = entry.expect("an entry of this version");
            all.insert(id, record);
        }
        cursor = page.next;
        if cursor.is_none() {
            return all;
        }
    }
    panic!("the set has no end");
}

fn said(change: &Change) -> (Id, Record) {
    change.entry.expect("an entry of this version")
}
