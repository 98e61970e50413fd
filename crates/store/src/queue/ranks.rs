//! Which ranks of a queue are looked at: those of its priorities, and above them such as have messages
//! from when there were more.
//!
//! A look at all ranks that could be would cost each lease a statement for each. So it is looked now
//! and then whether there is something above, which is one look at the end of an index, and
//! remembered. Nothing enters there any more but what waits for its time, and what processes publish
//! that know more priorities yet.

use super::Lane;
use super::message::rank_of;
use super::relation::{LOG, log};
use super::rules::PRIORITIES_MAX;
use crate::operation::Operation;
use crate::relation::{compare, equals, rows_of, select, tree};
use crate::session::{Result, Session};
use crate::store::Store;
use pando_model::engine::{Outcome, Step};
use pando_model::plan::{Comparison, Filter};
use pando_model::value::Value;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Queues of which it is remembered; the others are looked at each time.
const QUEUES_MAX: usize = 10_000;

/// What was found above the priorities of queues.
#[derive(Debug, Default)]
pub(crate) struct Ranks(Mutex<HashMap<String, Above>>);

#[derive(Debug)]
struct Above {
    looked: Instant,
    ranks: Vec<i64>,
}

impl Store {
    /// The ranks of a queue, the first to be leased first. Memory only.
    pub(super) fn ranks(&self, queue: &str) -> Vec<i64> {
        let known = self.known_ranks().0.lock();
        let above = known.get(queue).map_or(&[][..], |above| &above.ranks);
        let declared = 0..self.queue_rules(queue).priorities.max(1);
        let declared = declared.rev().map(rank_of);
        above.iter().copied().chain(declared).collect()
    }

    /// Looks for messages above the priorities of a queue, unless that was done just now.
    pub(super) async fn look_above(&self, queue: &str) -> Result<()> {
        let is_known = |above: &Above| above.looked.elapsed() < LOOK_EVERY;
        if self.known_ranks().0.lock().get(queue).is_some_and(is_known) {
            return Ok(());
        }
        let ranks = self.fetch_ranks_above(queue).await?;
        let mut known = self.known_ranks().0.lock();
        if known.len() >= QUEUES_MAX {
            known.retain(|_, above| is_known(above));
        }
        let looked = Instant::now();
        known.insert(queue.to_owned(), Above { looked, ranks });
        Ok(())
    }

    async fn fetch_ranks_above(&self, queue: &str) -> Result<Vec<i64>> {
        let lane = Lane::of(queue)?;
        let declared = self.queue_rules(queue).priorities.max(1);
        let lowest = rank_of(declared.saturating_sub(1));
        let candidates: Vec<i64> = (declared..PRIORITIES_MAX).rev().map(rank_of).collect();
        let first = move |lane: &Lane, which: Filter| {
            let mut filters = lane.filters();
            filters.push(which);
            let mut first = select(&LOG, &[log::RANK], Filter::And(filters));
            first.limit = Some(1);
            Step::read(tree(first))
        };
        let above = compare(log::RANK, Comparison::Lt, Value::Int(lowest));
        let own = lane.clone();
        let each = Step::decide(move |outcomes: &[Outcome]| {
            if outcomes.first().is_none_or(|read| rows_of(read).is_empty()) {
                return Ok(Vec::new());
            }
            let each = candidates.iter();
            let each = each.map(|rank| first(&own, equals(log::RANK, Value::Int(*rank))));
            Ok(each.collect())
        });
        let steps = vec![first(&lane, above), each];
        let read = Operation::reading(lane.reach(), steps, |outcomes| {
            let rows = outcomes.iter().skip(1).flat_map(rows_of);
            let ranks = rows.filter_map(|row| match row.first() {
                Some(Value::Int(rank)) => Some(*rank),
                _ => None,
            });
            Ok(ranks.collect())
        });
        Ok(self.answer(&read, &Session::default()).await?.0)
    }
}
