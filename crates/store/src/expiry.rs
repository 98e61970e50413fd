//! Expiry: what has run out is swept away.
//!
//! Reads do not depend on it: what has run out is not there for them, swept or not. Sweeping
//! gives the space back, in ordinary writes of few rows each, so that no other write waits
//! longer than for one of them; between two of them all who wait come first.

use crate::kv;
use crate::operation::{Operation, Reach};
use crate::queue;
use crate::relation::{compare, rows_of, select, tree};
use crate::session::{Result, Session};
use crate::sessions::{self, SESSIONS};
use crate::store::Store;
use crate::wide;
use pando_model::engine::Step;
use pando_model::plan::{Change, Comparison, Delete, Filter, Order, OrderBy, Row, Scalar};
use pando_model::schema::{ColumnIx, Table};
use pando_model::value::Value;
use std::sync::Arc;

/// Rows that go in one write: about a millisecond's work.
const BATCH: usize = 200;
/// Rows of one relation, and receipts, that go in one sweep at most; the next one goes on. Each
/// has a bound of its own, so that much of the one never keeps another waiting.
const SWEPT_MAX: u64 = 100_000;

/// What a sweep removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Values: key-values, cells, and sessions.
    pub values: u64,
    /// Receipts of keyed writes. An engine removes some by itself, so that how many are left
    /// for a sweep is the engine's affair.
    pub receipts: u64,
}

impl Swept {
    /// Whether there was nothing to remove.
    pub fn is_nothing(&self) -> bool {
        *self == Swept::default()
    }
}

/// What can run out: the relations, and where they say when.
fn expiring() -> [(&'static Arc<Table>, ColumnIx); 4] {
    [
        (&kv::KV, kv::EXPIRES_AT),
        (&queue::SEEN, queue::SEEN_EXPIRES_AT),
        (&SESSIONS, sessions::EXPIRES_AT),
        (&wide::CELL, wide::EXPIRES_AT),
    ]
}

impl Store {
    /// Removes what has run out; gives how much went. Call it every few seconds. Dropping it
    /// between two batches loses nothing.
    pub async fn sweep(&self) -> Result<Swept> {
        self.sweep_at_most(SWEPT_MAX).await
    }

    /// Removes about `most` of each.
    async fn sweep_at_most(&self, most: u64) -> Result<Swept> {
        let now_us = self.clock().now_us();
        let receipts = self.sweep_receipts(now_us, most).await?;
        let mut values = 0;
        for (table, expires_at) in expiring() {
            values += self.sweep_values(table, expires_at, now_us, most).await?;
        }
        Ok(Swept { values, receipts })
    }

    /// The rows of a relation.
    async fn sweep_values(
        &self,
        table: &Arc<Table>,
        expires_at: ColumnIx,
        now_us: i64,
        most: u64,
    ) -> Result<u64> {
        let mut swept = 0;
        while swept < most {
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
        Ok(swept)
    }

    /// The receipts of keyed writes: an engine removes some with each new one, and those of
    /// the last ones only here.
    async fn sweep_receipts(&self, now_us: i64, most: u64) -> Result<u64> {
        let mut swept = 0;
        while swept < most {
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
        let write = write.unasked();
        let done = self.carry_out(&write, None, &Session::default()).await?;
        let removed = done.answer.first_chunk().copied().unwrap_or_default();
        Ok(u64::from_le_bytes(removed))
    }
}

fn is_over(expires_at: ColumnIx, now_us: i64) -> Filter {
    compare(expires_at, Comparison::Le, Value::Timestamp(now_us))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreConfig;
    use crate::request::Idempotency;
    use crate::wide::{Partition, Put};
    use pando_engine_memory::MemoryEngine;
    use pando_model::clock::ManualClock;
    use std::time::Duration;

    async fn write<T: 'static>(store: &Store, operation: Operation<T>, key: Option<usize>) {
        let key = key.map(|key| Idempotency {
            scope: [0; 16],
            key: key.to_string(),
            request: [0; 32],
        });
        let write = operation.map(|_| Ok(Vec::new()));
        let session = Session::default();
        store
            .carry_out(&write, key.as_ref(), &session)
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn each_relation_has_its_share_of_a_sweep_however_much_ran_out_of_another() {
        let clock = Arc::new(ManualClock::new(1_800_000_000_000_000));
        let engine = Arc::new(MemoryEngine::with_clock(&*clock));
        let config = StoreConfig::default();
        let ttl = config.receipt_ttl;
        let store = Store::open(engine, Arc::clone(&clock) as _, config).await;
        let store = store.unwrap();
        for n in 0..2 * BATCH {
            let key = kv::Key::new("s", &n.to_string()).unwrap();
            let (kind, when) = ("text/plain".to_owned(), Default::default());
            let ttl = Some(Duration::from_micros(1));
            let put = store.kv_put(&key, "1".into(), kind, ttl, when).await;
            write(&store, put.unwrap(), Some(n)).await;
        }
        let put = Put {
            cells: vec![("f:q".into(), "1".into())],
            at_us: None,
            ttl: Some(Duration::from_micros(1)),
        };
        let row = Partition::new("t", "p").unwrap().row("r").unwrap();
        let put = store.wide_put(&row, put, Default::default()).unwrap();
        write(&store, put, None).await;
        clock.advance_us(i64::try_from(ttl.as_micros()).unwrap());
        let batch = BATCH as u64;
        let swept = |values, receipts| Swept { values, receipts };
        let first = store.sweep_at_most(1).await.unwrap();
        assert_eq!(first, swept(batch + 1, batch), "one batch of each");
        assert_eq!(store.sweep().await.unwrap(), swept(batch, batch));
        assert!(store.sweep().await.unwrap().is_nothing());
    }
}
