//! What the clock brings: messages whose time has come enter the log.

use super::message::from_later;
use super::relation::{LATER, LOG, later};
use super::row::{delete, insert};
use crate::error::StoreError;
use crate::operation::{Operation, Reach};
use crate::relation::{compare, rows_of, select, tree};
use crate::session::{Result, Session};
use crate::store::Store;
use pando_model::budget::EXCEEDED;
use pando_model::engine::{Outcome, Step};
use pando_model::plan::{Comparison, Filter};
use pando_model::value::Value;
use std::collections::BTreeSet;

/// Messages that enter the log in one write.
const BATCH: u64 = 500;

impl Store {
    /// Moves messages whose time has come into the log; tells which queues have new ones, and when
    /// the next time comes. Any number of processes may do so at once.
    pub async fn queue_release(&self, floor_us: i64) -> Result<Released> {
        let now_us = self.clock().now_us();
        let mut released = Released::default();
        // Large messages are fewer at once.
        let mut limit = BATCH;
        loop {
            let due = self.fetch_due(floor_us).await?;
            let Some(first) = due.first() else {
                break;
            };
            if first > &now_us {
                released.next_us = Some(*first);
                break;
            }
            let batch = match self.release_batch(floor_us, now_us, limit).await {
                Err(StoreError::Refused(refusal)) if refusal.code == EXCEEDED && limit > 1 => {
                    limit /= 4;
                    continue;
                }
                batch => batch?,
            };
            let is_last = batch.is_empty();
            released.queues.extend(batch);
            if is_last {
                break;
            }
            tokio::task::yield_now().await;
        }
        Ok(released)
    }

    /// The earliest time at which a message is due.
    async fn fetch_due(&self, floor_us: i64) -> Result<Vec<i64>> {
        let filter = compare(later::DUE, Comparison::Gt, Value::Timestamp(floor_us));
        let mut first = select(&LATER, &[later::DUE], filter);
        first.order = vec![super::cursor::ascending(later::DUE)];
        first.limit = Some(1);
        let read = Operation::reading(Reach::Many, vec![Step::read(tree(first))], |outcomes| {
            let rows = outcomes.first().map_or(&[][..], rows_of);
            let times = rows
                .iter()
                .filter_map(|row| super::row::timestamp(row.first()?));
            Ok(times.collect::<Vec<_>>())
        });
        Ok(self.answer(&read, &Session::default()).await?.0)
    }

    async fn release_batch(&self, floor_us: i64, now_us: i64, limit: u64) -> Result<Vec<String>> {
        let columns: Vec<usize> = (0..LATER.columns.len()).collect();
        let filter = Filter::And(vec![
            compare(later::DUE, Comparison::Gt, Value::Timestamp(floor_us)),
            compare(later::DUE, Comparison::Le, Value::Timestamp(now_us)),
        ]);
        let mut due = select(&LATER, &columns, filter);
        due.order = vec![super::cursor::ascending(later::DUE)];
        due.limit = Some(limit);
        let decide = Step::decide(|outcomes: &[Outcome]| {
            let rows = outcomes.first().map_or(&[][..], rows_of);
            if rows.is_empty() {
                return Ok(Vec::new());
            }
            let placed = rows
                .iter()
                .zip(0..)
                .map(|(row, place)| from_later(row, place));
            let mut steps = vec![insert(&LOG, placed.collect())];
            let keys = rows.iter().map(|row| row[..=later::ID].to_vec());
            let keys = Filter::Keys {
                columns: LATER.primary_key.columns.clone(),
                keys: keys.collect(),
            };
            steps.push(delete(&LATER, keys));
            Ok(steps)
        });
        let steps = vec![Step::read(tree(due)), decide];
        let write = Operation::writing(Reach::Many, steps, |outcomes| {
            let rows = outcomes.first().map_or(&[][..], rows_of);
            let names: BTreeSet<&str> = rows
                .iter()
                .filter_map(|row| match row.first() {
                    Some(Value::Text(name)) => Some(name.as_str()),
                    _ => None,
                })
                .collect();
            serde_json::to_vec(&names).map_err(|_| crate::refused::conflict("unreadable names"))
        });
        let done = self.carry_out(&write, None, &Session::default()).await?;
        Ok(serde_json::from_slice(&done.answer).unwrap_or_default())
    }
}

/// What the clock has brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// Queues that have new messages.
    pub queues: BTreeSet<String>,
    /// When the next one is due: microseconds since 1970.
    pub next_us: Option<i64>,
}
