//! Single rows: stored, replaced, taken out, each with its fence and its event.
//!
//! SQLite's own keys are the judge of a duplicate. Only when they have spoken is it found
//! out which key it was, in the order in which PostgreSQL would have met it.

use super::Transaction;
use super::foreign::Statement;
use crate::cell::Param;
use crate::fault::{Fault, Step};
use crate::layout::{Physical, equalities};
use crate::sql::quoted;
use pando_model::canonical;
use pando_model::constraint::{complete_row, duplicate_key};
use pando_model::engine::FeedKind;
use pando_model::plan::Row;
use pando_model::schema::{ColumnIx, SLOT_COLUMN, Table};
use pando_model::slot::Slot;
use std::sync::Arc;

impl Transaction<'_> {
    /// Stores a new row; gives it as it is stored.
    pub(super) fn insert_row(
        &mut self,
        statement: &mut Statement,
        physical: &Arc<Physical>,
        mut row: Row,
    ) -> Step<Row> {
        complete_row(&physical.table, &mut row)?;
        match self.try_insert(statement, physical, &row)? {
            None => Ok(row),
            Some(fault) => Err(self.diagnose(&physical.table, &row, None, fault)?),
        }
    }

    /// Stores a row that is complete, unless one of SQLite's keys is there already: then
    /// nothing was changed, and this is its fault.
    pub(super) fn try_insert(
        &mut self,
        statement: &mut Statement,
        physical: &Arc<Physical>,
        row: &Row,
    ) -> Step<Option<Fault>> {
        let table = &*physical.table;
        let slot = canonical::slot_of_row(table, row);
        self.fence(slot)?;
        let mut params = Vec::with_capacity(row.len() + 1);
        params.push(slot_param(slot));
        params.extend(cells(table, row));
        match self.conn.execute(&physical.insert, &params) {
            Ok(_) => {}
            Err(fault) if fault.is_constraint() => return Ok(Some(fault)),
            Err(fault) => return Err(fault),
        }
        self.recorder.note(table, FeedKind::Insert, slot, row);
        statement.inserted(physical, row);
        Ok(None)
    }

    /// Stores `row` in the place of `old`; gives it as it is stored.
    pub(super) fn replace_row(
        &mut self,
        statement: &mut Statement,
        physical: &Arc<Physical>,
        old: &Row,
        mut row: Row,
    ) -> Step<Row> {
        let table = &*physical.table;
        complete_row(table, &mut row)?;
        let (old_slot, slot) = (
            canonical::slot_of_row(table, old),
            canonical::slot_of_row(table, &row),
        );
        self.fence(old_slot)?;
        self.fence(slot)?;
        self.store_in_place(table, (old_slot, old), (slot, &row))?;
        // A row keeps its slot as long as it keeps its key: the shard key is part of it.
        if differs(&table.primary_key.columns, old, &row) {
            self.recorder.note(table, FeedKind::Delete, old_slot, old);
            self.recorder.note(table, FeedKind::Insert, slot, &row);
        } else {
            self.recorder.note(table, FeedKind::Update, slot, &row);
        }
        statement.replaced(physical, old, &row);
        Ok(row)
    }

    /// Takes a row out.
    pub(super) fn remove_row(
        &mut self,
        statement: &mut Statement,
        physical: &Arc<Physical>,
        row: &Row,
    ) -> Step<()> {
        let table = &*physical.table;
        let slot = canonical::slot_of_row(table, row);
        self.fence(slot)?;
        let mut params = vec![slot_param(slot)];
        params.extend(key_cells(table, &table.primary_key.columns, row));
        self.conn.execute(&physical.delete, &params)?;
        self.recorder.note(table, FeedKind::Delete, slot, row);
        statement.removed(physical, row);
        Ok(())
    }

    /// Writes the columns that differ, so that no index is touched without need.
    fn store_in_place(
        &mut self,
        table: &Table,
        (old_slot, old): (Slot, &Row),
        (slot, row): (Slot, &Row),
    ) -> Step<()> {
        let changed: Vec<ColumnIx> = (0..row.len()).filter(|ix| old[*ix] != row[*ix]).collect();
        if changed.is_empty() && old_slot == slot {
            return Ok(());
        }
        let mut set = Vec::with_capacity(changed.len() + 1);
        let mut params = Vec::with_capacity(changed.len() + 4);
        if old_slot != slot {
            set.push(format!("{SLOT_COLUMN} = ?"));
            params.push(slot_param(slot));
        }
        for ix in &changed {
            set.push(format!("{} = ?", quoted(&table.columns[*ix].name)));
        }
        params.extend(key_cells(table, &changed, row));
        params.push(slot_param(old_slot));
        params.extend(key_cells(table, &table.primary_key.columns, old));
        let sql = format!(
            "UPDATE {} SET {} WHERE {SLOT_COLUMN} = ? AND {}",
            quoted(&table.name),
            set.join(", "),
            equalities(table, &table.primary_key.columns)
        );
        match self.conn.execute(&sql, &params) {
            Ok(_) => Ok(()),
            Err(fault) if fault.is_constraint() => {
                Err(self.diagnose(table, row, Some(old), fault)?)
            }
            Err(fault) => Err(fault),
        }
    }

    /// Which key of `row` was there already: the primary key, then the uniques in order of
    /// declaration. `old` is the row that it was to replace. A breach that none of them
    /// explains is the engine's own fault.
    pub(super) fn diagnose(
        &self,
        table: &Table,
        row: &Row,
        old: Option<&Row>,
        fault: Fault,
    ) -> Step<Fault> {
        let key = &table.primary_key;
        let keys = std::iter::once((&key.name, &key.columns))
            .chain(table.uniques.iter().map(|one| (&one.name, &one.columns)));
        for (name, columns) in keys {
            if columns.iter().any(|ix| row[*ix].is_null()) {
                continue;
            }
            let mut sql = format!(
                "SELECT 1 FROM {} WHERE {}",
                quoted(&table.name),
                equalities(table, columns)
            );
            let mut params: Vec<_> = key_cells(table, columns, row).collect();
            if let Some(old) = old {
                sql.push_str(&format!(" AND NOT ({})", equalities(table, &key.columns)));
                params.extend(key_cells(table, &key.columns, old));
            }
            if self.conn.exists(&sql, &params)? {
                return Ok(duplicate_key(table, name, columns, row).into());
            }
        }
        Ok(fault)
    }
}

/// A row's cells, in the order of the columns.
pub(crate) fn cells<'r>(table: &Table, row: &'r Row) -> impl Iterator<Item = Param<'r>> {
    row.iter()
        .zip(&table.columns)
        .map(|(value, column)| Param::of(value, &column.ty))
}

/// The cells of some columns.
pub(crate) fn key_cells<'r>(
    table: &'r Table,
    columns: &'r [ColumnIx],
    row: &'r Row,
) -> impl Iterator<Item = Param<'r>> {
    columns
        .iter()
        .map(|ix| Param::of(&row[*ix], &table.columns[*ix].ty))
}

/// A slot as a parameter.
pub(crate) fn slot_param(slot: Slot) -> Param<'static> {
    Param::Int(i64::from(slot.number()))
}

/// Whether two rows have other values in these columns.
pub(crate) fn differs(columns: &[ColumnIx], old: &Row, new: &Row) -> bool {
    columns.iter().any(|ix| old[*ix].compare(&new[*ix]).is_ne())
}
