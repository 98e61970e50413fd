//! How full queues are, as this process knows it: for back-pressure, metrics and autoscaling.
//!
//! A queue may hold a million messages, and to count them with each publish would cost more than
//! the publish. The log is only added to at its end, and what a group has before it only goes at
//! its beginning, so it is counted in pieces that do not change: once when they are new, and once
//! more when the group comes to them. What is known is up to a second old, and what this process
//! has published since is added to it.

use super::cursor::{self, Standing};
use super::look::{Depth, by_state, counted, depth_of_states};
use super::relation::{LATER, log};
use super::{DEFAULT_GROUP, Lane, check_key};
use crate::operation::Operation;
use crate::relation::{compare, rows_of, select, tree};
use crate::session::{Result, Session};
use crate::store::Store;
use pando_model::aggregate::AggregateFn;
use pando_model::engine::{Outcome, Step};
use pando_model::error::Refusal;
use pando_model::plan::{Comparison, Filter, Output, Scalar, Select};
use pando_model::value::Value;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Pieces of a rank at most; then neighbours become one.
const PIECES_MAX: usize = 256;
/// How long pieces are believed: what an operator purged through another process is in them.
const BELIEVED_US: i64 = 600 * 1_000_000;
/// Queues and groups that are measured at once. Of others it is not known that they are full.
const WATCHED_MAX: usize = 4_096;
/// How long a queue is measured after it was last asked about.
const WATCHED_US: i64 = 60 * 1_000_000;

/// Messages of a rank that lie side by side in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    /// The position of its last one.
    end: i64,
    rows: u64,
}

/// The pieces that a group has not read, of each rank, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Pieces(BTreeMap<i64, Vec<Piece>>);

/// What is known of a queue, as a group sees it.
#[derive(Clone, Debug, Default)]
struct Gauge {
    pieces: Pieces,
    depth: Depth,
    /// What this process published since it was measured.
    since: u64,
    begun_us: i64,
    asked_us: i64,
}

/// What is known of all queues that somebody asked about lately.
#[derive(Debug, Default)]
pub(crate) struct Gauges(Mutex<BTreeMap<(String, String), Gauge>>);

impl Store {
    /// Refuses (`queue_full`) what a queue with `max_depth` has no room for, as far as it is known.
    pub fn queue_admit_publish(
        &self,
        queue: &str,
        count: usize,
    ) -> std::result::Result<(), Refusal> {
        let rules = self.queue_rules(queue);
        let Some(max_depth) = rules.max_depth else {
            return Ok(());
        };
        let now_us = self.clock().now_us();
        let mut deepest = 0;
        for group in rules.groups() {
            let depth = self.gauges().asked(queue, group, now_us, |gauge| {
                let depth = gauge.depth.depth() + gauge.depth.scheduled + gauge.since;
                if depth < max_depth {
                    gauge.since += count as u64;
                }
                depth
            });
            deepest = deepest.max(depth);
        }
        if deepest < max_depth {
            return Ok(());
        }
        let message = format!("the queue {queue:?} is full: {max_depth} messages wait");
        Err(Refusal::new("queue_full", message).hint(format!(
            "Try again later, add consumers, or raise max_depth of [queues.{queue}]."
        )))
    }

    /// Refuses (`too_many_in_flight`) a lease of a group that has as much out as it may, as far as
    /// it is known.
    pub fn queue_admit_lease(
        &self,
        queue: &str,
        group: Option<&str>,
    ) -> std::result::Result<(), Refusal> {
        let max = self.queue_rules(queue).max_in_flight;
        let group = group.unwrap_or(DEFAULT_GROUP);
        let now_us = self.clock().now_us();
        // What waits is not among it: only leases take that down.
        let out = self
            .gauges()
            .asked(queue, group, now_us, |gauge| gauge.depth.in_flight);
        if out < max {
            return Ok(());
        }
        let message = format!("{max} messages of {queue:?} are out for the group {group:?}");
        Err(Refusal::new("too_many_in_flight", message).hint(format!(
            "Acknowledge some, or raise max_in_flight of [queues.{queue}]."
        )))
    }

    /// How much a group has before it, at a cost that does not grow with it: in pieces, most of
    /// which were counted before.
    pub async fn queue_measure(&self, queue: &str, group: Option<&str>) -> Result<Depth> {
        let group = group.unwrap_or(DEFAULT_GROUP);
        check_key("a group", group)?;
        Lane::of(queue)?;
        let now_us = self.clock().now_us();
        self.gauges().asked(queue, group, now_us, |_| ());
        self.measure_known(queue, group).await
    }

