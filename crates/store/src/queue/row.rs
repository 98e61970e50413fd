//! Rows of what is out, read and written.

use super::Lane;
use super::message::{Message, Spot};
use super::relation::{LANE, LOG, OUT, QUEUE, log, out};
use crate::relation::rows_of;
use pando_model::engine::{Outcome, Step};
use pando_model::plan::{Change, Conflict, Delete, Filter, Insert, Row};
use pando_model::schema::{ColumnIx, Table};
use pando_model::value::Value;
use std::sync::Arc;

/// How a message that is out stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Somebody has it.
    Leased,
    /// Its next attempt has a time.
    Waiting,
    /// Another of its key comes first.
    Held,
    /// Its attempts are used up.
    Dead,
}

/// A row of what is out, but for queue, lane and group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Out {
    pub id: i64,
    pub spot: Spot,
    pub state: State,
    pub attempt: u32,
    pub lease: Option<i64>,
    pub due_us: Option<i64>,
    pub ordering_key: Option<String>,
    pub error: Option<String>,
    pub since_us: i64,
}

/// The columns that make an [`Out`].
pub(super) const COLUMNS: [ColumnIx; 11] = [
    out::ID,
    out::RANK,
    out::POSITION,
    out::PLACE,
    out::STATE,
    out::ATTEMPT,
    out::LEASE,
    out::DUE,
    out::ORDERING_KEY,
    out::ERROR,
    out::SINCE,
];

impl State {
    fn number(self) -> i64 {
        match self {
            State::Leased => 0,
            State::Waiting => 1,
            State::Held => 2,
            State::Dead => 3,
        }
    }

    fn of(number: i64) -> Option<State> {
        let all = [State::Leased, State::Waiting, State::Held, State::Dead];
        all.into_iter().find(|state| state.number() == number)
    }

    /// A state as a row has it.
    pub(super) fn read(value: &Value) -> Option<State> {
        match value {
            Value::Int(number) => State::of(*number),
            _ => None,
        }
    }

    /// For filters.
    pub(super) fn value(self) -> Value {
        Value::Int(self.number())
    }
}

impl Out {
    /// A message that leaves the log for a group the first time.
    pub(super) fn first(spot: Spot, message: &Message, now_us: i64) -> Out {
        Out {
            id: message.id,
            spot,
            state: State::Held,
            attempt: 0,
            lease: None,
            due_us: None,
            ordering_key: message.ordering_key.clone(),
            error: None,
            since_us: now_us,
        }
    }

    /// The same, of whoever leases it now.
    pub(super) fn leased(mut self, lease: i64, due_us: i64, now_us: i64) -> Out {
        self.state = State::Leased;
        self.attempt = self.attempt.saturating_add(1);
        self.lease = Some(lease);
        self.due_us = Some(due_us);
        self.since_us = now_us;
        self
    }

    /// The same, for an attempt at a time.
    pub(super) fn waiting(mut self, due_us: i64, now_us: i64) -> Out {
        self.state = State::Waiting;
        self.lease = None;
        self.due_us = Some(due_us);
        self.since_us = now_us;
        self
    }

    /// The same, as if it had not been leased.
    pub(super) fn unused(mut self, due_us: i64, now_us: i64) -> Out {
        self.attempt = self.attempt.saturating_sub(1);
        self.waiting(due_us, now_us)
    }

    /// The same, behind another of its key.
    pub(super) fn held(mut self, now_us: i64) -> Out {
        self.state = State::Held;
        self.lease = None;
        self.due_us = None;
        self.since_us = now_us;
        self
    }

    /// The same, without an attempt left.
    pub(super) fn dead(mut self, error: String, now_us: i64) -> Out {
        self.state = State::Dead;
        self.lease = None;
        self.due_us = None;
        self.error = Some(error);
        self.since_us = now_us;
        self
    }

    pub(super) fn read(row: &[Value]) -> Option<Out> {
        let [
            Value::Int(id),
            Value::Int(rank),
            Value::Int(position),
            Value::Int(place),
            Value::Int(state),
            Value::Int(attempt),
            lease,
            due,
            ordering_key,
            error,
            Value::Timestamp(since_us),
        ] = row
        else {
            return None;
        };
        Some(Out {
            id: *id,
            spot: Spot {
                rank: *rank,
                position: *position,
                place: *place,
            },
            state: State::of(*state)?,
            attempt: u32::try_from(*attempt).unwrap_or(u32::MAX),
            lease: match lease {
                Value::Int(lease) => Some(*lease),
                _ => None,
            },
            due_us: timestamp(due),
            ordering_key: text(ordering_key),
            error: text(error),
            since_us: *since_us,
        })
    }

