//! The partitions of a table, in the order of the bytes of their keys.
//!
//! Each is found behind the one before it: a page costs as many look-ups as it has partitions,
//! however many cells those hold. One whose cells have all run out is listed until they are
//! swept away.

use super::relation::{CELL, PARTITION, TABLE};
use crate::kv::check_name;
use crate::operation::{Operation, Reach};
use crate::relation::{compare, equals, rows_of, tree};
use crate::store::Store;
use pando_model::aggregate::AggregateFn;
use pando_model::engine::{Outcome, Step};
use pando_model::error::Refusal;
use pando_model::plan::{Comparison, Filter, Output, Scalar, Select};
use pando_model::value::Value;
use std::sync::Arc;

/// A page of partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionList {
    /// Their keys.
    pub partitions: Vec<String>,
    /// Where the next page begins, where there is one.
    pub cursor: Option<String>,
    /// Whether `max_rows` cut it.
    pub truncated: bool,
}

impl Store {
    /// Lists the partitions of a table.
    pub fn wide_partitions(
        &self,
        table: &str,
        limit: Option<u64>,
        cursor: Option<&str>,
    ) -> Result<Operation<PartitionList>, Refusal> {
        check_name("table", table)?;
        let behind = match cursor {
            Some(cursor) => Some(self.open_list_cursor("wide tables", table, cursor)?),
            None => None,
        };
        let max_rows = self.config().max_rows;
        let most = limit.unwrap_or(max_rows).min(max_rows);
        let capped = limit.is_none_or(|limit| limit > max_rows);
        let seal = self.list_cursors("wide tables", table);
        // One more than is listed tells whether there is another page.
        let steps = vec![first_behind(table, behind), go_on(table.to_owned(), most)];
        Ok(Operation::reading(Reach::Many, steps, move |outcomes| {
            let mut partitions: Vec<String> = outcomes.iter().filter_map(found).collect();
            let more = partitions.len() as u64 > most;
            partitions.truncate(usize::try_from(most).unwrap_or(usize::MAX));
            Ok(PartitionList {
                cursor: partitions.last().filter(|_| more).map(|last| seal(last)),
                partitions,
                truncated: more && capped,
            })
        }))
    }
}

/// The first partition of a table, or the first one behind another.
fn first_behind(table: &str, behind: Option<String>) -> Step {
    let mut conditions = vec![equals(TABLE, Value::Text(table.to_owned()))];
    if let Some(behind) = behind {
        conditions.push(compare(PARTITION, Comparison::Gt, Value::Text(behind)));
    }
    Step::read(tree(Select {
        table: Arc::clone(&CELL),
        output: vec![Output::Aggregate(
            AggregateFn::Min,
            Some(Scalar::Column(PARTITION)),
        )],
        filter: Filter::And(conditions),
        order: Vec::new(),
        limit: None,
        offset: 0,
    }))
}

/// Looks behind what was found last, `left` times more at most.
fn go_on(table: String, left: u64) -> Step {
    Step::decide(move |outcomes| {
        Ok(match outcomes.last().and_then(found) {
            Some(last) if left > 0 => {
                vec![
                    first_behind(&table, Some(last)),
                    go_on(table.clone(), left - 1),
                ]
            }
            _ => Vec::new(),
        })
    })
}

fn found(outcome: &Outcome) -> Option<String> {
    match rows_of(outcome).first()?.as_slice() {
        [Value::Text(partition)] => Some(partition.clone()),
        _ => None,
    }
}
