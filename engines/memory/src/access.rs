//! Which rows of a table a filter needs to be asked about.
//!
//! An access path only narrows: whoever uses it still asks the whole filter of
//! every row, so that a missed chance costs time and never an answer.

use crate::key::Key;
use crate::table::TableState;
use pando_model::plan::{Comparison, Filter, Row, Scalar};
use pando_model::schema::ColumnIx;
use pando_model::value::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The rows that may pass `filter`, by primary key.
pub(crate) fn candidates<'t>(
    table: &'t TableState,
    filter: &Filter,
) -> Box<dyn Iterator<Item = &'t Arc<Row>> + 't> {
    let mut needs = Needs::default();
    needs.gather(filter);
    let (columns, tuples) = needs.tuples(table);
    if table.is_indexed(&columns) {
        let mut rows = BTreeMap::new();
        for tuple in &tuples {
            for row in table.lookup(&columns, tuple) {
                rows.insert(table.key_of(row), row);
            }
        }
        return Box::new(rows.into_values());
    }
    match needs.after(table) {
        Some(key) => Box::new(table.rows_after(key)),
        None => Box::new(table.rows()),
    }
}

/// What must be true of every row that passes.
#[derive(Default)]
struct Needs<'f> {
    equal: Vec<(ColumnIx, &'f Value)>,
    lists: Vec<(Vec<ColumnIx>, Vec<Vec<Value>>)>,
    after: Option<(&'f [ColumnIx], &'f [Value])>,
}

impl<'f> Needs<'f> {
    fn gather(&mut self, filter: &'f Filter) {
        match filter {
            Filter::And(parts) => parts.iter().for_each(|part| self.gather(part)),
            Filter::Compare {
                left: Scalar::Column(ix),
                op: Comparison::Eq,
                right,
            } => self.equal.push((*ix, right)),
            Filter::In {
                left: Scalar::Column(ix),
                values,
            } => {
                let tuples = values.iter().map(|value| vec![value.clone()]).collect();
                self.lists.push((vec![*ix], tuples));
            }
            Filter::Keys { columns, keys } => self.lists.push((columns.clone(), keys.clone())),
            Filter::After { columns, values } => self.after = Some((columns, values)),
            _ => {}
        }
    }

    /// Columns and the tuples that they can have: all equalities, and the first
    /// list that leads an index on.
    fn tuples(&self, table: &TableState) -> (Vec<ColumnIx>, Vec<Vec<Value>>) {
        let columns: Vec<ColumnIx> = self.equal.iter().map(|(ix, _)| *ix).collect();
        let values: Vec<Value> = self
            .equal
            .iter()
            .map(|(_, value)| (*value).clone())
            .collect();
        for (listed, tuples) in &self.lists {
            let all = [columns.as_slice(), listed].concat();
            if table.prefix_of(&all) > table.prefix_of(&columns) {
                let tuples = tuples
                    .iter()
                    .map(|tuple| [values.as_slice(), tuple].concat())
                    .collect();
                return (all, tuples);
            }
        }
        (columns, vec![values])
    }

    /// The primary key behind which the rows begin.
    fn after(&self, table: &TableState) -> Option<Key> {
        let (columns, values) = self.after?;
        (columns == table.def().primary_key.columns).then(|| Key(values.to_vec()))
    }
}
