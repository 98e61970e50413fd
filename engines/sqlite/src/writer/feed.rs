//! Recording the feed: the events of a write, in its own transaction.

use super::Transaction;
use crate::cell::Param;
use crate::fault::Step;
use pando_model::canonical;
use pando_model::engine::FeedKind;
use pando_model::plan::Row;
use pando_model::schema::Table;
use pando_model::slot::Slot;
use std::borrow::Cow;

/// The events of the write that is being carried out.
#[derive(Debug)]
pub(crate) struct Recorder {
    followed: bool,
    events: Vec<Event>,
    /// How many of them lie in the feed.
    written: i64,
}

#[derive(Debug)]
struct Event {
    slot: Slot,
    table: String,
    kind: FeedKind,
    key: Vec<u8>,
}

impl Recorder {
    /// Records only while somebody follows.
    pub(super) fn new(followed: bool) -> Recorder {
        Recorder {
            followed,
            events: Vec::new(),
            written: 0,
        }
    }

    /// Whether anything is recorded.
    pub(super) fn is_on(&self) -> bool {
        self.followed
    }

    /// Notes what happened to a row.
    pub(super) fn note(&mut self, table: &Table, kind: FeedKind, slot: Slot, row: &Row) {
        if self.followed {
            self.events.push(Event {
                slot,
                table: table.name.clone(),
                kind,
                key: canonical::key_bytes(table, &table.primary_key.columns, row),
            });
        }
    }

    /// Forgets the events of a write that was rolled back.
    pub(super) fn forget(&mut self) {
        self.events.clear();
        self.written = 0;
    }

    /// How many events the write that is done has left in the feed.
    pub(super) fn take_written(&mut self) -> i64 {
        std::mem::take(&mut self.written)
    }
}

impl Transaction<'_> {
    /// Writes the events of the write that takes the next position.
    pub(crate) fn record_events(&mut self) -> Step<()> {
        let at = self.next_position();
        let events = std::mem::take(&mut self.recorder.events);
        for (place, event) in events.iter().enumerate() {
            let fence = self.fence(event.slot)?;
            let seq = fence.seq + 1;
            self.set_seq(event.slot, seq);
            self.conn.execute(
                "INSERT INTO _pando_feed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                &[
                    Param::Int(at.p as i64),
                    Param::Int(place as i64 + 1),
                    Param::Int(i64::from(at.timeline)),
                    Param::Int(i64::from(event.slot.number())),
                    Param::Int(fence.epoch),
                    Param::Int(seq),
                    Param::Text(Cow::Borrowed(&event.table)),
                    Param::Int(kind_code(event.kind)),
                    Param::Blob(Cow::Borrowed(&event.key)),
                ],
            )?;
            self.conn.execute(
                "UPDATE _pando_fence SET seq = ? WHERE slot = ?",
                &[Param::Int(seq), Param::Int(i64::from(event.slot.number()))],
            )?;
        }
        self.recorder.written += events.len() as i64;
        Ok(())
    }
}

/// How a kind is stored.
pub(crate) fn kind_code(kind: FeedKind) -> i64 {
    match kind {
        FeedKind::Insert => 0,
        FeedKind::Update => 1,
        FeedKind::Delete => 2,
    }
}
