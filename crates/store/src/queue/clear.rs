//! Emptying a queue, and forgetting one that nobody uses any more.

use super::Lane;
use super::ack::{OfGroup, freed, keys_of, read_out};
use super::cursor;
use super::keys;
use super::relation::{self, CURSOR, GROUP, LATER, LOG, NAME, OUT, later, log};
use super::row::{Out, State, delete, out_of, outs};
use crate::operation::{Operation, Reach};
use crate::relation::{compare, rows_of, select, tree};
use crate::session::{Result, Session};
use crate::store::Store;
use pando_model::engine::Step;
use pando_model::plan::{Comparison, Filter, Row};
use pando_model::schema::{ColumnIx, Table};
use pando_model::value::Value;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::sync::Arc;

/// Messages that go in one write.
const BATCH: u64 = 500;

/// Some of a queue's messages.
#[derive(Clone)]
struct Purge {
    lane: Lane,
    declared: Vec<String>,
    table: Arc<Table>,
    id: ColumnIx,
    /// When they were published.
    published: Filter,
    now_us: i64,
    /// Behind this one, in the order of the key; queue and lane are not said.
    behind: Option<Row>,
}

/// What a batch removed.
#[derive(Default, Serialize, Deserialize)]
struct Gone {
    count: u64,
    last: Option<Row>,
}

impl Store {
    /// Removes all messages that were published until now, from all groups; gives how many.
    pub async fn queue_purge(&self, queue: &str) -> Result<u64> {
        self.queue_purge_until(queue, self.clock().now_us()).await
    }

    /// The same of those that were published until a time in microseconds since 1970.
    pub async fn queue_purge_until(&self, queue: &str, until_us: i64) -> Result<u64> {
        let lane = Lane::of(queue)?;
        let mut purged = 0;
        // What enters the log meanwhile is found there.
        let each = [
            (&*LATER, later::ID, later::PUBLISHED_AT),
            (&*LOG, log::ID, log::PUBLISHED_AT),
        ];
        for (table, id, published_at) in each {
            let mut purge = Purge {
                lane: lane.clone(),
                declared: self.queue_rules(queue).groups.clone(),
                table: Arc::clone(table),
                id,
                published: compare(published_at, Comparison::Le, Value::Timestamp(until_us)),
                now_us: self.clock().now_us(),
                behind: None,
            };
            loop {
                let gone = self.purge_batch(&purge).await?;
                purged += gone.count;
                if gone.count < BATCH {
                    break;
                }
                // What died before it may still lie there.
                purge.behind = gone.last;
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
        let of_queue = [&*GROUP, &*CURSOR, &*NAME].into_iter();
        let steps = of_queue.map(|table| delete(table, of_lane())).collect();
        let forget = Operation::writing(Reach::Many, steps, |_| Ok(Vec::new())).unasked();
        self.carry_out(&forget, None, &Session::default()).await?;
        self.known_queues().forget(queue);
        Ok(purged)
    }

    async fn purge_batch(&self, purge: &Purge) -> Result<Gone> {
        let steps = vec![
            Step::read(tree(purge.some())),
            cursor::read_groups(&purge.lane),
            purge.removal(),
        ];
        let write = Operation::writing(Reach::Many, steps, |outcomes| {
            let rows = outcomes.first().map_or(&[][..], rows_of);
            let gone = Gone {
                count: rows.len() as u64,
                last: rows.last().and_then(|row| row.split_last()).map(key_of),
            };
            serde_json::to_vec(&gone).map_err(|_| crate::refused::conflict("an unreadable key"))
        });
        let done = self.carry_out(&write, None, &Session::default()).await?;
        Ok(serde_json::from_slice(&done.answer).unwrap_or_default())
    }
}

fn key_of((_, key): (&Value, &[Value])) -> Row {
    key.to_vec()
}

impl Purge {
    /// What tells messages of the lane apart: its key without queue and lane, which lead it.
    fn key(&self) -> &[ColumnIx] {
        let key = &self.table.primary_key.columns;
        key.get(relation::LANE + 1..).unwrap_or_default()
    }

    /// Keys of messages, and their ids.
    fn some(&self) -> pando_model::plan::Select {
        let mut which = self.lane.filters();
        which.push(self.published.clone());
        which.extend(self.behind.clone().map(|values| Filter::After {
            columns: self.key().to_vec(),
            values,
        }));
        let mut columns = self.key().to_vec();
        columns.push(self.id);
        let mut some = select(&self.table, &columns, Filter::And(which));
        some.limit = Some(BATCH);
        some
    }

    /// Removes them, and what groups have out of them.
    fn removal(&self) -> Step {
        let purge = self.clone();
        Step::decide(move |outcomes| {
            let rows = outcomes.first().map_or(&[][..], rows_of);
            if rows.is_empty() {
                return Ok(Vec::new());
            }
            let (lane, each) = (&purge.lane, rows.iter().filter_map(|row| row.split_last()));
            let mut gone = lane.filters();
            gone.push(Filter::Keys {
                columns: purge.key().to_vec(),
                keys: each.map(key_of).collect(),
            });
            let mut steps = vec![delete(&purge.table, Filter::And(gone))];
            let ids: Vec<i64> = rows.iter().filter_map(|row| id_of(row)).collect();
            for group in cursor::groups(outcomes.get(1), &purge.declared) {
                steps.push(cursor::read(lane, &group));
                steps.push(read_out(lane, &group, ids.iter().copied()));
                steps.push(taken_from(OfGroup {
                    lane: lane.clone(),
                    group,
                    leases: ids.iter().map(|id| (*id, 0)).collect(),
                    now_us: purge.now_us,
                }));
            }
            Ok(steps)
        })
    }
}

/// Removes what a group has out of messages that go, of which cursor and rows were read last. What was
/// held behind them, and stays, is due.
fn taken_from(of: OfGroup) -> Step {
    Step::decide(move |outcomes| {
        let gone = outs(outcomes.last());
        if gone.is_empty() {
            return Ok(Vec::new());
        }
        let ids: HashSet<i64> = gone.iter().map(|out| out.id).collect();
        let is_first = |out: &Out| matches!(out.state, State::Leased | State::Waiting);
        let first: Vec<Out> = gone.into_iter().filter(is_first).collect();
        let of_keys = keys_of(&first);
        let mut steps = keys::read(&of.lane, &of.group, of_keys.clone(), ids.iter().copied());
        let (own, read) = (of.clone(), outcomes.len());
        let rows = out_of(&of.lane, &of.group, ids.iter().copied());
        steps.push(Step::decide(move |outcomes| {
            let mut stays = keys::found(outcomes.iter().skip(read));
            stays.retain(|out| !ids.contains(&out.id));
            let cursor = read.checked_sub(2).and_then(|nth| outcomes.get(nth));
            let next = freed(&own, of_keys.clone(), &stays, cursor);
            Ok(next.into_iter().collect())
        }));
        steps.push(delete(&OUT, rows));
        Ok(steps)
    })
}

fn id_of(row: &[Value]) -> Option<i64> {
    match row.last() {
        Some(Value::Int(id)) => Some(*id),
        _ => None,
    }
}
