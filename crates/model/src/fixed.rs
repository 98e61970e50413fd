//! Which columns a filter fixes to one value, and the slot that follows from them.

use crate::canonical;
use crate::plan::{Comparison, Filter, Scalar};
use crate::schema::{ColumnIx, Table};
use crate::slot::Slot;
use crate::value::Value;

/// Columns that equal a constant in every row that passes.
#[derive(Debug, Default)]
pub struct Fixed<'a>(Vec<(ColumnIx, &'a Value)>);

/// What `filter` fixes.
pub fn fixed_by(filter: &Filter) -> Fixed<'_> {
    let mut fixed = Fixed::default();
    fixed.collect(filter);
    fixed
}

impl<'a> Fixed<'a> {
    fn collect(&mut self, filter: &'a Filter) {
        match filter {
            Filter::And(parts) => parts.iter().for_each(|part| self.collect(part)),
            Filter::Compare {
                left: Scalar::Column(ix),
                op: Comparison::Eq,
                right,
            } if !right.is_null() => self.0.push((*ix, right)),
            Filter::Keys { columns, keys } if keys.len() == 1 => {
                self.0.extend(columns.iter().copied().zip(&keys[0]));
            }
            _ => {}
        }
    }

    /// The value that a column is fixed to.
    pub fn value(&self, column: ColumnIx) -> Option<&'a Value> {
        self.0
            .iter()
            .find(|(ix, _)| *ix == column)
            .map(|(_, value)| *value)
    }

    /// Whether at most one row can pass.
    pub fn is_one_row(&self, table: &Table) -> bool {
        let key = &table.primary_key.columns;
        key.iter().all(|ix| self.value(*ix).is_some())
    }

    /// Whether the rows' slot follows from the filter.
    pub fn has_slot(&self, table: &Table) -> bool {
        if table.is_catalog() || table.reference {
            return self.value(table.primary_key.columns[0]).is_some();
        }
        table.shard_key.iter().all(|ix| self.value(*ix).is_some())
    }

    /// The slot of the rows, where it follows from the filter.
    pub fn slot(&self, table: &Table) -> Option<Slot> {
        let leads = self.value(table.primary_key.columns[0]).is_some();
        if table.is_catalog() {
            return leads.then_some(Slot::CATALOG);
        }
        if table.reference {
            return leads.then_some(Slot::REFERENCE);
        }
        let mut parts = Vec::with_capacity(table.shard_key.len());
        for ix in &table.shard_key {
            parts.push((&table.columns[*ix].ty, self.value(*ix)?));
        }
        Some(Slot::of_key(&canonical::bytes_of(&parts)))
    }

    /// Whether an index finds the rows by a column that the clustered key does not.
    pub fn is_indexed(&self, table: &Table) -> bool {
        let lead = |columns: &mut dyn Iterator<Item = ColumnIx>| -> Vec<ColumnIx> {
            columns.take_while(|ix| self.value(*ix).is_some()).collect()
        };
        let clustered = lead(&mut table.primary_key.columns.iter().copied());
        let knows_more = |columns: &mut dyn Iterator<Item = ColumnIx>| {
            lead(columns).iter().any(|ix| !clustered.contains(ix))
        };
        let uniques = table.uniques.iter().map(|unique| &unique.columns);
        let foreign = table.foreign_keys.iter().map(|key| &key.columns);
        let mut indexes = table.indexes.iter();
        uniques
            .chain(foreign)
            .any(|columns| knows_more(&mut columns.iter().copied()))
            || indexes.any(|index| knows_more(&mut index.columns.iter().map(|(ix, _)| *ix)))
    }
}
