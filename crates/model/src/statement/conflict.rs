//! `ON CONFLICT`: rows that are merged into old ones, or left out.

use super::Storage;
use super::foreign::Statement;
use super::rows::Rows;
use crate::canonical;
use crate::constraint::{complete_row, merged_twice};
use crate::layout::Physical;
use crate::plan::{Conflict, Filter, Row};
use crate::schema::Table;
use std::collections::HashSet;
use std::sync::Arc;

/// The rows that the statement has written: none of them may be merged again.
#[derive(Debug, Default)]
pub(super) struct Touched {
    keys: HashSet<Vec<u8>>,
    /// Whether the last row was an old one: then the next is likely to be one too.
    expects_old: bool,
}

impl Touched {
    fn note(&mut self, table: &Table, row: &Row) {
        self.keys.insert(key_of(table, row));
    }

    fn contains(&self, table: &Table, row: &Row) -> bool {
        self.keys.contains(&key_of(table, row))
    }
}

impl<S: Storage> Conflicts for S {}

pub(super) trait Conflicts: Storage + Sized {
    /// The row as stored, and whether it is new; `None` where it was left out. A row is
    /// inserted, and only where the engine's keys refuse it is the old one looked for: which of
    /// the two comes first is a guess, and changes nothing but the time that it takes.
    fn insert_or_merge(
        &mut self,
        statement: &mut Statement,
        physical: &Arc<Physical>,
        conflict: &Conflict,
        row: &Row,
        touched: &mut Touched,
    ) -> Result<Option<(Row, bool)>, Self::Fault> {
        let table = &*physical.table;
        // The row as it was proposed has to be sound, whatever becomes of it.
        let mut row = row.clone();
        table.position_row(&mut row, self.position());
        complete_row(table, &mut row)?;
        let found = match touched.expects_old {
            true => self.conflicting(table, conflict, &row)?,
            false => None,
        };
        let old = match found {
            Some(old) => old,
            None => {
                let Some(fault) = self.try_insert(physical, &row)? else {
                    statement.inserted(physical, &row);
                    touched.note(table, &row);
                    touched.expects_old = false;
                    return Ok(Some((row, true)));
                };
                match self.conflicting(table, conflict, &row)? {
                    Some(old) => old,
                    None => return Err(self.diagnose(table, &row, fault)?),
                }
            }
        };
        touched.expects_old = true;
        let Some(columns) = &conflict.merge else {
            return Ok(None);
        };
        if touched.contains(table, &old) {
            return Err(merged_twice().into());
        }
        let mut merged = old.clone();
        for ix in columns {
            merged[*ix] = row[*ix].clone();
        }
        let merged = self.replace_row(statement, physical, &old, merged)?;
        touched.note(table, &merged);
        Ok(Some((merged, false)))
    }

    /// The row that has the same values in the conflict's target.
    fn conflicting(
        &self,
        table: &Table,
        conflict: &Conflict,
        row: &Row,
    ) -> Result<Option<Row>, Self::Fault> {
        let target = &conflict.target;
        if target.iter().any(|ix| row[*ix].is_null()) {
            return Ok(None);
        }
        let filter = Filter::Keys {
            columns: target.clone(),
            keys: vec![target.iter().map(|ix| row[*ix].clone()).collect()],
        };
        let found = self.whole_rows(table, &filter, false)?;
        Ok(found.into_iter().next())
    }
}

fn key_of(table: &Table, row: &Row) -> Vec<u8> {
    canonical::key_bytes(table, &table.primary_key.columns, row)
}
