//! The one who writes the view.

use std::sync::Arc;

use super::board::{FULL, Side};
use super::table::{Table, Wrote};
use super::{Moment, Shared};
use crate::set::{Joined, RecordSet};
use crate::time::{ServerTime, millis};
use crate::{Horizon, Id, Record, State};

/// The one who writes the view: everything that is revoked, and its image on the board.
#[derive(Debug)]
pub(crate) struct Writer {
    shared: Arc<Shared>,
    set: RecordSet,
    /// Taken slots of each table.
    used: [usize; 2],
    full: bool,
}

/// Slots to begin with: a table that size is nothing, and most views stay that small.
pub(super) const FIRST_SLOTS: usize = 1 << 10;

// === impl Writer ===

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, capacity: usize) -> Self {
        Self {
            shared,
            set: RecordSet::new(capacity),
            used: [0; 2],
            full: false,
        }
    }

    pub(crate) fn set(&self) -> &RecordSet {
        &self.set
    }

    pub(crate) fn see(&mut self, id: &Id, round: u32) {
        self.set.see(id, round);
    }

    /// Takes in what is known of an id. Until there is room for everything again, the view is full.
    pub(crate) fn join(&mut self, id: Id, record: Record) -> Joined {
        let joined = self.set.join(id, record);
        match joined {
            Joined::Changed(record) => self.show(id, &record),
            Joined::Same => {}
            Joined::Full if record.is_revoked() => {
                self.full = true;
                self.shared.board.publish(FULL, 0);
            }
            // A lift of what is not known lifts nothing.
            Joined::Full => {}
        }
        joined
    }

    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    /// Says that everything was read again, with room for it if none was missing since.
    pub(crate) fn begin_again(&mut self) {
        self.full = false;
    }

    pub(crate) fn set_server_ahead(&self, millis: i64) {
        self.shared.board.set_server_ahead(millis);
    }

    /// Says that everything revoked before `sent` is written, unless something found no room.
    pub(crate) fn publish(&self, sent: Moment) {
        if self.full {
            return;
        }
        if let Some(at) = self.shared.since_base(sent.at) {
            let wall = millis(sent.wall.since_epoch());
            self.shared.board.publish(at, wall);
        }
    }

    /// Forgets what expired by the clocks of the server and of this node both: one that runs wild must
    /// not make everybody forget.
    pub(crate) fn prune(&mut self, server: ServerTime, wall: ServerTime) {
        if self.set.prune(server.min(wall) - Horizon::MARGIN) == 0 {
            return;
        }
        for side in [Side::Tombstones, Side::Watermarks] {
            // What is gone stays in its table, where it does no harm, until half of it is.
            if self.live(side) < self.used[side as usize] / 2 {
                self.rebuild(side);
            }
        }
    }

    fn show(&mut self, id: Id, record: &Record) {
        let side = side(record);
        let used = self.used[side as usize];
        let slots = self.shared.board.table(side).slots();
        // Half full at most, so that searches are short.
        if used + 1 > slots / 2 {
            self.rebuild(side);
        } else if self.shared.board.table(side).set(id, number(record)) == Wrote::New {
            self.used[side as usize] = used + 1;
        }
        if record.is_revoked() {
            self.shared.board.raise_version(id);
        }
    }

    /// A table of what is there, a quarter to half full.
    fn rebuild(&mut self, side: Side) {
        let live = self.live(side);
        let table = Table::new(FIRST_SLOTS.max(live.saturating_mul(2) + 2));
        let mut used = 0;
        for (id, record) in self
            .set
            .iter()
            .filter(|(_, record)| self::side(record) == side)
        {
            used += usize::from(table.set(id, number(record)) == Wrote::New);
        }
        self.shared.board.replace(side, table);
        self.used[side as usize] = used;
    }

    fn live(&self, side: Side) -> usize {
        match side {
            Side::Watermarks => self.set.watermarks(),
            Side::Tombstones => self.set.len() - self.set.watermarks(),
        }
    }
}

fn side(record: &Record) -> Side {
    if record.kind.is_watermark() {
        Side::Watermarks
    } else {
        Side::Tombstones
    }
}

/// What stands in the table: zero for nothing, the time of a watermark in milliseconds.
fn number(record: &Record) -> u64 {
    match record.state {
        State::Revoked { at } => at.as_millis().max(1),
        State::Lifted => 0,
    }
}
