//! Single rows: stored, replaced, taken out, each with its fence and its event.
//!
//! SQLite's own keys are the judge of a duplicate. Only when they have spoken is it found
//! out which key it was, in the order in which PostgreSQL would have met it.

use super::Transaction;
use crate::cell::Param;
use crate::fault::{Fault, Step};
use crate::layout::equalities;
use crate::sql::quoted;
use crate::tree::{read_first_rows, read_keys_behind, read_whole_rows};
use pando_model::budget::RowBudget;
use pando_model::canonical;
use pando_model::constraint::duplicate_key;
use pando_model::engine::FeedKind;
use pando_model::layout::Physical;
use pando_model::plan::{Filter, Insert, Row, Select};
use pando_model::reshape::keys_of;
use pando_model::schema::{ColumnIx, SLOT_COLUMN, Table};
use pando_model::slot::Slot;
use pando_model::stamp::Position;
use pando_model::statement::Storage;
use pando_model::tree::{Keyed, Source};
use pando_model::value::Value;
use std::sync::Arc;

impl Source for Transaction<'_> {
    type Fault = Fault;

    fn select(&self, select: &Select, keyed: Option<Keyed<'_>>) -> Step<Vec<Row>> {
        Source::select(self.conn, select, keyed)
    }

    fn count(&self, select: &Select) -> Step<u64> {
        Source::count(self.conn, select)
    }
}

impl Storage for Transaction<'_> {
    fn budget(&self) -> &RowBudget {
        self.conn.budget()
    }

    fn position(&self) -> Position {
        self.next_position()
    }

    fn is_about_the_request(fault: &Fault) -> bool {
        fault.is_about_the_request()
    }

    fn physical(&self, name: &str) -> Step<Arc<Physical>> {
        Ok(self.layout.table(name)?)
    }

    fn whole_rows(&self, table: &Table, filter: &Filter, answered: bool) -> Step<Vec<Row>> {
        read_whole_rows(self.conn, table, filter, answered)
    }

    fn first_rows(
        &self,
        table: &Arc<Table>,
        filter: &Filter,
        limit: Option<u64>,
        bytes_max: usize,
    ) -> Step<Vec<Row>> {
        read_first_rows(self.conn, table, filter, limit, bytes_max)
    }

    fn keys_behind(
        &self,
        table: &Arc<Table>,
        filter: &Filter,
        after: &Row,
    ) -> Step<Vec<Vec<Value>>> {
        read_keys_behind(self.conn, table, filter, after)
    }

    fn finds(
        &self,
        text: &str,
        table: &Table,
        columns: &[ColumnIx],
        values: &[&Value],
    ) -> Step<bool> {
        let cells = columns.iter().zip(values);
        let params: Vec<_> = cells
            .map(|(ix, value)| Param::of(value, &table.columns[*ix].ty))
            .collect();
        self.conn.exists(text, &params)
    }

    fn try_insert(&mut self, physical: &Physical, row: &Row) -> Step<Option<Fault>> {
        let table = &*physical.table;
        let slot = canonical::slot_of_row(table, row);
        self.fence(slot)?;
        let params = std::iter::once(slot_param(slot)).chain(cells(table, row));
        match self.insert(&physical.insert, params) {
            Ok(()) => {}
            Err(fault) if fault.is_constraint() => return Ok(Some(fault)),
            Err(fault) => return Err(fault),
        }
        self.recorder.note(table, FeedKind::Insert, slot, row);
        Ok(None)
    }

    fn replace(&mut self, physical: &Physical, old: &Row, row: &Row) -> Step<()> {
        let table = &*physical.table;
        let (old_slot, slot) = (
            canonical::slot_of_row(table, old),
            canonical::slot_of_row(table, row),
        );
        self.fence(old_slot)?;
        self.fence(slot)?;
        self.store_in_place(table, (old_slot, old), (slot, row))?;
        self.recorder
            .note_replaced(table, (old_slot, old), (slot, row));
        Ok(())
    }

    fn remove(&mut self, physical: &Physical, row: &Row) -> Step<()> {
        let slot = canonical::slot_of_row(&physical.table, row);
        self.take_out(physical, slot, row)?;
        self.recorder
            .note(&physical.table, FeedKind::Delete, slot, row);
        Ok(())
    }

    fn remove_named(&mut self, physical: &Physical, rows: &[Row]) -> Step<u64> {
        let mut gone = 0;
        for row in rows {
            let slot = canonical::slot_of_row(&physical.table, row);
            if self.take_out(physical, slot, row)? > 0 {
                gone += 1;
                self.recorder
                    .note(&physical.table, FeedKind::Delete, slot, row);
            }
        }
        Ok(gone)
    }

    fn diagnose(&self, table: &Table, row: &Row, fault: Fault) -> Step<Fault> {
        self.duplicate_of(table, row, None, fault)
    }

    fn insert_in_bulk(
        &mut self,
        insert: &Insert,
        physical: &Arc<Physical>,
    ) -> Step<Option<Vec<Row>>> {
        self.store_in_bulk(insert, physical)
    }
}

impl Transaction<'_> {
    /// Deletes the row with the primary key of `row`; how many rows there were.
    fn take_out(&mut self, physical: &Physical, slot: Slot, row: &Row) -> Step<usize> {
        let table = &*physical.table;
        self.fence(slot)?;
        let mut params = vec![slot_param(slot)];
        params.extend(key_cells(table, &table.primary_key.columns, row));
        self.conn.execute(&physical.delete, &params)
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
                Err(self.duplicate_of(table, row, Some(old), fault)?)
            }
            Err(fault) => Err(fault),
        }
    }

    /// Which key of `row` was there already: the primary key, then the uniques in order of
    /// declaration. `old` is the row that it was to replace. A breach that none of them
    /// explains is the engine's own fault.
    fn duplicate_of(
        &self,
        table: &Table,
        row: &Row,
        old: Option<&Row>,
        fault: Fault,
    ) -> Step<Fault> {
        let key = &table.primary_key;
        for (name, columns) in keys_of(table) {
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