    fn row(&self, lane: &Lane, group: &str) -> Row {
        let optional = |text: &Option<String>| text.clone().map_or(Value::Null, Value::Text);
        let mut row = vec![Value::Null; OUT.columns.len()];
        row[QUEUE] = lane.queue();
        row[LANE] = lane.number();
        row[out::GROUP] = Value::Text(group.to_owned());
        row[out::ID] = Value::Int(self.id);
        row[out::RANK] = Value::Int(self.spot.rank);
        row[out::POSITION] = Value::Int(self.spot.position);
        row[out::PLACE] = Value::Int(self.spot.place);
        row[out::STATE] = self.state.value();
        row[out::ATTEMPT] = Value::Int(i64::from(self.attempt));
        row[out::LEASE] = self.lease.map_or(Value::Null, Value::Int);
        row[out::DUE] = self.due_us.map_or(Value::Null, Value::Timestamp);
        row[out::ORDERING_KEY] = optional(&self.ordering_key);
        row[out::ERROR] = optional(&self.error);
        row[out::SINCE] = Value::Timestamp(self.since_us);
        row
    }
}

/// Adds rows that are not there.
pub(super) fn insert(table: &Arc<Table>, rows: Vec<Row>) -> Step {
    Step::from(Change::Insert(Insert {
        table: Arc::clone(table),
        rows,
        conflict: None,
        returning: None,
    }))
}

/// Writes rows over what is there under their keys.
pub(super) fn insert_over(table: &Arc<Table>, rows: Vec<Row>) -> Step {
    let key = &table.primary_key.columns;
    let others = (0..table.columns.len()).filter(|column| !key.contains(column));
    Step::from(Change::Insert(Insert {
        table: Arc::clone(table),
        rows,
        conflict: Some(Conflict {
            target: key.clone(),
            merge: Some(others.collect()),
        }),
        returning: None,
    }))
}

/// Writes what is out, over what was there of the same messages.
pub(super) fn put_out(lane: &Lane, group: &str, rows: &[Out]) -> Option<Step> {
    if rows.is_empty() {
        return None;
    }
    let rows = rows.iter().map(|out| out.row(lane, group)).collect();
    Some(insert_over(&OUT, rows))
}

/// Deletes rows.
pub(super) fn delete(table: &Arc<Table>, filter: Filter) -> Step {
    Step::from(Change::Delete(Delete {
        table: Arc::clone(table),
        filter,
        max_affected: None,
        returning: None,
    }))
}

/// Some messages that a group has out, by their ids. What places the rows is said by itself, so
/// that they are found in their slot.
pub(super) fn out_of(lane: &Lane, group: &str, ids: impl Iterator<Item = i64>) -> Filter {
    let mut filters = super::cursor::of_group(lane, out::GROUP, group);
    // As keys: PostgreSQL compares each row of the group with a list, where it may choose.
    filters.push(Filter::Keys {
        columns: vec![out::ID],
        keys: ids.map(|id| vec![Value::Int(id)]).collect(),
    });
    Filter::And(filters)
}

/// Some messages of the log, by their spots.
pub(super) fn log_of(lane: &Lane, spots: impl Iterator<Item = Spot>) -> Filter {
    let mut filters = lane.filters();
    filters.push(Filter::Keys {
        columns: vec![log::RANK, log::POSITION, log::PLACE],
        keys: spots.map(Spot::key).collect(),
    });
    Filter::And(filters)
}

/// Deletes messages from the log.
pub(super) fn delete_log(lane: &Lane, spots: Vec<Spot>) -> Option<Step> {
    (!spots.is_empty()).then(|| delete(&LOG, log_of(lane, spots.into_iter())))
}

pub(super) fn timestamp(value: &Value) -> Option<i64> {
    match value {
        Value::Timestamp(us) => Some(*us),
        _ => None,
    }
}

pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    }
}

/// The rows of what is out that a read has found.
pub(super) fn outs(outcome: Option<&Outcome>) -> Vec<Out> {
    let rows = outcome.map_or(&[][..], rows_of);
    rows.iter().filter_map(|row| Out::read(row)).collect()
}
