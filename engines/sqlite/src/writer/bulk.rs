//! Many new rows at once, as an import sends them.
//!
//! Slots are hashes: in the order given, each row lands on another page of the table.
//! In the order of their slots, rows go through the table once from left to right. Whatever
//! is refused is undone and tried again in the order given, which alone tells the
//! first fault.

use super::Transaction;
use super::foreign::Statement;
use super::rows::{cells, slot_param};
use crate::fault::{Fault, Step};
use crate::layout::Physical;
use pando_model::canonical;
use pando_model::constraint::complete_row;
use pando_model::engine::Outcome;
use pando_model::plan::{Insert, Row};
use pando_model::slot::Slot;
use std::sync::Arc;

/// Fewer rows than this are not worth sorting.
const ROWS_MIN: usize = 64;

impl Transaction<'_> {
    /// Inserts rows in the order of their slots; `None` where their own order matters, or
    /// where one of them is refused.
    pub(super) fn insert_in_bulk(
        &mut self,
        insert: &Insert,
        physical: &Arc<Physical>,
    ) -> Step<Option<Outcome>> {
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
                let rows = insert.rows.len() as u64;
                Ok(Some(Outcome {
                    affected: rows,
                    inserted: rows,
                    ..Outcome::default()
                }))
            }
            Err(fault) if fault.is_about_the_request() || fault.is_constraint() => {
                self.conn.execute("ROLLBACK TO bulk", &[])?;
                self.conn.execute("RELEASE bulk", &[])?;
                Ok(None)
            }
            Err(fault) => Err(fault),
        }
    }

    fn insert_sorted(&mut self, insert: &Insert, physical: &Arc<Physical>) -> Step<()> {
        let table = &*physical.table;
        let mut rows = Vec::with_capacity(insert.rows.len());
        for row in &insert.rows {
            let mut row = row.clone();
            complete_row(table, &mut row)?;
            rows.push((canonical::slot_of_row(table, &row), row));
        }
        rows.sort_by_key(|(slot, _)| *slot);
        let mut statement = Statement::default();
        self.store_all(physical, &rows)?;
        for (_, row) in &rows {
            statement.inserted(physical, row);
        }
        self.settle(&mut statement)
    }

    fn store_all(&mut self, physical: &Physical, rows: &[(Slot, Row)]) -> Step<()> {
        let mut insert = self.conn.db().prepare_cached(&physical.insert)?;
        for (slot, row) in rows {
            self.fence(*slot)?;
            insert.raw_bind_parameter(1, slot_param(*slot))?;
            for (place, cell) in cells(&physical.table, row).enumerate() {
                insert.raw_bind_parameter(place + 2, cell)?;
            }
            insert.raw_execute().map_err(Fault::Sqlite)?;
        }
        Ok(())
    }
}
