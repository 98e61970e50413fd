//! What goes from the log by itself: what all groups have done, once it is kept for no longer.

use super::Lane;
use super::cursor;
use super::message::Spot;
use super::relation::{GROUP, LOG, QUEUE, group, log};
use super::row::{delete_log, outs, timestamp};
use crate::operation::{Operation, Reach};
use crate::relation::{equals, rows_of, select, tree};
use crate::session::{Result, Session};
use crate::store::Store;
use pando_model::engine::{Outcome, Step};
use pando_model::plan::Filter;
use pando_model::value::Value;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// How far each rank of each queue was looked at: the position and the place of the last message.
pub type SweptUpTo = BTreeMap<(String, i64), (i64, i64)>;

/// Messages that go in one write.
const BATCH: u64 = 500;

impl Store {
    /// Removes what all groups have read and have out no more, and what is kept for no longer;
    /// a look at `looked` begins where the last one ended. Gives how many went.
    pub async fn queue_sweep(&self, looked: &mut SweptUpTo) -> Result<u64> {
        let mut swept = 0;
        for queue in self.fetch_queue_names().await? {
            let lane = Lane::of(&queue)?;
            let rules = self.queue_rules(&queue);
            let retention = rules.retention.unwrap_or_default();
            let kept = i64::try_from(retention.as_micros()).unwrap_or(i64::MAX);
            let before_us = self.clock().now_us().saturating_sub(kept);
            // Each by itself: what is young in one stands before what is old in the next.
            self.look_above(&queue).await?;
            for rank in self.ranks(&queue) {
                // Messages that stay, the dead among them, are not looked at again and again; but
                // from time to time, as what a group has out goes without a look at the log.
                let key = (queue.clone(), rank);
                let mut from = looked.remove(&key).unwrap_or((-1, -1));
                loop {
                    let (removed, last) = self.sweep_batch(&lane, rank, from, before_us).await?;
                    swept += removed;
                    let Some(last) = last else {
                        break;
                    };
                    from = last;
                    tokio::task::yield_now().await;
                }
                looked.insert(key, from);
            }
        }
        Ok(swept)
    }

    /// The queues that somebody has leased from.
    pub async fn fetch_queue_names(&self) -> Result<Vec<String>> {
        let all = select(&GROUP, &[QUEUE, group::NAME], Filter::Const(true));
        let read = Operation::reading(Reach::Many, vec![Step::read(tree(all))], |outcomes| {
            let rows = outcomes.first().map_or(&[][..], rows_of);
            let names = rows.iter().filter_map(|row| super::row::text(row.first()?));
            let mut names: Vec<String> = names.collect();
            names.sort();
            names.dedup();
            Ok(names)
        });
        Ok(self.answer(&read, &Session::default()).await?.0)
    }

    async fn sweep_batch(
        &self,
        lane: &Lane,
        rank: i64,
        from: (i64, i64),
        before_us: i64,
    ) -> Result<(u64, Option<(i64, i64)>)> {
        let mut filters = lane.filters();
        filters.push(equals(log::RANK, Value::Int(rank)));
        filters.push(Filter::After {
            columns: vec![log::POSITION, log::PLACE],
            values: [from.0, from.1].map(Value::Int).to_vec(),
        });
        let columns = [
            log::RANK,
            log::POSITION,
            log::PLACE,
            log::ID,
            log::PUBLISHED_AT,
        ];
        let mut some = select(&LOG, &columns, Filter::And(filters));
        some.limit = Some(BATCH);
        let sweep = Arc::new(Sweep {
            lane: lane.clone(),
            declared: self.queue_rules(&lane.name).groups.clone(),
            before_us,
        });
        // A look that holds nobody up tells whether there is something to do.
        let look = [
            Step::read(tree(some.clone())),
            cursor::read_groups(lane),
            sweep.look(),
        ];
        let own = Arc::clone(&sweep);
        let seen = Operation::reading(lane.reach(), look.to_vec(), move |outcomes| {
            Ok(own.decided(&outcomes))
        });
        let (gone, last) = self.answer(&seen, &Session::default()).await?.0;
        if gone.is_empty() {
            return Ok((0, last));
        }
        let own = Arc::clone(&sweep);
        let again = Step::decide(move |outcomes| {
            let (gone, _) = own.decided(outcomes);
            Ok(delete_log(&own.lane, gone).into_iter().collect())
        });
        let look = [
            Step::read(tree(some)),
            cursor::read_groups(lane),
            sweep.look(),
            again,
        ];
        let write = Operation::writing(lane.reach(), look.to_vec(), move |outcomes| {
            let (gone, _) = sweep.decided(&outcomes);
            Ok((gone.len() as u64).to_le_bytes().to_vec())
        });
        let done = self.carry_out(&write, None, &Session::default()).await?;
        let removed = done.answer.first_chunk().copied().unwrap_or_default();
        Ok((u64::from_le_bytes(removed), last))
    }
}

/// What may leave the log.
struct Sweep {
    lane: Lane,
    declared: Vec<String>,
    before_us: i64,
}

impl Sweep {
    /// Reads where each group stands, and what it has out of the messages.
    fn look(self: &Arc<Sweep>) -> Step {
        let sweep = Arc::clone(self);
        Step::decide(move |outcomes| {
            let ids: Vec<i64> = sweep
                .candidates(outcomes)
                .into_iter()
                .map(|(_, id)| id)
                .collect();
            let each = cursor::groups(outcomes.get(1), &sweep.declared).into_iter();
            let each = each.flat_map(|group| {
                let out = super::ack::read_out(&sweep.lane, &group, ids.iter().copied());
                [cursor::read(&sweep.lane, &group), out]
            });
            Ok(each.collect())
        })
    }

    /// The messages that are kept for no longer, up to the first that is.
    fn candidates(&self, outcomes: &[Outcome]) -> Vec<(Spot, i64)> {
        let rows = outcomes.first().map_or(&[][..], rows_of).iter();
        let each = rows.map_while(|row| match row.as_slice() {
            [
                Value::Int(rank),
                Value::Int(position),
                Value::Int(place),
                Value::Int(id),
                at,
            ] => {
                let spot = Spot {
                    rank: *rank,
                    position: *position,
                    place: *place,
                };
                timestamp(at)
                    .filter(|at| *at < self.before_us)
                    .map(|_| (spot, *id))
            }
            _ => None,
        });
        each.collect()
    }

    /// What goes; and the last that was looked at, where there may be more behind it.
    fn decided(&self, outcomes: &[Outcome]) -> (Vec<Spot>, Option<(i64, i64)>) {
        let looked = self.candidates(outcomes);
        let mut candidates = looked.clone();
        let groups = cursor::groups(outcomes.get(1), &self.declared);
        let mut reads = outcomes.iter().skip(2);
        let mut read_by_all = looked.len();
        for _ in groups {
            let standing = cursor::found(reads.next()).standing;
            let out: HashSet<i64> = outs(reads.next()).iter().map(|out| out.id).collect();
            let has_read = |spot: &Spot| standing.has_read(spot.rank, spot.position, spot.place);
            let read = looked.iter().take_while(|(spot, _)| has_read(spot)).count();
            read_by_all = read_by_all.min(read);
            candidates.retain(|(spot, id)| has_read(spot) && !out.contains(id));
        }
        let last = read_by_all.checked_sub(1).and_then(|ix| looked.get(ix));
        let last = last.map(|(spot, _)| (spot.position, spot.place));
        (candidates.into_iter().map(|(spot, _)| spot).collect(), last)
    }
}
