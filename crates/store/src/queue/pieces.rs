//! What a group has before it in the log, counted in pieces that do not change.

use super::Lane;
use super::cursor::{self, Standing};
use super::relation::log;
use crate::operation::Operation;
use crate::relation::{compare, rows_of, select, tree};
use pando_model::aggregate::AggregateFn;
use pando_model::engine::{Outcome, Step};
use pando_model::plan::{Comparison, Filter, Output, Scalar, Select};
use pando_model::value::Value;
use std::collections::BTreeMap;

/// Pieces of a rank at most; then neighbours become one.
const PIECES_MAX: usize = 256;

/// Messages of a rank that lie side by side in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    /// The position of its last one.
    end: i64,
    rows: u64,
}

/// The pieces that a group has not read, of each rank, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pieces(BTreeMap<i64, Vec<Piece>>);

/// What of a group's log was counted.
#[derive(Debug)]
pub(super) struct Unread {
    pub(super) ready: u64,
    /// When the oldest was published.
    pub(super) oldest_us: Option<i64>,
    pub(super) pieces: Pieces,
}

/// Counts what is not known yet.
pub(super) fn count(
    lane: &Lane,
    group: &str,
    pieces: Pieces,
    ranks: Vec<i64>,
) -> Operation<Unread> {
    let own = (lane.clone(), pieces.clone(), ranks.clone());
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
    let steps = vec![cursor::read(lane, group), count];
    Operation::reading(lane.reach(), steps, move |outcomes| {
        Ok(counted(&outcomes, &pieces, &ranks))
    })
}

/// What was counted, added to what was known.
fn counted(outcomes: &[Outcome], known: &Pieces, ranks: &[i64]) -> Unread {
    let standing = cursor::found(outcomes.first()).standing;
    let (mut ready, mut oldest_us, mut pieces) = (0, None::<i64>, Pieces::default());
    let mut reads = outcomes.iter().skip(1);
    for rank in ranks {
        let oldest = reads.next().and_then(|read| rows_of(read).first());
        let oldest = oldest.and_then(|row| super::row::timestamp(row.first()?));
        oldest_us = oldest_us.into_iter().chain(oldest).min();
        let (rest, new) = (piece_of(reads.next()), piece_of(reads.next()));
        let left = known.left(&standing, *rank, rest.map(|piece| piece.rows), new);
        ready += left.iter().map(|piece| piece.rows).sum::<u64>();
        pieces.0.insert(*rank, left);
    }
    Unread {
        ready,
        oldest_us,
        pieces,
    }
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
