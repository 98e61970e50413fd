//! The rows that an update or a delete is about, held in memory a part at a time.
//!
//! Which rows pass is settled before one of them is changed: a condition may look at
//! rows of the same table. Of those that are not at hand only the keys are kept.

use super::Storage;
use crate::budget::bytes_of;
use crate::constraint::too_many_affected;
use crate::plan::{Filter, Row};
use crate::schema::Table;
use crate::value::Value;
use std::sync::Arc;

/// Whole rows in memory at once.
const ROWS_AT_ONCE: u64 = 2_000;
/// Their bytes, but for the last of them: as many as the largest body brings.
const BYTES_AT_ONCE: usize = 16 << 20;

/// Rows that passed, by primary key.
#[derive(Debug)]
pub(super) struct Targets {
    at_hand: Vec<Row>,
    /// The keys of all behind those.
    behind: Vec<Vec<Value>>,
}

impl Targets {
    /// How many they are.
    pub(super) fn count(&self) -> u64 {
        self.at_hand.len() as u64 + self.behind.len() as u64
    }
}

impl<S: Storage> Finding for S {}

pub(super) trait Finding: Storage + Sized {
    /// Finds the rows that pass; refused where they are more than `max`.
    fn targets(
        &self,
        table: &Arc<Table>,
        filter: &Filter,
        max: Option<u64>,
    ) -> Result<Targets, Self::Fault> {
        let at_hand = self.first_rows(table, filter, Some(ROWS_AT_ONCE), BYTES_AT_ONCE)?;
        let is_part = at_hand.len() as u64 == ROWS_AT_ONCE || is_much(&at_hand);
        let behind = match at_hand.last() {
            Some(last) if is_part => self.keys_behind(table, filter, last)?,
            _ => Vec::new(),
        };
        let targets = Targets { at_hand, behind };
        match max {
            Some(max) if targets.count() > max => Err(too_many_affected(targets.count()).into()),
            _ => Ok(targets),
        }
    }

    /// Hands the rows to `each`, some at a time, as they were when they were found.
    fn for_each(
        &mut self,
        table: &Arc<Table>,
        targets: Targets,
        mut each: impl FnMut(&mut Self, Vec<Row>) -> Result<(), Self::Fault>,
    ) -> Result<(), Self::Fault> {
        each(self, targets.at_hand)?;
        let columns = &table.primary_key.columns;
        let mut behind = targets.behind.as_slice();
        while !behind.is_empty() {
            let keys = &behind[..behind.len().min(ROWS_AT_ONCE as usize)];
            let filter = Filter::Keys {
                columns: columns.clone(),
                keys: keys.to_vec(),
            };
            let rows = self.first_rows(table, &filter, None, BYTES_AT_ONCE)?;
            // Where not all were read, those behind the last one are next.
            let done = match rows.last() {
                Some(last) if is_much(&rows) => {
                    let is_last = |key: &Vec<Value>| {
                        let mut parts = columns.iter().zip(key);
                        parts.all(|(ix, part)| last[*ix].compare(part).is_eq())
                    };
                    keys.iter().position(is_last).map(|place| place + 1)
                }
                _ => None,
            };
            each(self, rows)?;
            behind = &behind[done.unwrap_or(keys.len())..];
        }
        Ok(())
    }
}

/// Whether there may be more behind, for all that these are few.
fn is_much(rows: &[Row]) -> bool {
    rows.iter().flatten().map(bytes_of).sum::<usize>() >= BYTES_AT_ONCE
}
