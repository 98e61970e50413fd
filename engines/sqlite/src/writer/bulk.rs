//! Many new rows at once, as an import sends them.
//!
//! Slots are hashes: in the order given, each row lands on another page of the table.
//! In the order of their slots, rows go through the table once from left to right. Whatever
//! is refused is undone and tried again in the order given, which alone tells the
//! first fault.
//!
//! A load into an empty table puts off the indexes that are not unique: to build one of
//! sorted rows takes a fraction of what it takes to put each row into it. Until they are
//! built ([`Writer::build_missing_indexes`]) reads are slow and right.

use super::rows::{cells, slot_param};
use super::{Transaction, Writer};
use crate::cell::Param;
use crate::fault::{Fault, Step};
use crate::layout::{missing_indexes, plain_indexes};
use crate::sql::quoted;
use pando_model::canonical;
use pando_model::constraint::{check_row, complete_row};
use pando_model::layout::Physical;
use pando_model::plan::{Insert, Row};
use pando_model::schema::{Identity, Table};
use pando_model::slot::Slot;
use pando_model::stamp::Position;
use pando_model::statement::check_references_of;
use std::borrow::Cow;
use std::sync::Arc;

/// Fewer rows than this are not worth sorting.
const ROWS_MIN: usize = 64;
/// Fewer rows than this are not worth building an index anew.
const LOAD_MIN: usize = 1_000;

impl Writer {
    /// Builds the indexes that a load has put off. Each is a transaction of its own: what a
    /// crash leaves out is built at the next opening.
    pub(super) fn build_missing_indexes(&self) -> Step<()> {
        let conn = self.conn()?;
        let missing = missing_indexes(conn, &self.layout)?;
        if !missing.is_empty() {
            tracing::info!(count = missing.len(), "building indexes that were put off");
        }
        missing.iter().try_for_each(|sql| conn.batch(sql))
    }
}

impl Transaction<'_> {
    /// Inserts rows in the order of their slots; `None` where their own order matters, or
    /// where one of them is refused.
    pub(super) fn store_in_bulk(
        &mut self,
        insert: &Insert,
        physical: &Arc<Physical>,
    ) -> Step<Option<Vec<Row>>> {
        if let [row] = insert.rows.as_slice()
            && is_plain(insert, physical)
            && !self.recorder.is_on()
        {
            return self.store_plain(physical, row);
        }
        let ordered = insert.conflict.is_some()
            || insert.returning.is_some()
            || self.recorder.is_on()
            || insert.rows.len() < ROWS_MIN;
        if ordered {
            return Ok(None);
        }
        self.conn.execute("SAVEPOINT bulk", &[])?;
        match self.insert_sorted(insert, physical) {
            Ok(()) => {
                self.conn.execute("RELEASE bulk", &[])?;
                // None of them is answered.
                Ok(Some(Vec::new()))
            }
            Err(fault) if fault.is_about_the_request() || fault.is_constraint() => {
                self.conn.execute("ROLLBACK TO bulk", &[])?;
                self.conn.execute("RELEASE bulk", &[])?;
                Ok(None)
            }
            Err(fault) => Err(fault),
        }
    }

    /// Stores a row as it was given, with its position; `None` where one of its keys is there already,
    /// and then nothing was changed.
    fn store_plain(&mut self, physical: &Physical, row: &Row) -> Step<Option<Vec<Row>>> {
        let table = &*physical.table;
        check_row(table, row)?;
        let slot = canonical::slot_of_row(table, row);
        self.fence(slot)?;
        let at = i64::try_from(self.next_position().p).unwrap_or(i64::MAX);
        let cells = cells(table, row).zip(&table.columns);
        let cells = cells.map(|(cell, column)| match column.identity {
            Some(Identity::Position) => Param::Int(at),
            _ => cell,
        });
        let params = std::iter::once(slot_param(slot)).chain(cells);
        match self.insert(&physical.insert, params) {
            Ok(()) => Ok(Some(Vec::new())),
            Err(fault) if fault.is_constraint() => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    fn insert_sorted(&mut self, insert: &Insert, physical: &Arc<Physical>) -> Step<()> {
        let table = &*physical.table;
        if self.conn.is_loading() && insert.rows.len() >= LOAD_MIN {
            self.put_indexes_off(table)?;
        }
        let mut rows = Vec::with_capacity(insert.rows.len());
        for row in &insert.rows {
            let row = completed(table, row, self.next_position())?;
            rows.push((canonical::slot_of_row(table, &row), row));
        }
        // As a rule they come in this order already: then sorting is one look at each.
        rows.sort_by_key(|(slot, _)| *slot);
        self.store_all(physical, &rows)?;
        check_references_of(self, physical, rows.iter().map(|(_, row)| &**row))
    }

    fn put_indexes_off(&self, table: &Table) -> Step<()> {
        let any = format!("SELECT 1 FROM {} LIMIT 1", quoted(&table.name));
        if self.conn.exists(&any, &[])? {
            return Ok(());
        }
        plain_indexes(table).try_for_each(|name| {
            let drop = format!("DROP INDEX IF EXISTS {}", quoted(&name));
            self.conn.batch(&drop)
        })
    }

    fn store_all(&mut self, physical: &Physical, rows: &[(Slot, Cow<'_, Row>)]) -> Step<()> {
        let mut insert = self.conn.db().prepare_cached(&physical.insert)?;
        let mut fenced = None;
        for (slot, row) in rows {
            if fenced != Some(*slot) {
                self.fence(*slot)?;
                fenced = Some(*slot);
            }
            insert.raw_bind_parameter(1, slot_param(*slot))?;
            for (place, cell) in cells(&physical.table, row).enumerate() {
                insert.raw_bind_parameter(place + 2, cell)?;
            }
            insert.raw_execute().map_err(Fault::Sqlite)?;
        }
        Ok(())
    }
}

/// Whether rows are stored as they were given, but for their position, and nothing follows from it.
fn is_plain(insert: &Insert, physical: &Physical) -> bool {
    let table = &*physical.table;
    insert.conflict.is_none()
        && insert.returning.is_none()
        && physical.outgoing.is_empty()
        && !table.has_generated()
        && !table
            .shard_key
            .iter()
            .any(|ix| table.columns[*ix].identity == Some(Identity::Position))
}

/// A row with its generated columns, that passes its table's rules. Only what is computed
/// needs a row of its own.
fn completed<'r>(table: &Table, row: &'r Row, at: Position) -> Step<Cow<'r, Row>> {
    if table.has_generated() || table.is_positioned() {
        let mut row = row.clone();
        table.position_row(&mut row, at);
        complete_row(table, &mut row)?;
        return Ok(Cow::Owned(row));
    }
    check_row(table, row)?;
    Ok(Cow::Borrowed(row))
}
