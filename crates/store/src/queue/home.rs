//! Where a queue's messages are kept: in the store, or on a broker that a relay hands them to.
//!
//! A queue moves while it runs. What was published before the move stays where it was, and its
//! groups have that first: so nothing is lost, nothing comes twice, and of each ordering key what is
//! older comes first. The row that says where a queue is has a position in the log: in the store
//! belongs what lies at or before it, to the relay what lies behind. Leases and the relay read it in
//! their own transactions, so that no message is of both, whatever a process believes.

use super::cursor::{self, Standing};
use super::relation::{HOME, OUT, home, log, out};
use super::row::{Out, State, insert_over, outs};
use super::{DEFAULT_GROUP, Lane, check_key};
use crate::operation::{Operation, Reach};
use crate::relation::{compare, equals, rows_of, select, tree};
use crate::session::{Result, Session};
use crate::store::Store;
use pando_model::engine::{Outcome, Step};
use pando_model::plan::{Comparison, Filter, Select};
use pando_model::value::Value;
use std::collections::BTreeMap;

/// Where a queue is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Home {
    /// Whether what is published goes to a broker.
    pub on_broker: bool,
    /// The position of the move; `None` for a queue that was never moved.
    pub since: Option<i64>,
    /// When that was: microseconds since 1970.
    pub moved_at_us: i64,
}

/// What a group has in the store of a queue that is on a broker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Something that has to come before anything on the broker: what nobody has had, or what has
    /// an ordering key.
    pub comes_first: bool,
    /// Anything that is not acknowledged and not dead.
    pub any: bool,
}

impl Home {
    /// Up to which position of the log leases may go.
    pub(super) fn until(self) -> Option<i64> {
        self.since.filter(|_| self.on_broker)
    }
}

impl Store {
    /// Moves a queue to a broker, or back, if it is not there.
    pub async fn queue_move(&self, queue: &str, to_broker: bool) -> Result<Home> {
        let lane = Lane::of(queue)?;
        let mut row = lane.key();
        let now = Value::Timestamp(self.clock().now_us());
        row.extend([Value::Bool(to_broker), Value::Int(0), now]);
        let decide = Step::decide(move |outcomes: &[Outcome]| {
            if found(outcomes.first()).on_broker == to_broker {
                return Ok(Vec::new());
            }
            Ok(vec![insert_over(&HOME, vec![row.clone()])])
        });
        let steps = vec![read(&lane), decide];
        let write = Operation::writing(lane.reach(), steps, |_| Ok(Vec::new()));
        self.carry_out(&write, None, &Session::default()).await?;
        let read = Operation::reading(lane.reach(), vec![read(&lane)], |outcomes| {
            Ok(found(outcomes.first()))
        });
        Ok(self.answer(&read, &Session::default()).await?.0)
    }

    /// All queues that were moved, and where they are.
    pub async fn fetch_queue_homes(&self) -> Result<BTreeMap<String, Home>> {
        let read = Operation::reading(Reach::Many, vec![read_homes()], |outcomes| {
            Ok(homes(outcomes.first()))
        });
        Ok(self.answer(&read, &Session::default()).await?.0)
    }

    /// What a group still has in the store, of a queue that is on a broker.
    pub fn queue_left(&self, queue: &str, group: Option<&str>) -> Result<Operation<Left>> {
        let lane = Lane::of(queue)?;
        let group = group.unwrap_or(DEFAULT_GROUP).to_owned();
        check_key("a group", &group)?;
        let ranks = self.ranks(queue);
        let mut alive = cursor::of_group(&lane, out::GROUP, &group);
        alive.push(Filter::Not(Box::new(equals(
            out::STATE,
            State::Dead.value(),
        ))));
        let alive = select(&OUT, &super::row::COLUMNS, Filter::And(alive));
        let steps = vec![
            cursor::read(&lane, &group),
            read(&lane),
            Step::read(tree(alive)),
            unread(lane.clone(), ranks),
        ];
        Ok(Operation::reading(lane.reach(), steps, |outcomes| {
            let out: Vec<Out> = outs(outcomes.get(2));
            let is_unread = |read: &Outcome| !rows_of(read).is_empty();
            let unread = outcomes.iter().skip(3).any(is_unread);
            let keyed = out.iter().any(|out| out.ordering_key.is_some());
            Ok(Left {
                comes_first: unread || keyed,
                any: unread || !out.is_empty(),
            })
        }))
    }
}

/// Reads where all queues are.
pub(super) fn read_homes() -> Step {
    let queue = super::relation::QUEUE;
    let columns = [home::ON_BROKER, home::SINCE, home::MOVED_AT, queue];
    Step::read(tree(select(&HOME, &columns, Filter::Const(true))))
}

/// What [`read_homes`] has found.
pub(super) fn homes(outcome: Option<&Outcome>) -> BTreeMap<String, Home> {
    let rows = outcome.map_or(&[][..], rows_of);
    let each = rows.iter().filter_map(|row| match row.last() {
        Some(Value::Text(queue)) => Some((queue.clone(), home_of(row)?)),
        _ => None,
    });
    each.collect()
}

/// Looks whether there is something that the group has not read, before the move.
fn unread(lane: Lane, ranks: Vec<i64>) -> Step {
    Step::decide(move |outcomes| {
        let standing = cursor::found(outcomes.first()).standing;
        let home = found(outcomes.get(1));
        let each = ranks.iter().map(|rank| {
            let unread = standing.unread(&lane, *rank, &[log::ID], 1);
            Step::read(tree(up_to(unread, home)))
        });
        Ok(each.collect())
    })
}

/// Reads where a queue is.
pub(super) fn read(lane: &Lane) -> Step {
    let columns = [home::ON_BROKER, home::SINCE, home::MOVED_AT];
    Step::read(tree(select(&HOME, &columns, Filter::And(lane.filters()))))
}

/// What [`read`] has found.
pub(super) fn found(outcome: Option<&Outcome>) -> Home {
    let row = outcome.and_then(|outcome| rows_of(outcome).first());
    row.and_then(|row| home_of(row)).unwrap_or_default()
}

/// What a row says that begins with where, since when, and at what time.
fn home_of(row: &[Value]) -> Option<Home> {
    match row {
        [
            Value::Bool(on_broker),
            Value::Int(since),
            Value::Timestamp(moved_at_us),
            ..,
        ] => Some(Home {
            on_broker: *on_broker,
            since: Some(*since),
            moved_at_us: *moved_at_us,
        }),
        _ => None,
    }
}

/// Of messages, those that leases of the store may take.
pub(super) fn up_to(mut messages: Select, home: Home) -> Select {
    if let Some(until) = home.until() {
        let until = compare(log::POSITION, Comparison::Le, Value::Int(until));
        messages.filter = Filter::And(vec![messages.filter, until]);
    }
    messages
}

/// Of a rank, what belongs to the relay behind a message.
pub(super) fn of_relay(lane: &Lane, rank: i64, behind: (i64, i64), limit: u64) -> Select {
    let behind = Standing {
        read: [(rank, behind)].into(),
        floor_us: 0,
    };
    behind.unread(lane, rank, &super::message::MESSAGE, limit)
}
