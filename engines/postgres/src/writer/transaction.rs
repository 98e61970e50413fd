//! A transaction: the shard's row, the fences of the slots it writes, its positions.
//!
//! What it leaves beside the rows themselves (events, receipts, the position) is written when it
//! is sealed, for all its members at once.

use super::receipt::Receipts;
use super::{Mark, Shared, commits, feed};
use crate::cell::Param;
use crate::fault::{Fault, Step};
use crate::session::{Call, Session};
use crate::shard::{Locked, ShardRow};
use pando_model::error::EngineError;
use pando_model::layout::Layout;
use pando_model::slot::{HASH_SLOTS, Slot};
use pando_model::stamp::Position;
use pando_model::statement::{Recorder, RowEvent};
use pando_model::value::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// The slot is ours, and not on its way to somebody else.
const OWNER: i32 = 0;

/// All fences: one for each slot by hash, the catalog's and the reference tables'.
const FENCES: i64 = HASH_SLOTS as i64 + 2;
/// From so many on all fences are looked at instead of each.
const MANY_SLOTS: usize = 512;

/// A fence row, as this transaction has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fence {
    pub(crate) epoch: i64,
    pub(crate) seq: i64,
    state: i32,
    schema_version: u64,
}

/// The transaction that is open on a connection, which writes alone.
pub(crate) struct Transaction<'s> {
    pub(crate) session: &'s Session,
    pub(crate) layout: Arc<Layout>,
    pub(super) recorder: Recorder,
    pub(super) receipts: Receipts,
    shard: ShardRow,
    /// Its number, if it is committed.
    number: i64,
    fences: HashMap<Slot, Fence>,
    /// Events of members that are done, with their positions.
    events: Vec<(Position, RowEvent)>,
    /// Rows that the session had changed before it.
    began: u64,
    /// Positions that its members have taken.
    taken: u64,
    /// A member is answered with what another transaction has left.
    replays: bool,
}

