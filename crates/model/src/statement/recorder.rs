//! The events of the write that is being carried out.

use crate::canonical;
use crate::engine::FeedKind;
use crate::plan::Row;
use crate::schema::Table;
use crate::slot::Slot;

/// Notes what happens to rows, while somebody follows.
#[derive(Debug)]
pub struct Recorder {
    followed: bool,
    events: Vec<RowEvent>,
}

/// What happened to a row.
#[derive(Debug)]
pub struct RowEvent {
    /// Where it lies, or lay.
    pub slot: Slot,
    /// Its table.
    pub table: String,
    /// What happened.
    pub kind: FeedKind,
    /// The canonical bytes of its primary key.
    pub key: Vec<u8>,
}

impl Recorder {
    /// Records only while somebody follows.
    pub fn new(followed: bool) -> Recorder {
        Recorder {
            followed,
            events: Vec::new(),
        }
    }

    /// Whether anything is recorded.
    pub fn is_on(&self) -> bool {
        self.followed
    }

    /// Notes what happened to a row.
    pub fn note(&mut self, table: &Table, kind: FeedKind, slot: Slot, row: &Row) {
        if self.followed {
            self.events.push(RowEvent {
                slot,
                table: table.name.clone(),
                kind,
                key: canonical::key_bytes(table, &table.primary_key.columns, row),
            });
        }
    }

    /// Notes that `row` took the place of `old`.
    pub fn note_replaced(
        &mut self,
        table: &Table,
        (old_slot, old): (Slot, &Row),
        (slot, row): (Slot, &Row),
    ) {
        // A row keeps its slot as long as it keeps its key: the shard key is part of it.
        if super::differs(&table.primary_key.columns, old, row) {
            self.note(table, FeedKind::Delete, old_slot, old);
            self.note(table, FeedKind::Insert, slot, row);
        } else {
            self.note(table, FeedKind::Update, slot, row);
        }
    }

    /// The events so far; it begins anew.
    pub fn take(&mut self) -> Vec<RowEvent> {
        std::mem::take(&mut self.events)
    }
}
