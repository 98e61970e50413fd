//! Whole rows by keys, wherever these lead to them.

use crate::relation::{equals, rows_of, select, tree};
use pando_model::engine::{Outcome, Step};
use pando_model::plan::{Filter, Row};
use pando_model::schema::{ColumnIx, Table};
use pando_model::value::Value;
use std::sync::Arc;

/// The values of some columns of a row.
pub(super) fn values_of(row: &Row, columns: &[ColumnIx]) -> Vec<Value> {
    let values = columns.iter();
    let values = values.map(|ix| row.get(*ix).cloned().unwrap_or(Value::Null));
    values.collect()
}

/// Reads the rows that have these keys, values of these columns; none of them is NULL. Where only
/// the place of a row leads to it there is a read for each place.
pub(super) fn read(table: &Arc<Table>, columns: &[ColumnIx], keys: Vec<Vec<Value>>) -> Step {
    let all: Vec<ColumnIx> = (0..table.columns.len()).collect();
    let read = |filter| Step::read(tree(select(table, &all, filter)));
    let of = |keys| Filter::Keys {
        columns: columns.to_vec(),
        keys,
    };
    if table.key_indexed {
        return Step::Group(vec![read(of(keys))]);
    }
    let mut places: Vec<(Vec<Value>, Vec<Vec<Value>>)> = Vec::new();
    for key in keys {
        let place = place_of(table, columns, &key);
        match places.iter_mut().find(|(known, _)| *known == place) {
            Some((_, keys)) => keys.push(key),
            None => places.push((place, vec![key])),
        }
    }
    let each = places.into_iter().map(|(place, keys)| {
        let own = table.shard_key.iter().zip(place);
        let mut filters: Vec<Filter> = own.map(|(ix, value)| equals(*ix, value)).collect();
        filters.push(of(keys));
        read(Filter::And(filters))
    });
    Step::Group(each.collect())
}

/// What was read.
pub(super) fn found(outcome: &Outcome) -> Vec<Row> {
    let inner = outcome.group.iter().flat_map(found);
    rows_of(outcome).iter().cloned().chain(inner).collect()
}

/// What of a key places its row.
fn place_of(table: &Table, columns: &[ColumnIx], key: &[Value]) -> Vec<Value> {
    let own = table.shard_key.iter();
    let own = own.filter_map(|ix| columns.iter().position(|column| column == ix));
    own.filter_map(|at| key.get(at).cloned()).collect()
}