    /// The same for one that is watched, and is for no longer because of it.
    async fn measure_known(&self, queue: &str, group: &str) -> Result<Depth> {
        let lane = Lane::of(queue)?;
        let now_us = self.clock().now_us();
        let pieces = self.gauges().known(queue, group, |gauge| {
            if now_us.saturating_sub(gauge.begun_us) > BELIEVED_US {
                gauge.pieces = Pieces::default();
                gauge.begun_us = now_us;
            }
            gauge.since = 0;
            gauge.pieces.clone()
        });
        let ranks = 0..self.queue_rules(queue).priorities.max(1);
        let ranks: Arc<[i64]> = ranks.map(super::message::rank_of).collect();
        let measured = measure(&lane, group, pieces, ranks);
        let ((depth, pieces), _) = self.answer(&measured, &Session::default()).await?;
        self.gauges().known(queue, group, |gauge| {
            gauge.pieces = pieces;
            gauge.depth = depth;
        });
        Ok(depth)
    }

    /// Measures what was asked about within the last minute, and gives the last fault that it met.
    /// Call it about once a second.
    pub async fn queue_measure_watched(&self) -> Result<()> {
        let mut measured = Ok(());
        for (queue, group) in self.gauges().watched(self.clock().now_us()) {
            if let Err(error) = self.measure_known(&queue, &group).await {
                measured = Err(error);
            }
        }
        measured
    }

    /// What is known of the queues that were asked about within the last minute.
    pub fn queue_depths(&self) -> Vec<(String, String, Depth)> {
        let gauges = self.gauges().0.lock();
        let each = gauges.iter();
        each.map(|((queue, group), gauge)| (queue.clone(), group.clone(), gauge.depth))
            .collect()
    }
}

impl Gauges {
    fn asked<T>(
        &self,
        queue: &str,
        group: &str,
        now_us: i64,
        about: impl FnOnce(&mut Gauge) -> T,
    ) -> T {
        let mut gauges = self.0.lock();
        let key = (queue.to_owned(), group.to_owned());
        if gauges.len() >= WATCHED_MAX && !gauges.contains_key(&key) {
            return about(&mut Gauge::default());
        }
        let gauge = gauges.entry(key).or_default();
        gauge.asked_us = gauge.asked_us.max(now_us);
        about(gauge)
    }

    /// About one that was asked about, if it is remembered still.
    fn known<T>(&self, queue: &str, group: &str, about: impl FnOnce(&mut Gauge) -> T) -> T {
        let mut gauges = self.0.lock();
        match gauges.get_mut(&(queue.to_owned(), group.to_owned())) {
            Some(gauge) => about(gauge),
            None => about(&mut Gauge::default()),
        }
    }

    /// The queues and groups that are measured; others are forgotten.
    fn watched(&self, now_us: i64) -> Vec<(String, String)> {
        let mut gauges = self.0.lock();
        gauges.retain(|_, gauge| now_us.saturating_sub(gauge.asked_us) <= WATCHED_US);
        gauges.keys().cloned().collect()
    }

    /// Counts a queue anew: what was in it is gone.
    pub(super) fn forget(&self, queue: &str) {
        let mut gauges = self.0.lock();
        for ((name, _), gauge) in gauges.iter_mut() {
            if name == queue {
                gauge.pieces = Pieces::default();
            }
        }
    }
}

/// Counts what is not known yet.
fn measure(
    lane: &Lane,
    group: &str,
    pieces: Pieces,
    ranks: Arc<[i64]>,
) -> Operation<(Depth, Pieces)> {
    let scheduled = Filter::And(lane.filters());
    let mut scheduled = select(&LATER, &[], scheduled);
    scheduled.output = vec![Output::Aggregate(AggregateFn::Count, None)];
    let own = (lane.clone(), pieces.clone(), Arc::clone(&ranks));
    let count = Step::decide(move |outcomes| {
        let (lane, pieces, ranks) = &own;
        let standing = cursor::found(outcomes.first()).standing;
        let each = ranks.iter().flat_map(|rank| {
            let oldest = standing.unread(lane, *rank, &[log::PUBLISHED_AT], 1);
            let (rest, new) = pieces.gaps(&standing, *rank);
            [
                oldest,
                counting(lane, *rank, rest),
                counting(lane, *rank, new),
            ]
        });
        Ok(each.map(|select| Step::read(tree(select))).collect())
    });
    let steps = vec![
        cursor::read(lane, group),
        Step::read(tree(by_state(lane, group))),
        Step::read(tree(scheduled)),
        count,
    ];
    Operation::reading(lane.reach(), steps, move |outcomes| {
        Ok(measured(&outcomes, &pieces, &ranks))
    })
}

