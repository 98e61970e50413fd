//! Rows that a delete names by their whole keys: they go without being read before.

use crate::layout::Physical;
use crate::plan::{Comparison, Delete, Filter, Row, Scalar};
use crate::schema::ColumnIx;
use crate::value::Value;

/// More than these are found first, and taken out a part at a time.
const ROWS_MAX: usize = 2_000;

/// The conditions of a filter that names rows.
#[derive(Default)]
struct Names<'a> {
    /// Columns that are the same in all of them.
    fixed: Vec<(ColumnIx, &'a Value)>,
    /// Columns in which they differ, and what each has there.
    listed: Option<(&'a [ColumnIx], Vec<&'a [Value]>)>,
}

/// The primary keys of all rows that may pass, each once, in rows that have nothing else; `None`
/// where the rows have to be found first: they are answered, counted beforehand or referred to,
/// or the filter is not about keys alone.
pub(super) fn rows_of(delete: &Delete, physical: &Physical) -> Option<Vec<Row>> {
    let table = &*delete.table;
    let is_found_first = delete.returning.is_some()
        || delete.max_affected.is_some()
        || table.adopted
        || !physical.incoming.is_empty();
    if is_found_first {
        return None;
    }
    let mut names = Names::default();
    if !names.collect(&delete.filter) {
        return None;
    }
    let key = &table.primary_key.columns;
    if !names.are_of(key) {
        return None;
    }
    let mut blank = vec![Value::Null; table.columns.len()];
    for (ix, value) in names.fixed {
        blank[ix] = value.clone();
    }
    let Some((columns, keys)) = names.listed else {
        return Some(vec![blank]);
    };
    let mut rows: Vec<Row> = Vec::with_capacity(keys.len());
    for values in keys {
        // Nothing equals NULL.
        if values.iter().any(Value::is_null) {
            continue;
        }
        let mut row = blank.clone();
        for (ix, value) in columns.iter().zip(values) {
            row[*ix] = value.clone();
        }
        rows.push(row);
    }
    rows.sort_by(|a, b| super::change::compare_keys(key, a, b));
    rows.dedup_by(|a, b| !super::differs(key, a, b));
    Some(rows)
}

impl<'a> Names<'a> {
    /// Takes a filter's conditions in; whether all of them are such.
    fn collect(&mut self, filter: &'a Filter) -> bool {
        match filter {
            Filter::Const(true) => true,
            Filter::And(parts) => parts.iter().all(|part| self.collect(part)),
            Filter::Compare {
                left: Scalar::Column(ix),
                op: Comparison::Eq,
                right,
            } if !right.is_null() => {
                self.fixed.push((*ix, right));
                true
            }
            Filter::Keys { columns, keys } => self.list(columns, keys.iter().map(Vec::as_slice)),
            Filter::In {
                left: Scalar::Column(ix),
                values,
            } => self.list(std::slice::from_ref(ix), values.chunks(1)),
            _ => false,
        }
    }

    fn list(
        &mut self,
        columns: &'a [ColumnIx],
        keys: impl ExactSizeIterator<Item = &'a [Value]>,
    ) -> bool {
        let is_listed = self.listed.is_none() && keys.len() <= ROWS_MAX;
        if is_listed {
            self.listed = Some((columns, keys.collect()));
        }
        is_listed
    }

    /// Whether they tell each of these columns once, and no other.
    fn are_of(&self, key: &[ColumnIx]) -> bool {
        let listed = self.listed.as_ref();
        let listed = listed.map_or(&[][..], |(columns, _)| columns);
        let fixed = self.fixed.iter().map(|(ix, _)| ix);
        let mut told: Vec<ColumnIx> = fixed.chain(listed).copied().collect();
        let mut key = key.to_vec();
        told.sort_unstable();
        key.sort_unstable();
        told == key
    }
}
