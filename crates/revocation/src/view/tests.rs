use std::collections::BTreeMap;

use portcullis_core::{Secret, UnixTime};
use proptest::prelude::*;

use super::*;
use crate::set::Joined;
use crate::time::{ServerTime, Stamp};
use crate::{Id, Record, State, Unfit};

const S: Duration = Duration::from_secs(15);
const NOON: u64 = 1_900_000_000;

fn secrets() -> Secrets {
    Secrets::new(&Secret::new(vec![1; 32])).unwrap()
}

fn view(capacity: usize) -> (View, Writer, Moment) {
    let start = Moment {
        at: Instant::now(),
        wall: UnixTime::from_secs(NOON),
    };
    let (view, writer) = View::new(start.at, secrets(), Horizon::DEFAULT, S, capacity);
    (view, writer, start)
}

fn later(moment: Moment, span: Duration) -> Moment {
    Moment {
        at: moment.at + span,
        wall: moment.wall + span,
    }
}

fn token(jti: &str) -> TokenFacts<'_> {
    let mut facts = TokenFacts::new("iss");
    facts.jti = Some(jti);
    facts.subject = Some("alice");
    facts.session = Some("s1");
    facts.issued_at = Some(UnixTime::from_secs(NOON - 60));
    facts.expires_at = Some(UnixTime::from_secs(NOON + 600));
    facts
}

fn revoked(kind: Kind, stamp: u64) -> Record {
    Record {
        kind,
        state: State::Revoked {
            at: ServerTime::from_millis(NOON * 1000),
        },
        stamp: Stamp::from_micros(stamp),
        expires: ServerTime::from_millis((NOON + 90_000) * 1000),
    }
}

fn lifted(kind: Kind, stamp: u64) -> Record {
    Record {
        state: State::Lifted,
        ..revoked(kind, stamp)
    }
}

#[test]
fn an_empty_view_is_clear_only_once_it_was_synced() {
    let (view, writer, now) = view(10);
    let ids = view.token_ids(&token("t"));
    assert_eq!(view.check(&ids, now, S), Check::NeverSynced);
    assert_eq!(view.age(now), None);
    writer.publish(now);
    assert_eq!(view.check(&ids, now, S), Check::Clear);
}

#[test]
fn every_kind_is_found_by_a_token_that_was_clear_a_moment_ago() {
    for place in 0..9 {
        let (view, mut writer, now) = view(10);
        writer.publish(now);
        let mut facts = token("t");
        facts.signing_input_hash = Some(&[1; 32]);
        facts.opaque_hash = Some(&[2; 32]);
        facts.client = Some("c");
        facts.key_id = Some("k");
        facts.tenant = Some("n");
        let ids = view.token_ids(&facts);
        assert_eq!(view.check(&ids, now, S), Check::Clear);
        let (kind, id) = match place {
            0..4 => (ids.tombstone(place), ids.tombstones[place].unwrap()),
            _ => ids.watermarks[place - 4].unwrap(),
        };
        writer.join(id, revoked(kind, 1));
        assert_eq!(view.check(&ids, now, S), Check::Revoked(kind));
        assert_eq!(view.check(&ids.clone(), now, S), Check::Revoked(kind));
        writer.join(id, lifted(kind, 2));
        assert_eq!(view.check(&ids, now, S), Check::Clear);
        // A copy of the revocation that comes late changes nothing.
        assert_eq!(writer.join(id, revoked(kind, 1)), Joined::Same);
        assert_eq!(view.check(&ids, now, S), Check::Clear);
        writer.join(id, revoked(kind, 3));
        assert_eq!(view.check(&ids, now, S), Check::Revoked(kind));
    }
}

#[test]
fn what_is_revoked_stays_revoked_whatever_else_is_unknown() {
    let (view, mut writer, now) = view(1);
    let ids = view.token_ids(&token("t"));
    writer.join(ids.tombstones[0].unwrap(), revoked(Kind::Token, 1));
    assert_eq!(
        view.check(&ids, now, S),
        Check::Revoked(Kind::Token),
        "never synced"
    );
    writer.publish(now);
    let old = later(now, S * 100);
    assert_eq!(
        view.check(&ids, old, S),
        Check::Revoked(Kind::Token),
        "stale"
    );
    let other = view.token_ids(&token("other"));
    writer.join(other.tombstones[0].unwrap(), revoked(Kind::Token, 2));
    assert_eq!(
        view.check(&ids, now, S),
        Check::Revoked(Kind::Token),
        "full"
    );
    assert_eq!(view.check(&other, now, S), Check::Full);
}

