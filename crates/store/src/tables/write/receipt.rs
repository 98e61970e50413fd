//! Where an idempotency key lies: in the slot that is written, if the request
//! names one slot only, so that it moves with what it wrote; else in the slot of
//! the caller and the key. A repetition has to look in the same place, so only
//! what the request says counts, never a default or an id made for it.

use crate::operation::Reach;
use pando_model::canonical;
use pando_model::plan::{Change, Comparison, Filter, Row, Scalar};
use pando_model::schema::{ColumnIx, Table};
use pando_model::slot::Slot;
use pando_model::value::Value;

/// The slot that a request names. `keyed` is its one new row, where the request names that
/// row's shard key.
pub(super) fn reach(changes: &[Change], keyed: Option<Row>) -> Reach {
    let slot = match (changes, keyed) {
        ([], _) => return Reach::Nothing,
        ([Change::Insert(insert)], Some(row)) => Some(canonical::slot_of_row(&insert.table, &row)),
        ([Change::Update(update)], _) => slot_of_filter(&update.table, &update.filter),
        ([Change::Delete(delete)], _) => slot_of_filter(&delete.table, &delete.filter),
        _ => None,
    };
    slot.map_or(Reach::Many, Reach::Slot)
}

/// The slot of the only rows that can pass a filter, where it names their shard key.
fn slot_of_filter(table: &Table, filter: &Filter) -> Option<Slot> {
    let mut row: Row = vec![Value::Null; table.columns.len()];
    for ix in &table.shard_key {
        row[*ix] = equal_to(filter, *ix)?.clone();
    }
    Some(canonical::slot_of_row(table, &row))
}

fn equal_to(filter: &Filter, column: ColumnIx) -> Option<&Value> {
    match filter {
        Filter::And(all) => all.iter().find_map(|part| equal_to(part, column)),
        Filter::Compare {
            left: Scalar::Column(ix),
            op: Comparison::Eq,
            right,
        } if *ix == column => Some(right),
        _ => None,
    }
}