impl<'s> Transaction<'s> {
    /// Begins one, once nobody else writes.
    pub(super) fn begin(session: &'s Session, shared: &Shared) -> Step<Transaction<'s>> {
        let locked = Locked::begin(session)?;
        locked.write_reign(session)?;
        let shard = locked.shard;
        session.meet_schema(shard.schema_version);
        shared.marks.see(&shard);
        Ok(Transaction {
            session,
            layout: shared.layout(session, shard.schema_version)?,
            recorder: Recorder::new(shard.followed),
            receipts: Receipts::above(shared.floor()),
            number: locked.commits + 1,
            shard,
            fences: HashMap::new(),
            events: Vec::new(),
            began: session.changes(),
            taken: 0,
            replays: false,
        })
    }

    /// The shard as it was before.
    pub(crate) fn shard(&self) -> &ShardRow {
        &self.shard
    }

    /// The last position that a member has taken, or the shard had before.
    pub(crate) fn position(&self) -> Position {
        Position {
            p: self.shard.at.p + self.taken,
            ..self.shard.at
        }
    }

    /// The position that the next member takes, if it takes one.
    pub(crate) fn next_position(&self) -> Position {
        Position {
            p: self.shard.at.p + self.taken + 1,
            ..self.shard.at
        }
    }

    /// Whether a row was changed, or is to be.
    pub(crate) fn has_changed(&self) -> bool {
        self.session.changes() > self.began || self.taken > 0
    }

    /// A member is answered with what another transaction has left.
    pub(super) fn replay(&mut self) {
        self.replays = true;
    }

    /// Whether it has changed nothing, and answers with what may not be on a standby yet that has
    /// to have it: the commit that left it may have been cancelled while it waited for that.
    pub(super) fn has_to_be_confirmed(&self) -> Step<bool> {
        if !self.replays || self.has_changed() {
            return Ok(false);
        }
        let standbys = "SELECT 1 WHERE current_setting('synchronous_standby_names') <> ''";
        self.session.exists(standbys, &[])
    }

    /// A member takes its position.
    pub(crate) fn advance(&mut self) {
        self.taken += 1;
    }

    /// What a member noted that is undone.
    pub(super) fn forget(&mut self) {
        self.recorder.take();
    }

    /// Refuses a plan for another schema.
    pub(crate) fn check_schema(&self, version: u64) -> Step<()> {
        if version == self.shard.schema_version {
            return Ok(());
        }
        Err(Fault::Engine(EngineError::SchemaChanged {
            current: self.shard.schema_version,
        }))
    }

    /// From here on another schema is in force, with these tables.
    pub(crate) fn set_schema_version(&mut self, version: u64, layout: Layout) -> Step<()> {
        self.shard.schema_version = version;
        self.layout = Arc::new(layout);
        self.fences.clear();
        let version = [Param::int(version as i64)];
        for sql in [
            "UPDATE _pando_shard SET schema_version = $1",
            "UPDATE _pando_fence SET schema_version = $1",
        ] {
            self.session.execute(sql, &version)?;
        }
        Ok(())
    }

    /// The fence of a slot that is about to be written; `Moved` where it is not ours.
    pub(crate) fn fence(&mut self, slot: Slot) -> Step<Fence> {
        if !self.fences.contains_key(&slot) {
            self.look_at_fences(&[slot])?;
        }
        match self.fences.get(&slot) {
            Some(fence) if fence.state == OWNER => {
                self.check_schema(fence.schema_version)?;
                Ok(*fence)
            }
            _ => Err(Fault::Engine(EngineError::Moved {
                slot: slot.number(),
            })),
        }
    }

    /// The fences of several slots, in one look. Where there are many, and none has to be counted
    /// on, it is asked whether all that there are hold.
    pub(super) fn fence_all(&mut self, slots: &[Slot]) -> Step<()> {
        if slots.len() >= MANY_SLOTS && !self.recorder.is_on() {
            let holding = self.session.first_int(
                "SELECT count(*) FROM _pando_fence WHERE state = $1 AND schema_version = $2",
                &[
                    Param::int(i64::from(OWNER)),
                    Param::int(self.shard.schema_version as i64),
                ],
            )?;
            if holding == Some(FENCES) {
                return Ok(());
            }
        }
        self.look_at_fences(slots)?;
        slots
            .iter()
            .try_for_each(|slot| self.fence(*slot).map(drop))
    }

    /// Reads fences that are not known yet; whose they are is looked at when they are needed.
    pub(super) fn look_at_fences(&mut self, slots: &[Slot]) -> Step<()> {
        let unknown = slots.iter().filter(|slot| !self.fences.contains_key(slot));
        let numbers: Vec<_> = unknown
            .map(|slot| Value::Int(i64::from(slot.number())))
            .collect();
        if numbers.is_empty() {
            return Ok(());
        }
        // Nobody counts where nobody follows.
        let sql = match self.recorder.is_on() {
            true => {
                "SELECT f.slot, f.epoch, f.state, (SELECT c.seq FROM _pando_count AS c \
                 WHERE c.slot = f.slot ORDER BY c.seq DESC LIMIT 1), f.schema_version \
                 FROM _pando_fence AS f WHERE f.slot = ANY($1::integer[])"
            }
            false => {
                "SELECT slot, epoch, state, 0::bigint, schema_version FROM _pando_fence \
                 WHERE slot = ANY($1::integer[])"
            }
        };
        let fences = &mut self.fences;
        self.session
            .select_all(sql, &[Param::list(numbers)], |row| {
                let fence = Fence {
                    epoch: row.try_get(1)?,
                    seq: row.try_get(3)?,
                    state: row.try_get(2)?,
                    schema_version: row.try_get::<_, i64>(4)?.unsigned_abs(),
                };
                if let Some(slot) = Slot::new(row.try_get::<_, i32>(0)?.unsigned_abs()) {
                    fences.insert(slot, fence);
                }
                Ok(())
            })
    }

    /// What the member noted are events of the position that it takes next; whether there are any.
    pub(crate) fn record_events(&mut self) -> Step<bool> {
        let at = self.next_position();
        let noted = self.recorder.take();
        let any = !noted.is_empty();
        for event in noted {
            // A change of the schema has looked at none of its own yet.
            self.fence(event.slot)?;
            self.events.push((at, event));
        }
        Ok(any)
    }

    /// Its number among the commits, if it is one.
    pub(super) fn number(&self) -> i64 {
        self.number
    }

    /// What is still to be written: events, receipts, and the commit's own row, with its position
    /// and its mark.
    pub(super) fn seal(&mut self, mark: &Mark) -> Vec<Call<'static>> {
        let mut calls = Vec::new();
        let fences = &mut self.fences;
        feed::record(&mut calls, std::mem::take(&mut self.events), |slot| {
            let fence = fences.get_mut(&slot)?;
            fence.seq += 1;
            Some(*fence)
        });
        let timeline = self.shard.at.timeline;
        self.receipts.keep_all(timeline, &mut calls);
        commits::push(&mut calls, mark, self.position().p);
        calls
    }
}
