//! Many new rows at once, as an import sends them: as many as fit go in one statement. Whatever
//! is refused is undone and tried again row by row, which alone tells the first fault.

use super::Transaction;
use super::rows::insert_params;
use crate::fault::Step;
use crate::layout::insert_sql;
use pando_model::canonical;
use pando_model::constraint::complete_row;
use pando_model::engine::FeedKind;
use pando_model::layout::Physical;
use pando_model::plan::{Insert, Row};
use pando_model::slot::Slot;
use pando_model::statement::check_references_of;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Fewer rows than this are taken one by one.
const ROWS_MIN: usize = 4;
/// Rows in one statement; a power of two, so that few statements are prepared.
const ROWS_MAX: usize = 256;
/// The protocol counts a statement's parameters in 16 bits.
const PARAMS_MAX: usize = 65_535;

impl Transaction<'_> {
    /// Inserts rows many at a time; `None` where one may meet an old row, or is refused.
    pub(super) fn store_in_bulk(
        &mut self,
        insert: &Insert,
        physical: &Arc<Physical>,
    ) -> Step<Option<Vec<Row>>> {
        if insert.conflict.is_some() || insert.rows.len() < ROWS_MIN {
            return Ok(None);
        }
        self.session.batch("SAVEPOINT bulk")?;
        let stored = match self.store_all(insert, physical) {
            Err(fault) if !fault.is_about_the_request() => return Err(fault),
            stored => stored.unwrap_or_default(),
        };
        let Some(rows) = stored else {
            self.session.batch("ROLLBACK TO bulk; RELEASE bulk")?;
            return Ok(None);
        };
        self.session.batch("RELEASE bulk")?;
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

    /// The rows with their slots, if all of them were stored and refer to what is there.
    fn store_all(
        &mut self,
        insert: &Insert,
        physical: &Arc<Physical>,
    ) -> Step<Option<Vec<(Slot, Row)>>> {
        let table = &*physical.table;
        let mut rows: Vec<(Slot, Row)> = Vec::with_capacity(insert.rows.len());
        for row in &insert.rows {
            let mut row = row.clone();
            complete_row(table, &mut row)?;
            rows.push((canonical::slot_of_row(table, &row), row));
        }
        let slots: BTreeSet<Slot> = rows.iter().map(|(slot, _)| *slot).collect();
        self.fence_all(&slots.into_iter().collect::<Vec<_>>())?;
        let fit = PARAMS_MAX / (table.columns.len() + 1);
        let mut rest = rows.as_slice();
        while !rest.is_empty() {
            let largest = rest.len().min(fit).min(ROWS_MAX);
            // The greatest power of two.
            let (now, later) = rest.split_at(1 << largest.ilog2());
            let sql = insert_sql(table, &table.name, now.len());
            let params: Vec<_> = now
                .iter()
                .flat_map(|(slot, row)| insert_params(table, *slot, row))
                .collect();
            if self.session.execute(&sql, &params)? < now.len() as u64 {
                return Ok(None);
            }
            rest = later;
        }
        check_references_of(self, physical, rows.iter().map(|(_, row)| row))?;
        Ok(Some(rows))
    }
}
