//! Many rows at once: new ones, as an import sends them, in one statement, or by COPY where they
//! are more; and those that go. Whatever is refused is undone and tried again row by row, which
//! alone tells the first fault.

use super::Transaction;
use super::copy;
use super::rows::{insert_params, key_params};
use crate::cell::{Param, Raw, column_of};
use crate::column::RowsColumn;
use crate::fault::{Fault, Step};
use crate::layout::{delete_many_sql, insert_many_sql, insert_sql, names};
use pando_model::canonical;
use pando_model::column::ColumnType;
use pando_model::constraint::complete_row;
use pando_model::engine::FeedKind;
use pando_model::error::Refusal;
use pando_model::layout::Physical;
use pando_model::plan::{Insert, Row};
use pando_model::schema::{ColumnIx, Table};
use pando_model::slot::Slot;
use pando_model::statement::{Storage, check_references_of};
use pando_model::value::Value;
use std::borrow::Borrow;
use std::fmt::Debug;
use std::sync::Arc;
use tokio_postgres::types::ToSql;

/// Fewer rows than this are taken one by one.
const ROWS_MIN: usize = 4;
/// From so many on COPY's two round trips cost less than what a statement costs for each row.
const COPY_MIN: usize = 256;
/// Rows of one `VALUES`; a power of two, so that few statements are prepared.
const VALUES_MAX: usize = 256;
/// The protocol counts a statement's parameters in 16 bits.
const PARAMS_MAX: usize = 65_535;

