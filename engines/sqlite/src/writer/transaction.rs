//! A transaction: the shard's row, the fences of the slots it writes, its position.

use crate::cell::Param;
use crate::connection::Conn;
use crate::fault::{Fault, Step};
use crate::marks::Marks;
use crate::open::{ShardRow, read_shard};
use pando_model::error::EngineError;
use pando_model::layout::Layout;
use pando_model::slot::Slot;
use pando_model::stamp::Position;
use pando_model::statement::Recorder;
use rusqlite::CachedStatement;
use std::cell::Cell;
use std::collections::HashMap;

/// The slot is ours, and not on its way to somebody else.
const OWNER: i64 = 0;

/// A fence row, as this transaction has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fence {
    pub(crate) epoch: i64,
    pub(crate) seq: i64,
}

/// What a committed transaction leaves to the next one on the same connection. It holds
/// as long as no other connection has written, which SQLite tells inside the transaction.
#[derive(Debug)]
pub(super) struct Kept {
    data_version: i64,
    shard: ShardRow,
    fences: HashMap<Slot, Fence>,
}

/// What there is after a transaction, once it is committed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sealed {
    /// The last position.
    pub(crate) p: u64,
    /// By how much the feed has grown.
    pub(super) feed_growth: i64,
}

/// The transaction that is open on the writer's connection.
pub(crate) struct Transaction<'w> {
    pub(crate) conn: &'w Conn,
    pub(crate) layout: &'w Layout,
    pub(super) recorder: Recorder,
    /// Events of the write that is being carried out that lie in the feed.
    pub(super) recorded: i64,
    data_version: i64,
    shard: ShardRow,
    /// The position that it began behind.
    began: u64,
    /// The position of the last write in it that changed something.
    p: u64,
    /// Events that entered the feed, less those that left it.
    feed_growth: Cell<i64>,
    fences: HashMap<Slot, Fence>,
    /// The statement by which a row was inserted last.
    inserting: Option<(String, CachedStatement<'w>)>,
}

impl Kept {
    /// What was kept, if it still holds; else what the file says.
    fn recall(conn: &Conn, kept: Option<Kept>) -> Step<Kept> {
        let data_version = conn.first_int("PRAGMA data_version", &[])?.unwrap_or(0);
        match kept {
            Some(kept) if kept.data_version == data_version => Ok(kept),
            _ => Ok(Kept {
                data_version,
                shard: read_shard(conn)?,
                fences: HashMap::new(),
            }),
        }
    }
}

