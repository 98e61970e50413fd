//! Recording the feed: the events of a write, in its own transaction.

use super::Transaction;
use crate::cell::Param;
use crate::fault::Step;
use pando_model::engine::FeedKind;
use pando_model::slot::Slot;
use pando_model::value::Value;
use std::collections::BTreeMap;

impl Transaction<'_> {
    /// Writes the events of the write that takes the next position.
    pub(crate) fn record_events(&mut self) -> Step<()> {
        let events = self.recorder.take();
        if events.is_empty() {
            return Ok(());
        }
        let at = self.next_position();
        let mut columns: [Vec<Value>; 7] = Default::default();
        let mut counted: BTreeMap<Slot, i64> = BTreeMap::new();
        for (place, event) in (1_i64..).zip(events) {
            let fence = self.fence(event.slot)?;
            let seq = fence.seq + 1;
            self.set_seq(event.slot, seq);
            counted.insert(event.slot, seq);
            let cells = [
                Value::Int(place),
                Value::Int(i64::from(event.slot.number())),
                Value::Int(fence.epoch),
                Value::Int(seq),
                Value::Text(event.table),
                Value::Int(kind_code(event.kind)),
                Value::Bytes(event.key),
            ];
            for (column, cell) in columns.iter_mut().zip(cells) {
                column.push(cell);
            }
        }
        let mut params = vec![Param::int(at.p as i64), Param::int(i64::from(at.timeline))];
        params.extend(columns.into_iter().map(Param::list));
        self.session.execute(
            "INSERT INTO _pando_feed (p, timeline, ordinal, slot, epoch, seq, tbl, kind, key) \
             SELECT $1::bigint, $2::integer, e.* FROM unnest($3::bigint[], $4::integer[], \
             $5::bigint[], $6::bigint[], $7::text[], $8::integer[], $9::bytea[]) AS e",
            &params,
        )?;
        let slots = counted
            .keys()
            .map(|slot| Value::Int(i64::from(slot.number())));
        let seqs = counted.values().map(|seq| Value::Int(*seq));
        self.session.execute(
            "UPDATE _pando_fence AS f SET seq = c.seq \
             FROM unnest($1::integer[], $2::bigint[]) AS c (slot, seq) WHERE f.slot = c.slot",
            &[Param::list(slots.collect()), Param::list(seqs.collect())],
        )?;
        Ok(())
    }
}

/// How a kind is stored.
fn kind_code(kind: FeedKind) -> i64 {
    match kind {
        FeedKind::Insert => 0,
        FeedKind::Update => 1,
        FeedKind::Delete => 2,
    }
}