impl Transaction<'_> {
    /// Inserts rows many at a time; `None` where one meets an old row, or is refused.
    pub(super) fn store_in_bulk(
        &mut self,
        insert: &Insert,
        physical: &Arc<Physical>,
    ) -> Step<Option<Vec<Row>>> {
        if insert.rows.len() < ROWS_MIN {
            return Ok(None);
        }
        self.session.defer("SAVEPOINT bulk;", None);
        let rows = match self.store_all(insert, physical) {
            Ok(rows) => rows,
            Err(fault) if !fault.is_about_one_request() => return Err(fault),
            Err(_) => {
                self.session.undo("bulk");
                return Ok(None);
            }
        };
        self.session.defer("RELEASE bulk;", Some("SAVEPOINT bulk;"));
        for (slot, row) in &rows {
            let table = &physical.table;
            self.recorder.note(table, FeedKind::Insert, *slot, row);
        }
        if insert.returning.is_none() {
            return Ok(Some(Vec::new()));
        }
        for (_, row) in &rows {
            self.session.budget().take_row(row)?;
        }
        Ok(Some(rows.into_iter().map(|(_, row)| row).collect()))
    }

    /// Takes rows out in one statement; those that another writer has in hand one by one.
    pub(super) fn remove_together(&mut self, physical: &Physical, rows: &[Row]) -> Step<()> {
        let table = &*physical.table;
        if is_taken_singly(table, rows) {
            return rows.iter().try_for_each(|row| self.remove(physical, row));
        }
        let rows = with_slots(table, rows);
        self.fence_all(&slots_of(&rows))?;
        self.session.plan_for(table);
        let columns = RowsColumn::some(&table.primary_key.columns, &rows);
        let gone = self.execute_with(&delete_many_sql(table), columns)?;
        for (slot, row) in &rows {
            if gone < rows.len() as u64 {
                let params: Vec<_> = key_params(table, *slot, row).collect();
                self.session.execute(&physical.delete, &params)?;
            }
            self.recorder.note(table, FeedKind::Delete, *slot, row);
        }
        Ok(())
    }

    /// Takes out what is there of the rows with these primary keys, and gives how many rows it was.
    pub(super) fn remove_by_key(&mut self, physical: &Physical, rows: &[Row]) -> Step<u64> {
        let table = &*physical.table;
        let singly = is_taken_singly(table, rows);
        let rows = with_slots(table, rows);
        self.fence_all(&slots_of(&rows))?;
        self.session.plan_for(table);
        let mut gone = 0;
        if singly {
            for (slot, row) in &rows {
                let params: Vec<_> = key_params(table, *slot, row).collect();
                if self.session.execute(&physical.delete, &params)? > 0 {
                    gone += 1;
                    self.recorder.note(table, FeedKind::Delete, *slot, row);
                }
            }
            return Ok(gone);
        }
        loop {
            let now = self.delete_many(table, &rows)?;
            gone += now;
            // One that another writer changed meanwhile is found by the next look.
            if now == 0 || gone >= rows.len() as u64 {
                return Ok(gone);
            }
        }
    }

    /// One look for rows by their keys; those that it finds go, and are noted.
    fn delete_many(&mut self, table: &Table, rows: &[(Slot, &Row)]) -> Step<u64> {
        let key = &table.primary_key.columns;
        let sql = delete_many_sql(table);
        let columns = RowsColumn::some(key, rows);
        if !self.recorder.is_on() {
            return self.execute_with(&sql, columns);
        }
        let columns: Vec<_> = columns.collect();
        let columns: Vec<_> = columns.iter().map(|one| one as _).collect();
        let mut gone = Vec::new();
        let sql = format!("{sql} RETURNING {}", names(table, key));
        self.session.select_raw(&sql, columns, |raw| {
            let mut row = vec![Value::Null; table.columns.len()];
            for (place, ix) in key.iter().enumerate() {
                let cell = raw.try_get::<_, Option<Raw<'_>>>(place)?;
                row[*ix] = column_of(cell, &table.columns[*ix].ty)?;
            }
            gone.push(row);
            Ok(true)
        })?;
        self.session.add_changes(gone.len() as u64);
        for row in &gone {
            let slot = canonical::slot_of_row(table, row);
            self.recorder.note(table, FeedKind::Delete, slot, row);
        }
        Ok(gone.len() as u64)
    }

    fn execute_with<'r, R: Borrow<Row> + Debug + Sync + 'r>(
        &self,
        sql: &str,
        columns: impl Iterator<Item = RowsColumn<'r, R>>,
    ) -> Step<u64> {
        let columns: Vec<_> = columns.collect();
        let columns: Vec<_> = columns
            .iter()
            .map(|one| one as &(dyn ToSql + Sync))
            .collect();
        self.session.execute_raw(sql, &columns)
    }

    /// Makes the rows whole and stores them; gives them with their slots.
    fn store_all(&mut self, insert: &Insert, physical: &Arc<Physical>) -> Step<Vec<(Slot, Row)>> {
        let table = &*physical.table;
        let mut rows: Vec<(Slot, Row)> = Vec::with_capacity(insert.rows.len());
        for row in &insert.rows {
            let mut row = row.clone();
            table.position_row(&mut row, self.next_position());
            complete_row(table, &mut row)?;
            rows.push((canonical::slot_of_row(table, &row), row));
        }
        self.store_rows(physical, &rows)?;
        Ok(rows)
    }

    /// Stores whole rows; refused where one of them has a key that is there already, or refers
    /// to what is not there.
    pub(super) fn store_rows(
        &mut self,
        physical: &Arc<Physical>,
        rows: &[(Slot, Row)],
    ) -> Step<()> {
        self.fence_all(&slots_of(rows))?;
        let table = &*physical.table;
        self.session.plan_for(table);
        let all: Vec<_> = (0..table.columns.len()).collect();
        if has_array_in(table, &all) && rows.len() < COPY_MIN || table.adopted {
            self.store_values(table, rows)?;
        } else if rows.len() >= COPY_MIN {
            copy::rows_into(self.session, table, &table.name, rows)?;
        } else {
            let columns = RowsColumn::some(&all, rows);
            let stored = self.execute_with(&insert_many_sql(table), columns)?;
            check_count(table, stored, rows)?;
        }
        check_references_of(self, physical, rows.iter().map(|(_, row)| row))
    }

    /// Stores rows as lists of values: arrays have no columns of arrays.
    fn store_values(&self, table: &Table, rows: &[(Slot, Row)]) -> Step<()> {
        let fit = PARAMS_MAX / (table.columns.len() + 1);
        let mut rest = rows;
        while !rest.is_empty() {
            let largest = rest.len().min(fit).min(VALUES_MAX);
            // The greatest power of two.
            let (now, later) = rest.split_at(1 << largest.ilog2());
            let sql = insert_sql(table, &table.name, now.len());
            let params: Vec<Param<'_>> = now
                .iter()
                .flat_map(|(slot, row)| insert_params(table, *slot, row))
                .collect();
            check_count(table, self.session.execute(&sql, &params)?, now)?;
            rest = later;
        }
        Ok(())
    }
}

/// Whether one of these columns is an array.
fn has_array_in(table: &Table, columns: &[ColumnIx]) -> bool {
    let is_array = |ix: &ColumnIx| matches!(table.columns[*ix].ty, ColumnType::Array(_));
    columns.iter().any(is_array)
}

/// Whether rows go one by one: they are few, or what their keys are made of has no columns.
fn is_taken_singly(table: &Table, rows: &[Row]) -> bool {
    rows.len() < ROWS_MIN || table.adopted || has_array_in(table, &table.primary_key.columns)
}

fn with_slots<'r>(table: &Table, rows: &'r [Row]) -> Vec<(Slot, &'r Row)> {
    let slot_of = |row| canonical::slot_of_row(table, row);
    rows.iter().map(|row| (slot_of(row), row)).collect()
}

/// The slots of rows, each once.
fn slots_of<R>(rows: &[(Slot, R)]) -> Vec<Slot> {
    let mut slots: Vec<Slot> = rows.iter().map(|(slot, _)| *slot).collect();
    slots.sort_unstable();
    slots.dedup();
    slots
}

/// Refuses where fewer rows were stored than given; which, and why, is found out row by row.
fn check_count(table: &Table, stored: u64, rows: &[(Slot, Row)]) -> Step<()> {
    if stored == rows.len() as u64 {
        return Ok(());
    }
    let message = format!("a row of {} has a key that is there already", table.name);
    Err(Fault::from(Refusal::new("23505", message)))
}
