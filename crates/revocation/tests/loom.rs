//! What a check sees under every interleaving: the real board and tables on loom's primitives.
//!
//! `RUSTFLAGS="--cfg portcullis_loom" cargo test -p portcullis-revocation --release --test loom`
#![cfg(portcullis_loom)]
#![allow(dead_code, missing_docs, unreachable_pub)] // the modules are included, not linked
#![allow(clippy::unwrap_used)] // unwrap in a test is an assertion

#[path = "../src/id.rs"]
mod id;

#[path = "../src/view"]
mod view {
    pub mod board;
    pub mod primitives;
    pub mod table;
}

use std::sync::Arc;

use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

use id::Id;
use view::board::{Board, Side};
use view::table::{Table, Wrote};

const SIDE: Side = Side::Tombstones;

fn id(n: u8) -> Id {
    Id::from_bytes([n; 16])
}

/// A check as the view does it; what it remembers is in `clean_at`.
fn check(board: &Board, id: Id, clean_at: &AtomicU64) -> (u64, bool) {
    let (synced_at, version) = board.look();
    let clean = clean_at.load(Ordering::Relaxed);
    if clean == version {
        return (synced_at, false);
    }
    if !board.concerns(clean, version, |low| low == id.halves().1) {
        clean_at.store(version, Ordering::Relaxed);
        return (synced_at, false);
    }
    let number = board.table(SIDE).get(id);
    if number.is_some_and(|number| number != 0) {
        return (synced_at, true);
    }
    clean_at.store(version, Ordering::Relaxed);
    (synced_at, false)
}

/// A sync at instant 2 that brought one revocation.
fn sync(board: &Board, id: Id) {
    assert_ne!(board.table(SIDE).set(id, 1), Wrote::Full);
    board.raise_version(id);
    board.publish(2, 2);
}

#[test]
fn whoever_sees_the_sync_sees_what_it_brought() {
    loom::model(|| {
        let board = Arc::new(Board::new(0, 2));
        board.publish(1, 1);
        let writer = Arc::clone(&board);
        let syncing = thread::spawn(move || sync(&writer, id(1)));
        let clean_at = AtomicU64::new(0);
        for _ in 0..2 {
            let (synced_at, revoked) = check(&board, id(1), &clean_at);
            assert!(synced_at == 1 || revoked, "synced, and not revoked");
        }
        syncing.join().unwrap();
        assert_eq!(check(&board, id(1), &clean_at), (2, true));
    });
}

#[test]
fn what_one_request_remembers_never_misleads_another() {
    loom::model(|| {
        let board = Arc::new(Board::new(0, 2));
        board.publish(1, 1);
        let clean_at = Arc::new(AtomicU64::new(0));
        let writer = Arc::clone(&board);
        let syncing = thread::spawn(move || sync(&writer, id(1)));
        let (theirs, memo) = (Arc::clone(&board), Arc::clone(&clean_at));
        let request = thread::spawn(move || check(&theirs, id(1), &memo));
        let here = check(&board, id(1), &clean_at);
        for (synced_at, revoked) in [here, request.join().unwrap()] {
            assert!(synced_at == 1 || revoked, "synced, and not revoked");
        }
        syncing.join().unwrap();
        assert_eq!(check(&board, id(1), &clean_at), (2, true));
    });
}

#[test]
fn a_table_that_is_replaced_meanwhile_loses_nothing() {
    loom::model(|| {
        let board = Arc::new(Board::new(0, 2));
        board.table(SIDE).set(id(1), 1);
        board.raise_version(id(1));
        board.publish(1, 1);
        let writer = Arc::clone(&board);
        let syncing = thread::spawn(move || {
            let larger = Table::new(4);
            larger.set(id(1), 1);
            larger.set(id(2), 1);
            writer.replace(SIDE, larger);
            writer.raise_version(id(2));
            writer.publish(2, 2);
        });
        let (old, new) = (AtomicU64::new(0), AtomicU64::new(0));
        assert!(check(&board, id(1), &old).1, "revoked all the time");
        let (synced_at, revoked) = check(&board, id(2), &new);
        assert!(synced_at == 1 || revoked, "synced, and not revoked");
        syncing.join().unwrap();
        assert_eq!(check(&board, id(2), &new), (2, true));
    });
}

#[test]
fn a_number_that_changes_is_the_old_one_or_the_new() {
    loom::model(|| {
        let board = Arc::new(Board::new(0, 2));
        board.table(SIDE).set(id(1), 5);
        let writer = Arc::clone(&board);
        let changing = thread::spawn(move || {
            assert_eq!(writer.table(SIDE).set(id(1), 7), Wrote::Over);
            writer.raise_version(id(1));
            writer.publish(2, 2);
        });
        let (synced_at, _) = board.look();
        let number = board.table(SIDE).get(id(1));
        assert!(number == Some(7) || (number == Some(5) && synced_at == 0));
        changing.join().unwrap();
    });
}

#[test]
fn a_place_that_is_taken_again_hides_no_revocation() {
    loom::model(|| {
        let board = Arc::new(Board::new(0, 8));
        board.publish(1, 1);
        let clean_at = AtomicU64::new(0);
        assert_eq!(check(&board, id(1), &clean_at), (1, false));
        let writer = Arc::clone(&board);
        // In a model the board remembers two ids: the third takes the place of the first.
        let syncing = thread::spawn(move || {
            for n in 1..=3 {
                writer.table(SIDE).set(id(n), 1);
                writer.raise_version(id(n));
                if n == 1 {
                    writer.publish(2, 2);
                }
            }
        });
        // What the first check remembers must not mislead the second.
        for _ in 0..2 {
            let (synced_at, revoked) = check(&board, id(1), &clean_at);
            assert!(synced_at == 1 || revoked, "synced, and not revoked");
        }
        syncing.join().unwrap();
        assert_eq!(check(&board, id(1), &clean_at), (2, true));
    });
}
