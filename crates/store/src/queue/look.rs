//! Looking at a queue: what is in it, and how much. Nothing of it changes anything.

use super::ack::read_out;
use super::cursor::{self, Standing};
use super::message::{MESSAGE, Message, Spot};
use super::relation::{LATER, LOG, OUT, log, out};
use super::row::{self, COLUMNS, Out, State, log_of, outs};
use super::{DEFAULT_GROUP, Lane, check_key};
use crate::operation::Operation;
use crate::refused;
use crate::relation::{compare, equals, rows_of, select, tree};
use crate::session::Result;
use crate::store::Store;
use pando_model::aggregate::AggregateFn;
use pando_model::engine::{Outcome, Step};
use pando_model::plan::{Comparison, Filter, Output, Select};
use pando_model::value::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// Messages of a page at most: each comes with its body.
const PAGE_MAX: u64 = 100;

/// A page of a queue's messages or dead letters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueuePage {
    /// At most so many.
    pub limit: Option<u64>,
    /// What the page before gave: go on behind it.
    pub cursor: Option<String>,
    /// Whose view it is; the default group's if it is not said.
    pub group: Option<String>,
}

/// Messages, and where the next page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peek<T> {
    /// The messages.
    pub messages: Vec<T>,
    /// Where the next page begins, where there is one.
    pub cursor: Option<String>,
}

/// A message that somebody looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peeked {
    /// The message.
    pub message: Message,
    /// How it stands with the group.
    pub state: PeekedState,
    /// Attempts so far.
    pub attempts: u32,
    /// When it can be leased, where that has a time: microseconds since 1970.
    pub due_us: Option<i64>,
}

/// How a message stands with a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeekedState {
    /// It can be leased.
    Ready,
    /// Somebody has it.
    Leased,
    /// It waits for its next attempt.
    Waiting,
    /// It waits for another of its ordering key.
    Held,
    /// Its attempts are used up.
    Dead,
    /// It is acknowledged, and kept for others or for a replay.
    Acked,
}

/// A message whose attempts are used up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The message.
    pub message: Message,
    /// Attempts that were made.
    pub attempts: u32,
    /// What the last one said.
    pub error: String,
    /// Since when it is dead: microseconds since 1970.
    pub died_at_us: i64,
}

/// How much a group has before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Messages that nobody of the group has had.
    pub ready: u64,
    /// Messages that somebody has.
    pub in_flight: u64,
    /// Messages that wait for their next attempt, or for another of their key.
    pub waiting: u64,
    /// Of these, messages that wait for another of their key.
    pub held: u64,
    /// Messages whose time has not come; of all groups.
    pub scheduled: u64,
    /// Dead letters.
    pub dead: u64,
    /// When the oldest message that nobody has had was published: microseconds since 1970.
    pub oldest_us: Option<i64>,
}

impl PeekedState {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            PeekedState::Ready => "ready",
            PeekedState::Leased => "leased",
            PeekedState::Waiting => "waiting",
            PeekedState::Held => "held",
            PeekedState::Dead => "dead",
            PeekedState::Acked => "acked",
        }
    }
}

impl Depth {
    /// Everything that is not acknowledged and not dead.
    pub fn depth(&self) -> u64 {
        self.ready + self.in_flight + self.waiting
    }
}

impl Store {
    /// A page of what is in a queue, the first to be leased first.
    pub fn queue_peek(&self, queue: &str, page: &QueuePage) -> Result<Operation<Peek<Peeked>>> {
        let lane = Lane::of(queue)?;
        let group = group_of(page)?;
        let limit = limit_of(page);
        let mut filters = lane.filters();
        if let Some(cursor) = &page.cursor {
            let spot = self.open_list_cursor("queue", queue, cursor)?;
            let values =
                spot_of(&spot).ok_or_else(|| refused::malformed("the cursor is broken"))?;
            filters.push(Filter::After {
                columns: vec![log::RANK, log::POSITION, log::PLACE],
                values,
            });
        }
        let mut messages = select(&LOG, &MESSAGE, Filter::And(filters));
        messages.limit = Some(limit + 1);
        let steps = vec![
            cursor::read(&lane, &group),
            Step::read(tree(messages)),
            states(&lane, &group),
        ];
        let seal = self.list_cursors("queue", queue);
        Ok(Operation::reading(lane.reach(), steps, move |outcomes| {
            Ok(peeked(&outcomes, limit, &seal))
        }))
    }

