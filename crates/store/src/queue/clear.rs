//! Emptying a queue, and forgetting one that nobody uses any more.

use super::Lane;
use super::relation::{self, CURSOR, GROUP, LATER, LOG, OUT, later, log, out};
use super::row::delete;
use crate::operation::{Operation, Reach};
use crate::relation::{compare, rows_of, select, tree};
use crate::session::{Result, Session};
use crate::store::Store;
use pando_model::engine::Step;
use pando_model::plan::{Comparison, Filter, Scalar};
use pando_model::schema::{ColumnIx, Table};
use pando_model::value::Value;
use std::sync::Arc;

/// Messages that go in one write.
const BATCH: u64 = 500;

impl Store {
    /// Removes all messages that were published until now, from all groups; gives how many.
    pub async fn queue_purge(&self, queue: &str) -> Result<u64> {
        self.queue_purge_until(queue, self.clock().now_us()).await
    }

    /// The same of those that were published until a time in microseconds since 1970.
    pub async fn queue_purge_until(&self, queue: &str, until_us: i64) -> Result<u64> {
        let lane = Lane::of(queue)?;
        let mut purged = 0;
        let each = [
            (&*LOG, log::ID, log::PUBLISHED_AT),
            (&*LATER, later::ID, later::PUBLISHED_AT),
        ];
        for (table, id, published_at) in each {
            loop {
                let mut filters = lane.filters();
                let published = Value::Timestamp(until_us);
                filters.push(compare(published_at, Comparison::Le, published));
                let removed = self.purge_batch(&lane, table, id, filters).await?;
                purged += removed;
                if removed < BATCH {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        self.gauges().forget(queue);
        Ok(purged)
    }

    /// The same, and what is known of its groups: it is as if nobody had ever leased from it. Only for
    /// a queue that nobody publishes to or leases from.
    pub async fn queue_forget(&self, queue: &str) -> Result<u64> {
        let purged = self.queue_purge(queue).await?;
        let lane = Lane::of(queue)?;
        let of_lane = || Filter::And(lane.filters());
        let steps = vec![delete(&GROUP, of_lane()), delete(&CURSOR, of_lane())];
        let forget = Operation::writing(Reach::Many, steps, |_| Ok(Vec::new())).unasked();
        self.carry_out(&forget, None, &Session::default()).await?;
        Ok(purged)
    }

    async fn purge_batch(
        &self,
        lane: &Lane,
        table: &Arc<Table>,
        id: ColumnIx,
        which: Vec<Filter>,
    ) -> Result<u64> {
        let key = table.primary_key.columns.clone();
        let mut columns = key.clone();
        columns.push(id);
        let mut some = select(table, &columns, Filter::And(which));
        some.limit = Some(BATCH);
        let (lane, table) = (lane.clone(), Arc::clone(table));
        let decide = Step::decide(move |outcomes| {
            let rows = outcomes.first().map_or(&[][..], rows_of);
            if rows.is_empty() {
                return Ok(Vec::new());
            }
            let ids = rows.iter().filter_map(|row| row.last().cloned());
            let mut of_them = lane.filters();
            of_them.push(Filter::In {
                left: Scalar::Column(out::ID),
                values: ids.collect(),
            });
            // Queue and lane lead every key.
            let behind = relation::LANE + 1;
            let mut gone = lane.filters();
            gone.push(Filter::Keys {
                columns: key[behind..].to_vec(),
                keys: rows
                    .iter()
                    .map(|row| row[behind..key.len()].to_vec())
                    .collect(),
            });
            let steps = vec![
                delete(&table, Filter::And(gone)),
                delete(&OUT, Filter::And(of_them)),
            ];
            Ok(steps)
        });
        self.count_of_first(vec![Step::read(tree(some)), decide])
            .await
    }

    /// Carries steps out; gives how many rows the first one read.
    async fn count_of_first(&self, steps: Vec<Step>) -> Result<u64> {
        let write = Operation::writing(Reach::Many, steps, |outcomes| {
            let rows = outcomes.first().map_or(0, |read| rows_of(read).len());
            Ok((rows as u64).to_le_bytes().to_vec())
        });
        let done = self.carry_out(&write, None, &Session::default()).await?;
        let count = done.answer.first_chunk().copied().unwrap_or_default();
        Ok(u64::from_le_bytes(count))
    }
}
