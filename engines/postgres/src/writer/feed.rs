//! Recording the feed: the events of writes, in their own transaction.
//!
//! A slot's events are counted by rows of their own, of which the one with the highest number
//! counts: it is inserted, and the one before deleted, as versions of one row would be walked over
//! for as long as somebody holds an older snapshot.

use super::transaction::Fence;
use crate::cell::Param;
use crate::session::Call;
use pando_model::engine::FeedKind;
use pando_model::slot::Slot;
use pando_model::stamp::Position;
use pando_model::statement::RowEvent;
use pando_model::value::Value;
use std::collections::BTreeMap;

/// What writes events down, each numbered among those of its position, and of its slot by `count`.
pub(super) fn record(
    calls: &mut Vec<Call<'static>>,
    events: Vec<(Position, RowEvent)>,
    mut count: impl FnMut(Slot) -> Option<Fence>,
) {
    if events.is_empty() {
        return;
    }
    let mut columns: [Vec<Value>; 9] = Default::default();
    // The numbers before and after.
    let mut counted: BTreeMap<Slot, (i64, i64)> = BTreeMap::new();
    let (mut at, mut ordinal) = (None, 0);
    for (position, event) in events {
        ordinal = if at == Some(position) { ordinal + 1 } else { 1 };
        at = Some(position);
        let Some(fence) = count(event.slot) else {
            continue;
        };
        let numbers = counted.entry(event.slot);
        numbers.or_insert((fence.seq - 1, 0)).1 = fence.seq;
        let cells = [
            Value::Int(position.p as i64),
            Value::Int(i64::from(position.timeline)),
            Value::Int(ordinal),
            Value::Int(i64::from(event.slot.number())),
            Value::Int(fence.epoch),
            Value::Int(fence.seq),
            Value::Text(event.table),
            Value::Int(kind_code(event.kind)),
            Value::Bytes(event.key),
        ];
        for (column, cell) in columns.iter_mut().zip(cells) {
            column.push(cell);
        }
    }
    calls.push(Call {
        sql: "INSERT INTO _pando_feed (p, timeline, ordinal, slot, epoch, seq, tbl, kind, key) \
              SELECT * FROM unnest($1::bigint[], $2::integer[], $3::bigint[], $4::integer[], \
              $5::bigint[], $6::bigint[], $7::text[], $8::integer[], $9::bytea[])"
            .to_owned(),
        params: columns.into_iter().map(Param::list).collect(),
    });
    let slots = counted
        .keys()
        .map(|slot| Value::Int(i64::from(slot.number())));
    let before = counted.values().map(|(before, _)| Value::Int(*before));
    let after = counted.values().map(|(_, after)| Value::Int(*after));
    calls.push(Call {
        sql: "WITH gone AS (DELETE FROM _pando_count AS c \
              USING unnest($1::integer[], $2::bigint[]) AS b (slot, seq) \
              WHERE c.slot = b.slot AND c.seq = b.seq) \
              INSERT INTO _pando_count (slot, seq) SELECT * FROM unnest($1::integer[], $3::bigint[])"
            .to_owned(),
        params: vec![
            Param::list(slots.collect()),
            Param::list(before.collect()),
            Param::list(after.collect()),
        ],
    });
}

/// How a kind is stored.
fn kind_code(kind: FeedKind) -> i64 {
    match kind {
        FeedKind::Insert => 0,
        FeedKind::Update => 1,
        FeedKind::Delete => 2,
    }
}
