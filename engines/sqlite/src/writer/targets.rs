//! The rows that an update or a delete is about, held in memory a part at a time.
//!
//! Which rows pass is settled before one of them is changed: a condition may look at
//! rows of the same table. Of those that are not at hand only the keys are kept.

use super::Transaction;
use crate::fault::Step;
use crate::tree::{read_keys_behind, read_page, read_whole_rows};
use pando_model::constraint::too_many_affected;
use pando_model::plan::{Filter, Row};
use pando_model::schema::Table;
use pando_model::value::Value;
use std::sync::Arc;

/// Whole rows in memory at once.
const ROWS_AT_ONCE: u64 = 2_000;

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

impl Transaction<'_> {
    /// Finds the rows that pass; refused where they are more than `max`.
    pub(super) fn targets(
        &self,
        table: &Arc<Table>,
        filter: &Filter,
        max: Option<u64>,
    ) -> Step<Targets> {
        let at_hand = read_page(self.conn, table, filter, None, ROWS_AT_ONCE)?;
        let behind = match at_hand.last() {
            Some(last) if at_hand.len() as u64 == ROWS_AT_ONCE => {
                read_keys_behind(self.conn, table, filter, last)?
            }
            _ => Vec::new(),
        };
        let targets = Targets { at_hand, behind };
        match max {
            Some(max) if targets.count() > max => Err(too_many_affected(targets.count()).into()),
            _ => Ok(targets),
        }
    }

    /// Hands each row to `each`, as it was when it was found.
    pub(super) fn for_each(
        &mut self,
        table: &Table,
        targets: Targets,
        mut each: impl FnMut(&mut Self, Row) -> Step<()>,
    ) -> Step<()> {
        for row in targets.at_hand {
            each(self, row)?;
        }
        for keys in targets.behind.chunks(ROWS_AT_ONCE as usize) {
            let filter = Filter::Keys {
                columns: table.primary_key.columns.clone(),
                keys: keys.to_vec(),
            };
            for row in read_whole_rows(self.conn, table, &filter)? {
                each(self, row)?;
            }
        }
        Ok(())
    }
}
