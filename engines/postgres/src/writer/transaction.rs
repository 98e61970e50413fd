//! A transaction: the shard's row, the fences of the slots it writes, its position.

use super::{Mark, Shared};
use crate::cell::Param;
use crate::fault::{Fault, Step};
use crate::session::Session;
use crate::shard::{BEGIN_WRITE, LOCK, Locked, ShardRow};
use pando_model::error::EngineError;
use pando_model::layout::Layout;
use pando_model::slot::Slot;
use pando_model::stamp::Position;
use pando_model::statement::Recorder;
use pando_model::value::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// The slot is ours, and not on its way to somebody else.
const OWNER: i32 = 0;

/// A fence row, as this transaction has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fence {
    pub(crate) epoch: i64,
    pub(crate) seq: i64,
}

/// The transaction that is open on a connection, which writes alone.
pub(crate) struct Transaction<'s> {
    pub(crate) session: &'s Session,
    pub(crate) layout: Arc<Layout>,
    pub(super) recorder: Recorder,
    shard: ShardRow,
    fences: HashMap<Slot, Fence>,
    /// Rows that the session had changed before it.
    began: u64,
    /// Whether it takes a position.
    advances: bool,
}

impl<'s> Transaction<'s> {
    /// Begins one, once nobody else writes.
    pub(super) fn begin(session: &'s Session, shared: &Shared) -> Step<Transaction<'s>> {
        let row = session.begin(BEGIN_WRITE, LOCK)?;
        let locked = Locked::of(row.as_ref())?;
        locked.write_reign(session)?;
        let shard = locked.shard;
        session.meet_schema(shard.schema_version);
        shared.marks.see(&shard);
        Ok(Transaction {
            session,
            layout: shared.layout(session, shard.schema_version)?,
            recorder: Recorder::new(shard.followed),
            shard,
            fences: HashMap::new(),
            began: session.changes(),
            advances: false,
        })
    }

    /// The shard as it was before.
    pub(crate) fn shard(&self) -> &ShardRow {
        &self.shard
    }

    /// The position that the write takes, if it takes one.
    pub(crate) fn next_position(&self) -> Position {
        Position {
            p: self.shard.at.p + 1,
            ..self.shard.at
        }
    }

    /// Whether a row was changed.
    pub(crate) fn has_changed(&self) -> bool {
        self.session.changes() > self.began
    }

    /// What changes nothing needs no position, and no sync.
    pub(crate) fn advance_if_changed(&mut self) {
        self.advances = self.has_changed();
    }

    /// Takes a position, whatever was changed.
    pub(crate) fn advance(&mut self) {
        self.advances = true;
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
        if let Some(fence) = self.fences.get(&slot) {
            return Ok(*fence);
        }
        self.fence_all(&[slot])?;
        let fence = self.fences.get(&slot).copied();
        fence.ok_or_else(|| moved(slot))
    }

    /// The fences of several slots, in one look.
    pub(super) fn fence_all(&mut self, slots: &[Slot]) -> Step<()> {
        let numbers = slots
            .iter()
            .map(|slot| Value::Int(i64::from(slot.number())));
        let mut found = Vec::with_capacity(slots.len());
        self.session.select_all(
            "SELECT slot, epoch, state, seq, schema_version FROM _pando_fence \
             WHERE slot = ANY($1::integer[])",
            &[Param::list(numbers.collect())],
            |row| {
                let slot = Slot::new(row.try_get::<_, i32>(0)?.unsigned_abs());
                let fence = Fence {
                    epoch: row.try_get(1)?,
                    seq: row.try_get(3)?,
                };
                let state: i32 = row.try_get(2)?;
                found.push((slot, fence, state, row.try_get::<_, i64>(4)?.unsigned_abs()));
                Ok(())
            },
        )?;
        for (slot, fence, state, version) in found {
            if let (Some(slot), OWNER) = (slot, state) {
                self.check_schema(version)?;
                self.fences.insert(slot, fence);
            }
        }
        match slots.iter().find(|slot| !self.fences.contains_key(slot)) {
            Some(slot) => Err(moved(*slot)),
            None => Ok(()),
        }
    }

    /// Keeps the slot's event counter.
    pub(super) fn set_seq(&mut self, slot: Slot, seq: i64) {
        if let Some(fence) = self.fences.get_mut(&slot) {
            fence.seq = seq;
        }
    }

    /// Writes the mark, and the position, if it takes one; gives the last one.
    pub(super) fn seal(&self, mark: &Mark) -> Step<Position> {
        let at = match self.advances {
            true => self.next_position(),
            false => self.shard.at,
        };
        self.session.execute(
            "WITH mark AS (INSERT INTO _pando_writer (id, number, seen_at) \
             VALUES ($2, $3, now()) ON CONFLICT (id) DO UPDATE SET number = $3, seen_at = now()) \
             UPDATE _pando_shard SET position = $1",
            &[
                Param::int(at.p as i64),
                Param::bytes(&mark.writer),
                Param::int(mark.number),
            ],
        )?;
        Ok(at)
    }
}

fn moved(slot: Slot) -> Fault {
    Fault::Engine(EngineError::Moved {
        slot: slot.number(),
    })
}