impl<'w> Transaction<'w> {
    /// Begins one. What the file says of itself is read within it, unless it is `kept` and
    /// nobody else has written: another engine in this process may have.
    pub(super) fn begin(
        conn: &'w Conn,
        layout: &'w Layout,
        marks: &Marks,
        kept: Option<Kept>,
    ) -> Step<Transaction<'w>> {
        conn.execute("BEGIN IMMEDIATE", &[])?;
        let Kept {
            data_version,
            shard,
            fences,
        } = match Kept::recall(conn, kept) {
            Ok(known) => known,
            Err(fault) => {
                rollback(conn);
                return Err(fault);
            }
        };
        // Positions that a failed commit has shown to readers are not given out again.
        let p = shard.at.p.max(marks.highest_p());
        Ok(Transaction {
            conn,
            layout,
            recorder: Recorder::new(shard.followed),
            recorded: 0,
            data_version,
            shard,
            began: p,
            p,
            feed_growth: Cell::new(0),
            fences,
            inserting: None,
        })
    }

    /// What the next transaction may go by, if this one is committed.
    pub(super) fn keep(mut self) -> Kept {
        self.shard.at.p = self.p;
        Kept {
            data_version: self.data_version,
            shard: self.shard,
            fences: self.fences,
        }
    }

    /// Runs a statement that inserts a row. It is kept at hand: as a rule the next row is of the same
    /// table.
    pub(super) fn insert<'p>(
        &mut self,
        sql: &str,
        params: impl Iterator<Item = Param<'p>>,
    ) -> Step<()> {
        let at_hand = self.inserting.take().filter(|(text, _)| text == sql);
        let (text, mut statement) = match at_hand {
            Some(at_hand) => at_hand,
            None => (sql.to_owned(), self.conn.statement(sql)?),
        };
        for (place, param) in params.enumerate() {
            statement.raw_bind_parameter(place + 1, param)?;
        }
        let inserted = statement.raw_execute();
        self.inserting = Some((text, statement));
        inserted.map(drop).map_err(|error| self.conn.fault(error))
    }

    /// The same transaction, with the tables as they are now.
    pub(crate) fn with_layout<'l>(self, layout: &'l Layout) -> Transaction<'l>
    where
        'w: 'l,
    {
        Transaction { layout, ..self }
    }

    /// The position of the last write in it.
    pub(crate) fn position(&self) -> Position {
        Position {
            timeline: self.shard.at.timeline,
            p: self.p,
        }
    }

    /// The position of the write that is being carried out.
    pub(crate) fn next_position(&self) -> Position {
        Position {
            timeline: self.shard.at.timeline,
            p: self.p + 1,
        }
    }

    /// The write took its position; its events stand.
    pub(crate) fn advance(&mut self) {
        self.p += 1;
        let events = std::mem::take(&mut self.recorded);
        self.feed_growth.set(self.feed_growth.get() + events);
    }

    /// So many events have left the feed.
    pub(crate) fn note_trimmed(&self, events: usize) {
        self.feed_growth.set(self.feed_growth.get() - events as i64);
    }

    /// The schema in force.
    pub(crate) fn schema_version(&self) -> u64 {
        self.shard.schema_version
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

    /// From here on another schema is in force.
    pub(crate) fn set_schema_version(&mut self, version: u64) -> Step<()> {
        self.shard.schema_version = version;
        self.fences.clear();
        let version = [Param::Int(version as i64)];
        self.conn
            .execute("UPDATE _pando_shard SET schema_version = ?", &version)?;
        self.conn
            .execute("UPDATE _pando_fence SET schema_version = ?", &version)?;
        Ok(())
    }

    /// The fence of a slot that is about to be written; `Moved` where it is not ours.
    pub(crate) fn fence(&mut self, slot: Slot) -> Step<Fence> {
        if let Some(fence) = self.fences.get(&slot) {
            return Ok(*fence);
        }
        let mut found = None;
        self.conn.select(
            "SELECT epoch, state, seq, schema_version FROM _pando_fence WHERE slot = ?",
            &[Param::Int(i64::from(slot.number()))],
            |row| {
                let state: i64 = row.get(1)?;
                let fence = Fence {
                    epoch: row.get(0)?,
                    seq: row.get(2)?,
                };
                found = Some((fence, state, row.get::<_, i64>(3)?.unsigned_abs()));
                Ok(())
            },
        )?;
        match found {
            Some((fence, OWNER, version)) => {
                self.check_schema(version)?;
                self.fences.insert(slot, fence);
                Ok(fence)
            }
            _ => Err(Fault::Engine(EngineError::Moved {
                slot: slot.number(),
            })),
        }
    }

    /// Keeps the slot's event counter; it is written with the member's other rows.
    pub(super) fn set_seq(&mut self, slot: Slot, seq: i64) {
        if let Some(fence) = self.fences.get_mut(&slot) {
            fence.seq = seq;
        }
    }

    /// Forgets what a write that was rolled back has noted.
    pub(crate) fn forget(&mut self) {
        if self.recorder.is_on() {
            // Their counters may have been moved on.
            self.fences.clear();
        }
        self.recorder.take();
        self.recorded = 0;
    }

    /// Writes the shard's row, if anything was changed; gives the last position. What changed
    /// nothing writes nothing, even behind positions that a failed commit has left unused: on
    /// a full disk it is answered all the same.
    pub(crate) fn seal(&self) -> Step<Sealed> {
        if self.p > self.began {
            self.conn.execute(
                "UPDATE _pando_shard SET position = ?",
                &[Param::Int(self.p as i64)],
            )?;
        }
        Ok(Sealed {
            p: self.p,
            feed_growth: self.feed_growth.get(),
        })
    }
}

/// Rolls back, whatever is left to roll back.
pub(crate) fn rollback(conn: &Conn) {
    if !conn.db().is_autocommit()
        && let Err(fault) = conn.execute("ROLLBACK", &[])
    {
        tracing::warn!(?fault, "a rollback failed");
    }
}
