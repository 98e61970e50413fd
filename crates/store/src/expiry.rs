//! Expiry: what has run out is swept away.
//!
//! Reads do not depend on it: what has run out is not there for them, swept or not. Sweeping
//! gives the space back, in ordinary writes of few rows each, so that no other write waits
//! longer than for one of them; between two of them all who wait come first.

use crate::kv;
use crate::operation::{Operation, Reach};
use crate::relation::{compare, rows_of, select, tree};
use crate::session::{Result, Session};
use crate::store::Store;
use crate::wide;
use pando_model::engine::Step;
use pando_model::plan::{Change, Comparison, Delete, Filter, Order, OrderBy, Row, Scalar};
use pando_model::schema::{ColumnIx, Table};
use pando_model::value::Value;
use std::sync::Arc;

/// Rows that go in one write: about a millisecond's work.
const BATCH: usize = 200;
/// Rows of one sweep at most; the next one goes on.
const SWEPT_MAX: u64 = 100_000;

/// What can run out: the relations, and where they say when.
fn expiring() -> [(&'static Arc<Table>, ColumnIx); 2] {
    [(&kv::KV, kv::EXPIRES_AT), (&wide::CELL, wide::EXPIRES_AT)]
}

impl Store {
    /// Removes what has run out; gives how many rows and receipts went. Call it every few
    /// seconds. Dropping it between two batches loses nothing.
    pub async fn sweep(&self) -> Result<u64> {
        let now_us = self.clock().now_us();
        let mut swept = self.sweep_receipts(now_us).await?;
        for (table, expires_at) in expiring() {
            while swept < SWEPT_MAX {
                let found = self.fetch_expired(table, expires_at, now_us).await?;
                let is_last = found.len() < BATCH;
                if !found.is_empty() {
                    let removed = self
                        .remove_expired(table, expires_at, found, now_us)
                        .await?;
                    self.count_swept(removed);
                    swept += removed;
                }
                if is_last {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        Ok(swept)
    }

    /// The receipts of keyed writes: an engine removes some with each new one, and those of
    /// the last ones only here.
    async fn sweep_receipts(&self, now_us: i64) -> Result<u64> {
        let mut swept = 0;
        while swept < SWEPT_MAX {
            let removed = self.engine().sweep_receipts(now_us, BATCH).await?;
            self.count_swept(removed);
            swept += removed;
            if removed < BATCH as u64 {
                break;
            }
            tokio::task::yield_now().await;
        }
        Ok(swept)
    }

    /// The keys of what ran out first.
    async fn fetch_expired(
        &self,
        table: &Arc<Table>,
        expires_at: ColumnIx,
        now_us: i64,
    ) -> Result<Vec<Row>> {
        let mut first = select(
            table,
            &table.primary_key.columns,
            is_over(expires_at, now_us),
        );
        first.order = vec![Order {
            by: OrderBy::Scalar(Scalar::Column(expires_at)),
            descending: false,
            // There are no NULLs among what has run out; saying this keeps the index's order.
            nulls_first: true,
        }];
        first.limit = Some(BATCH as u64);
        let read = Operation::reading(Reach::Many, vec![Step::read(tree(first))], |outcomes| {
            Ok(outcomes
                .first()
                .map(|read| rows_of(read).to_vec())
                .unwrap_or_default())
        });
        let (rows, _) = self.answer(&read, &Session::default()).await?;
        Ok(rows)
    }

    /// Removes them, unless they were written anew meanwhile.
    async fn remove_expired(
        &self,
        table: &Arc<Table>,
        expires_at: ColumnIx,
        keys: Vec<Row>,
        now_us: i64,
    ) -> Result<u64> {
        let keys = Filter::Keys {
            columns: table.primary_key.columns.clone(),
            keys,
        };
        let delete = Step::from(Change::Delete(Delete {
            table: Arc::clone(table),
            filter: Filter::And(vec![keys, is_over(expires_at, now_us)]),
            max_affected: None,
            returning: None,
        }));
        let write = Operation::writing(Reach::Many, vec![delete], |outcomes| {
            let removed = outcomes.first().map_or(0, |outcome| outcome.affected);
            Ok(removed.to_le_bytes().to_vec())
        });
        let done = self.carry_out(&write, None, &Session::default()).await?;
        let removed = done.answer.first_chunk().copied().unwrap_or_default();
        Ok(u64::from_le_bytes(removed))
    }
}

fn is_over(expires_at: ColumnIx, now_us: i64) -> Filter {
    compare(expires_at, Comparison::Le, Value::Timestamp(now_us))
}
