//! Single rows: each completed, stored or taken out, and what that sets going.

use super::Storage;
use super::foreign::Statement;
use crate::constraint::complete_row;
use crate::layout::Physical;
use crate::plan::Row;
use std::sync::Arc;

impl<S: Storage> Rows for S {}

pub(super) trait Rows: Storage + Sized {
    /// Stores a new row; gives it as it is stored.
    fn insert_row(
        &mut self,
        statement: &mut Statement,
        physical: &Arc<Physical>,
        mut row: Row,
    ) -> Result<Row, Self::Fault> {
        physical.table.position_row(&mut row, self.position());
        complete_row(&physical.table, &mut row)?;
        match self.try_insert(physical, &row)? {
            None => {
                statement.inserted(physical, &row);
                Ok(row)
            }
            Some(fault) => Err(self.diagnose(&physical.table, &row, fault)?),
        }
    }

    /// Stores `row` in the place of `old`; gives it as it is stored.
    fn replace_row(
        &mut self,
        statement: &mut Statement,
        physical: &Arc<Physical>,
        old: &Row,
        mut row: Row,
    ) -> Result<Row, Self::Fault> {
        complete_row(&physical.table, &mut row)?;
        self.replace(physical, old, &row)?;
        statement.replaced(physical, old, &row);
        Ok(row)
    }

    /// Takes rows out.
    fn remove_rows(
        &mut self,
        statement: &mut Statement,
        physical: &Arc<Physical>,
        rows: &[Row],
    ) -> Result<(), Self::Fault> {
        self.remove_all(physical, rows)?;
        for row in rows {
            statement.removed(physical, row);
        }
        Ok(())
    }
}