/// What was counted, added to what was known.
fn measured(outcomes: &[Outcome], known: &Pieces, ranks: &[i64]) -> (Depth, Pieces) {
    let standing = cursor::found(outcomes.first()).standing;
    let mut depth = depth_of_states(outcomes.get(1));
    depth.scheduled = counted(outcomes.get(2));
    let mut pieces = Pieces::default();
    let mut reads = outcomes.iter().skip(3);
    for rank in ranks {
        let oldest = reads.next().and_then(|read| rows_of(read).first());
        let oldest = oldest.and_then(|row| super::row::timestamp(row.first()?));
        depth.oldest_us = depth.oldest_us.into_iter().chain(oldest).min();
        let (rest, new) = (piece_of(reads.next()), piece_of(reads.next()));
        let left = known.left(&standing, *rank, rest.map(|piece| piece.rows), new);
        depth.ready += left.iter().map(|piece| piece.rows).sum::<u64>();
        pieces.0.insert(*rank, left);
    }
    (depth, pieces)
}

/// Positions of the log, both ends exclusive and inclusive: what is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Gap {
    /// Behind this message.
    behind: (i64, i64),
    /// Up to this position.
    until: i64,
}

impl Pieces {
    /// What is to be counted: the rest of the piece in which the group stands, and what is new.
    fn gaps(&self, standing: &Standing, rank: i64) -> (Gap, Gap) {
        let read = standing.read.get(&rank).copied().unwrap_or((-1, -1));
        let known = self.0.get(&rank).map_or(&[][..], Vec::as_slice);
        let first = known.iter().find(|piece| piece.end >= read.0);
        let rest = Gap {
            behind: read,
            until: first.map_or(read.0, |piece| piece.end),
        };
        let behind = match known.last() {
            Some(last) if last.end >= read.0 => (last.end, i64::MAX),
            _ => read,
        };
        let new = Gap {
            behind,
            until: i64::MAX,
        };
        (rest, new)
    }

    /// The pieces that are left before a group, with what was counted now.
    fn left(
        &self,
        standing: &Standing,
        rank: i64,
        rest: Option<u64>,
        new: Option<Piece>,
    ) -> Vec<Piece> {
        let read = standing.read.get(&rank).map_or(-1, |read| read.0);
        let known = self.0.get(&rank).map_or(&[][..], Vec::as_slice);
        let mut left: Vec<Piece> = known
            .iter()
            .copied()
            .filter(|piece| piece.end >= read)
            .collect();
        if let Some(first) = left.first_mut() {
            first.rows = rest.unwrap_or(0);
        }
        left.extend(new);
        if left.len() > PIECES_MAX {
            let pairs = left.chunks(2).map(|pair| Piece {
                end: pair.iter().map(|piece| piece.end).max().unwrap_or(0),
                rows: pair.iter().map(|piece| piece.rows).sum(),
            });
            left = pairs.collect();
        }
        left
    }
}

/// Counts a gap, and tells where its last message is.
fn counting(lane: &Lane, rank: i64, gap: Gap) -> Select {
    let mut filters = lane.filters();
    filters.push(crate::relation::equals(log::RANK, Value::Int(rank)));
    filters.push(Filter::After {
        columns: vec![log::POSITION, log::PLACE],
        values: [gap.behind.0, gap.behind.1].map(Value::Int).to_vec(),
    });
    filters.push(compare(
        log::POSITION,
        Comparison::Le,
        Value::Int(gap.until),
    ));
    let mut counted = select(&super::relation::LOG, &[], Filter::And(filters));
    counted.output = vec![
        Output::Aggregate(AggregateFn::Count, None),
        Output::Aggregate(AggregateFn::Max, Some(Scalar::Column(log::POSITION))),
    ];
    counted
}

fn piece_of(outcome: Option<&Outcome>) -> Option<Piece> {
    let row = outcome.and_then(|read| rows_of(read).first())?;
    match row.as_slice() {
        [Value::Int(rows), Value::Int(end)] => Some(Piece {
            end: *end,
            rows: rows.unsigned_abs(),
        }),
        _ => None,
    }
}