    /// A page of a group's dead letters, by id.
    pub fn queue_dead(&self, queue: &str, page: &QueuePage) -> Result<Operation<Peek<DeadLetter>>> {
        let lane = Lane::of(queue)?;
        let group = group_of(page)?;
        let limit = limit_of(page);
        let mut filters = cursor::of_group(&lane, out::GROUP, &group);
        filters.push(equals(out::STATE, State::Dead.value()));
        if let Some(cursor) = &page.cursor {
            let id = self.open_list_cursor("dead", queue, cursor)?;
            let id = id
                .parse()
                .map_err(|_| refused::malformed("the cursor is broken"))?;
            filters.push(compare(out::ID, Comparison::Gt, Value::Int(id)));
        }
        let mut dead = select(&OUT, &COLUMNS, Filter::And(filters));
        dead.limit = Some(limit + 1);
        let own = lane.clone();
        let bodies = Step::decide(move |outcomes| {
            let dead = outs(outcomes.first());
            if dead.is_empty() {
                return Ok(Vec::new());
            }
            let keys = log_of(&own, dead.iter().map(|out| out.spot));
            Ok(vec![Step::read(tree(select(&LOG, &MESSAGE, keys)))])
        });
        let seal = self.list_cursors("dead", queue);
        let steps = vec![Step::read(tree(dead)), bodies];
        Ok(Operation::reading(lane.reach(), steps, move |outcomes| {
            Ok(dead_letters(&outcomes, limit, &seal))
        }))
    }

    /// How much a group has before it, counted.
    pub fn queue_depth(&self, queue: &str, group: Option<&str>) -> Result<Operation<Depth>> {
        let lane = Lane::of(queue)?;
        let group = group.unwrap_or(DEFAULT_GROUP).to_owned();
        check_key("a group", &group)?;
        let ranks: Arc<[i64]> = self.ranks(queue).into();
        let scheduled = scheduled(&lane);
        let now_us = self.clock().now_us();
        let own = (lane.clone(), Arc::clone(&ranks));
        let unread = Step::decide(move |outcomes| {
            let (lane, ranks) = &own;
            let standing = cursor::found(outcomes.first()).standing;
            let each = ranks.iter().flat_map(|rank| {
                let first = standing.unread(lane, *rank, &[log::PUBLISHED_AT], 1);
                let mut all = standing.unread(lane, *rank, &[], 0);
                all.limit = None;
                [Step::read(tree(first)), Step::read(tree(count(all)))]
            });
            Ok(each.collect())
        });
        let steps = vec![
            cursor::read(&lane, &group),
            Step::read(tree(by_state(&lane, &group))),
            Step::read(tree(ran_out(&lane, &group, now_us))),
            Step::read(tree(scheduled)),
            unread,
        ];
        Ok(Operation::reading(lane.reach(), steps, |outcomes| {
            Ok(depth(&outcomes))
        }))
    }
}

pub(super) fn group_of(page: &QueuePage) -> Result<String> {
    let group = page.group.as_deref().unwrap_or(DEFAULT_GROUP);
    check_key("a group", group)?;
    Ok(group.to_owned())
}

pub(super) fn limit_of(page: &QueuePage) -> u64 {
    page.limit.unwrap_or(PAGE_MAX).min(PAGE_MAX)
}

/// The values of a spot that a cursor names.
fn spot_of(text: &str) -> Option<Vec<Value>> {
    let numbers = text.split(' ').map(|number| number.parse().ok());
    let values: Option<Vec<Value>> = numbers.map(|number| number.map(Value::Int)).collect();
    values.filter(|values| values.len() == 3)
}

/// The same select, counting its rows.
fn count(mut of: Select) -> Select {
    of.output = vec![Output::Aggregate(AggregateFn::Count, None)];
    of
}

fn messages(outcome: Option<&Outcome>) -> Vec<(Spot, Message)> {
    let rows = outcome.map_or(&[][..], rows_of);
    rows.iter().filter_map(|row| Message::read(row)).collect()
}

/// Reads what the group has out of the messages that were read before.
fn states(lane: &Lane, group: &str) -> Step {
    let (lane, group) = (lane.clone(), group.to_owned());
    Step::decide(move |outcomes| {
        let found = messages(outcomes.get(1));
        let ids = found.iter().map(|(_, message)| message.id);
        Ok(match found.is_empty() {
            true => Vec::new(),
            false => vec![read_out(&lane, &group, ids)],
        })
    })
}