#[test]
fn a_full_view_is_not_believed_until_all_was_read_again() {
    let (view, mut writer, now) = view(1);
    writer.publish(now);
    let clear = view.token_ids(&token("clear"));
    assert_eq!(view.check(&clear, now, S), Check::Clear);
    for (n, jti) in ["a", "b"].into_iter().enumerate() {
        let ids = view.token_ids(&token(jti));
        writer.join(ids.tombstones[0].unwrap(), revoked(Kind::Token, n as u64));
    }
    assert!(writer.is_full());
    writer.publish(now);
    assert_eq!(view.check(&clear, now, S), Check::Full);
    assert_eq!(view.age(now), None);
    writer.begin_again();
    writer.publish(now);
    assert_eq!(view.check(&clear, now, S), Check::Clear);
}

#[test]
fn a_view_ages_by_whichever_clock_saw_more_time_pass() {
    let (view, writer, start) = view(1);
    writer.publish(start);
    let ids = view.token_ids(&token("t"));
    let seconds = Duration::from_secs;
    for (monotonic, wall, expected) in [
        (0, 0, Check::Clear),
        (15, 15, Check::Clear),
        (16, 16, Check::Stale { age: seconds(16) }),
        // Slept: the monotonic clock stood still.
        (1, 100, Check::Stale { age: seconds(100) }),
        // Set back a little, and so far that it could hide a sleep.
        (10, 0, Check::Clear),
        (15, 0, Check::Clear),
        (16, 0, Check::Stale { age: Duration::MAX }),
    ] {
        let now = Moment {
            at: start.at + seconds(monotonic),
            wall: start.wall + seconds(wall),
        };
        assert_eq!(view.check(&ids, now, S), expected, "{monotonic} {wall}");
    }
    // A request whose clock was read just before the sync.
    let before = Moment {
        at: start.at.checked_sub(seconds(1)).unwrap_or(start.at),
        wall: start.wall - seconds(1),
    };
    assert_eq!(view.check(&ids, before, S), Check::Clear);
}

#[test]
fn an_instant_before_the_view_was_made_vouches_for_nothing() {
    let (view, writer, start) = view(1);
    let Some(before) = start.at.checked_sub(Duration::from_nanos(1)) else {
        return;
    };
    writer.publish(Moment {
        at: before,
        ..start
    });
    let ids = view.token_ids(&token("t"));
    assert_eq!(view.check(&ids, start, S), Check::NeverSynced);
}

#[test]
fn a_token_that_the_log_may_have_forgotten_is_not_cleared() {
    let (view, writer, start) = view(1);
    writer.publish(start);
    let ids = view.token_ids(&token("t"));
    assert_eq!(view.check(&ids, start, S), Check::Clear);
    // By the log's clock the token expired 330 s ago.
    writer.set_server_ahead((600 + 330) * 1000);
    assert_eq!(view.check(&ids, start, S), Check::Forgotten);
    writer.set_server_ahead((600 + 330) * 1000 - 1);
    assert_eq!(view.check(&ids, start, S), Check::Clear);
    writer.set_server_ahead(i64::MIN);
    assert_eq!(view.check(&ids, start, S), Check::Clear);
}

#[test]
fn a_token_of_which_nothing_can_be_said_is_unfit_even_now() {
    let (view, writer, start) = view(1);
    let mut facts = token("t");
    facts.issued_at = None;
    let ids = view.token_ids(&facts);
    assert_eq!(view.check(&ids, start, S), Check::Unfit(Unfit::Undated));
    writer.publish(start);
    assert_eq!(view.check(&ids, start, S), Check::Unfit(Unfit::Undated));
}

#[test]
fn ids_of_another_view_remember_nothing_here() {
    let (one, writer, now) = view(1);
    writer.publish(now);
    let ids = one.token_ids(&token("t"));
    assert_eq!(one.check(&ids, now, S), Check::Clear);
    let (other, mut writer, now) = view(1);
    writer.publish(now);
    writer.join(ids.tombstones[0].unwrap(), revoked(Kind::Token, 1));
    assert_eq!(other.check(&ids, now, S), Check::Revoked(Kind::Token));
}

#[test]
fn a_lone_clock_that_runs_wild_makes_nobody_forget() {
    let (view, mut writer, now) = view(10);
    let ids = view.token_ids(&token("t"));
    writer.join(ids.tombstones[0].unwrap(), revoked(Kind::Token, 1));
    let (today, far) = (
        ServerTime::from_millis(NOON * 1000),
        ServerTime::from_millis(u64::MAX),
    );
    writer.prune(far, today);
    writer.prune(today, far);
    assert_eq!(view.check(&ids, now, S), Check::Revoked(Kind::Token));
    assert_eq!(writer.set().len(), 1);
    writer.prune(far, far);
    assert_eq!(writer.set().len(), 0);
}

