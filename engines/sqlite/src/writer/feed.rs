//! Recording the feed: the events of a write, in its own transaction.

use super::Transaction;
use crate::cell::Param;
use crate::fault::Step;
use pando_model::engine::FeedKind;
use std::borrow::Cow;

impl Transaction<'_> {
    /// Writes the events of the write that takes the next position.
    pub(crate) fn record_events(&mut self) -> Step<()> {
        let at = self.next_position();
        let events = self.recorder.take();
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
        self.recorded += events.len() as i64;
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
