//! Up to where a group has read, and from when on it looks for what is due again.
//!
//! Both only go up, and nothing is ever stored below them: so a read of the log, and of what is
//! due, begins behind everything that went before, whoever holds on to it with a snapshot.

use super::Lane;
use super::relation::{self, CURSOR, GROUP, LANE, LOG, QUEUE, log, out};
use super::row::delete;
use crate::relation::{equals, rows_of, select, tree};
use pando_model::engine::{Outcome, Step};
use pando_model::plan::{Change, Conflict, Filter, Insert, Order, OrderBy, Scalar, Select};
use pando_model::value::Value;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where a group stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Standing {
    /// For each rank, the position and place of the last message that was read.
    pub read: BTreeMap<i64, (i64, i64)>,
    /// Everything that was due up to then was seen; microseconds since 1970.
    pub floor_us: i64,
}

/// A group's newest cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Where its row is; `None` for a group that has not leased yet.
    pub at: Option<i64>,
    pub standing: Standing,
}

impl Standing {
    /// Whether a message was read.
    pub(super) fn has_read(&self, rank: i64, position: i64, place: i64) -> bool {
        let read = self.read.get(&rank);
        read.is_some_and(|read| (position, place) <= *read)
    }

    /// When something may become due that shall be due at a time: not where it was looked already.
    pub(super) fn not_below(&self, due_us: i64) -> i64 {
        due_us.max(self.floor_us.saturating_add(1))
    }

    /// The messages of a rank that were not read yet, `limit` at most.
    pub(super) fn unread(&self, lane: &Lane, rank: i64, columns: &[usize], limit: u64) -> Select {
        let (position, place) = self.read.get(&rank).copied().unwrap_or((-1, -1));
        let behind = Filter::After {
            columns: vec![log::POSITION, log::PLACE],
            values: vec![Value::Int(position), Value::Int(place)],
        };
        let mut filters = lane.filters();
        filters.extend([equals(log::RANK, Value::Int(rank)), behind]);
        let mut unread = select(&LOG, columns, Filter::And(filters));
        unread.limit = Some(limit);
        unread
    }

    /// What has become due since it was looked last, the earliest first.
    pub(super) fn due(&self, lane: &Lane, group: &str, now_us: i64, limit: u64) -> Select {
        let time = |op, us| crate::relation::compare(out::DUE, op, Value::Timestamp(us));
        let mut filters = of_group(lane, out::GROUP, group);
        filters.extend([
            time(pando_model::plan::Comparison::Gt, self.floor_us),
            time(pando_model::plan::Comparison::Le, now_us),
        ]);
        let mut due = select(&relation::OUT, &super::row::COLUMNS, Filter::And(filters));
        due.order = vec![ascending(out::DUE)];
        due.limit = Some(limit);
        due
    }
}

/// Reads a group's cursor.
pub(super) fn read(lane: &Lane, group: &str) -> Step {
    let columns = [relation::cursor::AT, relation::cursor::STATE];
    let filter = Filter::And(of_group(lane, relation::cursor::GROUP, group));
    let mut newest = select(&CURSOR, &columns, filter);
    newest.order = vec![Order {
        descending: true,
        ..ascending(relation::cursor::AT)
    }];
    newest.limit = Some(1);
    Step::read(tree(newest))
}

/// What [`read`] has found.
pub(super) fn found(outcome: Option<&Outcome>) -> Found {
    let row = outcome.and_then(|outcome| rows_of(outcome).first());
    match row.map(Vec::as_slice) {
        Some([Value::Int(at), Value::Text(state)]) => Found {
            at: Some(*at),
            // Pando alone writes it. Were it unreadable, reading all again is what loses nothing.
            standing: serde_json::from_str(state).unwrap_or_default(),
        },
        _ => Found::default(),
    }
}

/// Moves a group's cursor.
pub(super) fn moved(lane: &Lane, group: &str, from: &Found, to: &Standing) -> Vec<Step> {
    if from.at.is_some() && from.standing == *to {
        return Vec::new();
    }
    let state = serde_json::to_string(to).unwrap_or_default();
    let own = |value| {
        vec![
            lane.queue(),
            lane.number(),
            Value::Text(group.to_owned()),
            value,
        ]
    };
    let mut row = own(Value::Int(0));
    row.push(Value::Text(state));
    let insert = |table, row, conflict| {
        Step::from(Change::Insert(Insert {
            table: Arc::clone(table),
            rows: vec![row],
            conflict,
            returning: None,
        }))
    };
    let mut steps = vec![insert(&CURSOR, row, None)];
    match from.at {
        Some(at) => {
            let mut before = of_group(lane, relation::cursor::GROUP, group);
            before.push(equals(relation::cursor::AT, Value::Int(at)));
            steps.push(delete(&CURSOR, Filter::And(before)));
        }
        None => {
            let mut row = own(Value::Null);
            row.truncate(GROUP.columns.len());
            let there = Conflict {
                target: GROUP.primary_key.columns.clone(),
                merge: None,
            };
            steps.push(insert(&GROUP, row, Some(there)));
        }
    }
    steps
}

/// Reads which groups there are.
pub(super) fn read_groups(lane: &Lane) -> Step {
    let filter = Filter::And(lane.filters());
    Step::read(tree(select(&GROUP, &[relation::group::NAME], filter)))
}

/// The names that [`read_groups`] has found, and those that are declared.
pub(super) fn groups(outcome: Option<&Outcome>, declared: &[String]) -> Vec<String> {
    let rows = outcome.map_or(&[][..], rows_of);
    let mut names: Vec<String> = declared.to_vec();
    for row in rows {
        if let Some(Value::Text(name)) = row.first()
            && !names.contains(name)
        {
            names.push(name.clone());
        }
    }
    names
}

/// Rows of a group.
pub(super) fn of_group(lane: &Lane, column: usize, group: &str) -> Vec<Filter> {
    let mut filters = lane.filters();
    filters.push(equals(column, Value::Text(group.to_owned())));
    filters
}

pub(super) fn ascending(column: usize) -> Order {
    Order {
        by: OrderBy::Scalar(Scalar::Column(column)),
        descending: false,
        nulls_first: false,
    }
}

impl Lane {
    /// Its rows, in any of the relations.
    pub(super) fn filters(&self) -> Vec<Filter> {
        vec![equals(QUEUE, self.queue()), equals(LANE, self.number())]
    }
}