fn peeked(outcomes: &[Outcome], limit: u64, seal: &dyn Fn(&str) -> String) -> Peek<Peeked> {
    let standing = cursor::found(outcomes.first()).standing;
    let out = outs(outcomes.get(2)).into_iter();
    let out: HashMap<i64, Out> = out.map(|out| (out.id, out)).collect();
    let mut found = messages(outcomes.get(1));
    let kept = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > kept;
    found.truncate(kept);
    let last = found
        .last()
        .filter(|_| more)
        .map(|(spot, _)| seal(&format!("{} {} {}", spot.rank, spot.position, spot.place)));
    let each = found.into_iter().map(|(spot, message)| {
        let out = out.get(&message.id);
        Peeked {
            state: state_of(&standing, spot, out),
            attempts: out.map_or(0, |out| out.attempt),
            due_us: out.and_then(|out| out.due_us),
            message,
        }
    });
    Peek {
        messages: each.collect(),
        cursor: last,
    }
}

fn state_of(standing: &Standing, spot: Spot, out: Option<&Out>) -> PeekedState {
    match out.map(|out| out.state) {
        Some(State::Leased) => PeekedState::Leased,
        Some(State::Waiting) => PeekedState::Waiting,
        Some(State::Held) => PeekedState::Held,
        Some(State::Dead) => PeekedState::Dead,
        None if standing.has_read(spot.rank, spot.position, spot.place) => PeekedState::Acked,
        None => PeekedState::Ready,
    }
}

fn dead_letters(
    outcomes: &[Outcome],
    limit: u64,
    seal: &dyn Fn(&str) -> String,
) -> Peek<DeadLetter> {
    let mut dead = outs(outcomes.first());
    let kept = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = dead.len() > kept;
    dead.truncate(kept);
    let cursor = dead
        .last()
        .filter(|_| more)
        .map(|out| seal(&out.id.to_string()));
    let bodies = messages(outcomes.get(1)).into_iter();
    let mut bodies: HashMap<i64, Message> =
        bodies.map(|(_, message)| (message.id, message)).collect();
    let each = dead.into_iter().filter_map(|out| {
        Some(DeadLetter {
            message: bodies.remove(&out.id)?,
            attempts: out.attempt,
            error: out.error.unwrap_or_default(),
            died_at_us: out.since_us,
        })
    });
    Peek {
        messages: each.collect(),
        cursor,
    }
}

fn depth(outcomes: &[Outcome]) -> Depth {
    let mut depth = depth_of_states(outcomes.get(1), outcomes.get(2));
    depth.scheduled = counted(outcomes.get(3));
    for pair in outcomes.get(4..).unwrap_or_default().chunks(2) {
        let first = pair.first().map_or(&[][..], rows_of).first();
        let first = first.and_then(|row| row::timestamp(row.first()?));
        depth.oldest_us = match (depth.oldest_us, first) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        depth.ready += counted(pair.get(1));
    }
    depth
}

pub(super) fn counted(outcome: Option<&Outcome>) -> u64 {
    let row = outcome.and_then(|outcome| rows_of(outcome).first());
    match row.and_then(|row| row.first()) {
        Some(Value::Int(rows)) => rows.unsigned_abs(),
        _ => 0,
    }
}

/// Counts what waits for its time.
pub(super) fn scheduled(lane: &Lane) -> Select {
    count(select(&LATER, &[], Filter::And(lane.filters())))
}

/// Counts what a group has out, by state.
pub(super) fn by_state(lane: &Lane, group: &str) -> Select {
    let filter = Filter::And(cursor::of_group(lane, out::GROUP, group));
    let mut by_state = select(&OUT, &[out::STATE], filter);
    by_state
        .output
        .push(Output::Aggregate(AggregateFn::Count, None));
    by_state
}

/// Counts what of it was leased, and whose time has run out: it waits for the next lease.
pub(super) fn ran_out(lane: &Lane, group: &str, now_us: i64) -> Select {
    let mut filters = cursor::of_group(lane, out::GROUP, group);
    let leased = State::Leased.value();
    filters.push(compare(out::STATE, Comparison::Eq, leased));
    filters.push(compare(out::DUE, Comparison::Le, Value::Timestamp(now_us)));
    count(select(&OUT, &[], Filter::And(filters)))
}

/// What [`by_state`] and [`ran_out`] have counted.
pub(super) fn depth_of_states(by_state: Option<&Outcome>, ran_out: Option<&Outcome>) -> Depth {
    let mut depth = Depth::default();
    for row in by_state.map_or(&[][..], rows_of) {
        let [state, Value::Int(rows)] = row.as_slice() else {
            continue;
        };
        let rows = rows.unsigned_abs();
        match State::read(state) {
            Some(State::Leased) => depth.in_flight = rows,
            Some(State::Waiting) => depth.waiting += rows,
            Some(State::Held) => {
                depth.waiting += rows;
                depth.held = rows;
            }
            Some(State::Dead) => depth.dead = rows,
            None => {}
        }
    }
    let ran_out = counted(ran_out).min(depth.in_flight);
    depth.in_flight -= ran_out;
    depth.waiting += ran_out;
    depth
}