#[test]
fn tables_grow_and_shrink_and_lose_nothing() {
    let (view, mut writer, now) = view(1 << 20);
    writer.publish(now);
    let id = |n: u64| {
        Id::from_bytes(
            u128::from(n + 1)
                .wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)
                .to_be_bytes(),
        )
    };
    let table_of = |view: &View| view.shared.board.table(Side::Tombstones).slots();
    for n in 0..5_000 {
        let mut record = revoked(Kind::Session, n + 1);
        if n % 10 != 0 {
            record.expires = ServerTime::ZERO;
        }
        writer.join(id(n), record);
    }
    let large = table_of(&view);
    assert!((10_000..40_000).contains(&large), "{large}");
    let noon = ServerTime::from_millis(NOON * 1000);
    writer.prune(noon, noon);
    assert_eq!(writer.set().len(), 500);
    assert!(table_of(&view) < large);
    for n in (0..5_000).step_by(10) {
        let mut ids = view.token_ids(&token("t"));
        ids.tombstones[3] = Some(id(n));
        assert_eq!(view.check(&ids, now, S), Check::Revoked(Kind::Session));
    }
}

/// The ordering itself is model-checked in `tests/loom.rs`; this is the whole of it, on real threads.
#[test]
fn readers_never_see_a_sync_without_what_it_brought() {
    const CHANGES: u64 = 3_000;
    let (view, mut writer, start) = view(1 << 20);
    let end = later(start, Duration::from_millis(CHANGES));
    let tokens: Vec<_> = (0..CHANGES)
        .map(|n| {
            let name = n.to_string();
            view.token_ids(&token(&name))
        })
        .collect();
    let done = std::sync::atomic::AtomicBool::new(false);
    let seen_clear = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for reader in 0..3 {
            let (view, tokens, done, seen_clear) = (&view, &tokens, &done, &seen_clear);
            scope.spawn(move || {
                let mut rng = fastrand::Rng::with_seed(reader);
                while !done.load(Ordering::Relaxed) {
                    // Near the one that is written now, where the races are.
                    let synced = view.age(end).map_or(0, |age| CHANGES - millis(age));
                    let n = (synced + rng.u64(0..4)).min(CHANGES - 1);
                    let check = view.check(&tokens[n as usize], end, Duration::MAX);
                    match check {
                        Check::Revoked(_) | Check::NeverSynced => {}
                        Check::Clear => {
                            seen_clear.fetch_add(1, Ordering::Relaxed);
                        }
                        other => panic!("{other:?}"),
                    }
                    // As a route with this freshness does: synced at `n` or later, and clear?
                    let age = Duration::from_millis(CHANGES - n);
                    let check = view.check(&tokens[n as usize], end, age);
                    assert_ne!(check, Check::Clear, "{n} was revoked before this sync");
                }
            });
        }
        for (n, ids) in (0..).zip(&tokens) {
            // On a busy machine all would be written before anybody looks.
            let begun = Instant::now();
            while n == CHANGES / 2
                && seen_clear.load(Ordering::Relaxed) == 0
                && begun.elapsed() < Duration::from_secs(30)
            {
                std::thread::yield_now();
            }
            writer.join(ids.tombstones[0].unwrap(), revoked(Kind::Token, n + 1));
            writer.publish(later(start, Duration::from_millis(n)));
        }
        done.store(true, Ordering::Relaxed);
    });
    for ids in &tokens {
        assert_eq!(
            view.check(ids, end, Duration::MAX),
            Check::Revoked(Kind::Token)
        );
    }
    assert!(seen_clear.into_inner() > 0, "they raced");
}

proptest! {
    #[test]
    fn checks_agree_with_a_map_of_joined_records(
        changes in prop::collection::vec((0_usize..6, any::<bool>(), 1_u64..40), 0..80),
    ) {
        let (view, mut writer, now) = view(1000);
        writer.publish(now);
        let tokens: Vec<_> = ["a", "b", "c"].iter().map(|jti| view.token_ids(&token(jti))).collect();
        let names: Vec<(Kind, Id)> = tokens
            .iter()
            .map(|ids| (Kind::Token, ids.tombstones[0].unwrap()))
            .chain([(Kind::Session, tokens[0].tombstones[3].unwrap())])
            .chain([tokens[0].watermarks[0].unwrap(), tokens[0].watermarks[4].unwrap()])
            .collect();
        let mut oracle: BTreeMap<Id, Record> = BTreeMap::new();
        for (name, revoke, stamp) in changes {
            let (kind, id) = names[name];
            let change = if revoke { revoked(kind, stamp) } else { lifted(kind, stamp) };
            writer.join(id, change);
            let joined = oracle.get(&id).map_or(change, |before| before.join(change));
            oracle.insert(id, joined);
            let ended = |id: &Id| oracle.get(id).is_some_and(Record::is_revoked);
            for (jti, ids) in tokens.iter().enumerate() {
                let mine = names.iter().enumerate().filter(|(n, _)| *n == jti || *n > 2);
                let expected = mine.into_iter().any(|(_, (_, id))| ended(id));
                let check = view.check(ids, now, S);
                prop_assert_eq!(matches!(check, Check::Revoked(_)), expected);
                prop_assert_eq!(check == Check::Clear, !expected);
            }
        }
    }
}
