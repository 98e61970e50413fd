//! Leasing: what is due again first, then what nobody of the group has had.

use super::cursor::{self, Standing};
use super::home;
use super::keys;
use super::message::{MESSAGE, Message, Spot};
use super::relation::LOG;
use super::row::{Out, State, log_of, put_out};
use super::token::{LeaseToken, Of};
use super::{DEFAULT_GROUP, Lane, check_key};
use crate::error::StoreError;
use crate::operation::Operation;
use crate::refused;
use crate::relation::{rows_of, select, tree};
use crate::session::Result;
use crate::store::Store;
use pando_model::engine::{Outcome, Step};
use pando_model::value::Value;
use pando_queue::{Dead, Failure};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// Messages of one lease at most.
pub const MESSAGES_MAX: u64 = 1_000;
/// What is due, and the first of what nobody has had, are read at once up to this: together with
/// the bodies of what is due it is half of what a request may read.
const SMALL_BYTES: usize = 32 << 20;
/// A longer lease is a message that nobody will see again for as long.
const VISIBILITY_MAX: Duration = Duration::from_secs(12 * 60 * 60);

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lease {
    /// So many messages at most; one if it is not said.
    pub max: Option<u64>,
    /// How long until others may have them; the queue's if it is not said.
    pub visibility: Option<Duration>,
    /// For whom.
    pub group: Option<String>,
}

/// A message that was leased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leased {
    /// The message.
    pub message: Message,
    /// What acknowledges it.
    pub lease: LeaseToken,
    /// Which attempt this is, from 1.
    pub attempt: u32,
}

/// A lease as it is carried out.
#[derive(Clone)]
struct Plan {
    lane: Lane,
    group: String,
    max: usize,
    /// Its messages, and as many others, are read at once without a thought.
    is_small: bool,
    /// The ranks, the first to be leased first.
    ranks: Vec<i64>,
    attempts_max: u32,
    lease: i64,
    now_us: i64,
    visible_us: i64,
}

/// What the reads have found.
struct Found<'a> {
    cursor: cursor::Found,
    due: Vec<Out>,
    /// For each rank that was looked at, what nobody has had.
    fresh: Vec<Vec<(Spot, Message)>>,
    /// What is due again as the log has it.
    bodies: &'a [Vec<Value>],
    /// What comes first of what is out of the ordering keys that matter.
    of_keys: Vec<Out>,
}

/// What is done.
struct Taken {
    leased: Vec<(Out, Message)>,
    /// Rows besides: held, dead, and such as may go now.
    others: Vec<Out>,
    standing: Standing,
}

impl Store {
    /// Leases messages. Nothing is changed where there are none.
    pub fn queue_lease(&self, queue: &str, lease: &Lease) -> Result<Operation<Vec<Leased>>> {
        let plan = Arc::new(self.lease_plan(queue, lease)?);
        let reach = plan.lane.reach();
        let steps = vec![
            cursor::read(&plan.lane, &plan.group),
            home::read(&plan.lane),
            plan.look(),
        ];
        let gauges = self.gauges().clone();
        Ok(Operation::writing(reach, steps, move |outcomes| {
            let taken = plan.taken(&plan.found(&outcomes));
            let is_held = |out: &&Out| out.state == State::Held;
            let held = taken.others.iter().filter(is_held).count();
            if held > 0 {
                gauges.hold(&plan.lane.name, &plan.group, held);
            }
            gauges.lease(&plan.lane.name, &plan.group, taken.leased.len());
            Ok(plan.leased(taken))
        }))
    }

    /// Whether a lease would find something.
    pub fn queue_has_some(&self, queue: &str, lease: &Lease) -> Result<Operation<bool>> {
        let max = Some(1);
        let plan = Arc::new(self.lease_plan(
            queue,
            &Lease {
                max,
                ..lease.clone()
            },
        )?);
        let reach = plan.lane.reach();
        let steps = vec![
            cursor::read(&plan.lane, &plan.group),
            home::read(&plan.lane),
            plan.glance(),
        ];
        Ok(Operation::reading(reach, steps, move |outcomes| {
            let reads = outcomes.get(2..).unwrap_or_default();
            Ok(reads.iter().any(|read| !rows_of(read).is_empty()))
        }))
    }

    fn lease_plan(&self, queue: &str, lease: &Lease) -> Result<Plan> {
        let lane = Lane::of(queue)?;
        let rules = self.queue_rules(queue);
        let group = lease.group.as_deref().unwrap_or(DEFAULT_GROUP);
        check_key("a group", group)?;
        let visibility = checked_visibility(lease.visibility.unwrap_or(rules.visibility))?;
        let max = lease.max.unwrap_or(1).clamp(1, rules.lease_max());
        let now_us = self.clock().now_us();
        let max = usize::try_from(max).unwrap_or(1);
        Ok(Plan {
            lane,
            group: group.to_owned(),
            max,
            is_small: max.saturating_mul(rules.message_bytes_max) <= SMALL_BYTES,
            // What is due comes all the same: it is what takes down what is held.
            ranks: match self.holds_enough(queue, group) {
                true => Vec::new(),
                false => self.ranks(queue),
            },
            attempts_max: rules.backoff.attempts_max(),
            lease: chance()?,
            now_us,
            visible_us: now_us.saturating_add(visibility),
        })
    }
}

/// A visibility in microseconds.
pub(super) fn checked_visibility(visibility: Duration) -> Result<i64> {
    if visibility.is_zero() || visibility > VISIBILITY_MAX {
        let message = "visibility is more than nothing and 12 hours at most";
        return Err(refused::unprocessable(message).into());
    }
    Ok(i64::try_from(visibility.as_micros()).unwrap_or(i64::MAX))
}

/// What cannot be guessed.
fn chance() -> Result<i64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)
        .map_err(|error| StoreError::Catalog(format!("cannot make a lease: {error}")))?;
    Ok(i64::from_be_bytes(bytes))
}

impl Plan {
    /// Looks for what is due and at the first rank, then at one rank after the other.
    fn look(self: &Arc<Plan>) -> Step {
        let plan = Arc::clone(self);
        Step::decide(move |outcomes| {
            let standing = cursor::found(outcomes.first()).standing;
            let due = standing.due(&plan.lane, &plan.group, plan.now_us, plan.max as u64);
            let mut steps = vec![Step::read(tree(due))];
            // As a rule nothing is due, and an engine may answer both at once.
            let first = plan.ranks.first().filter(|_| plan.is_small);
            steps.extend(first.map(|rank| plan.unread(&standing, *rank, plan.max, outcomes)));
            steps.push(plan.look_at(standing, usize::from(plan.is_small)));
            Ok(steps)
        })
    }

    fn look_at(self: &Arc<Plan>, standing: Standing, nth: usize) -> Step {
        let plan = Arc::clone(self);
        Step::decide(move |outcomes| {
            let room = plan.max.saturating_sub(count(outcomes.get(2..)));
            let Some(rank) = plan.ranks.get(nth).filter(|_| room > 0) else {
                return Ok(plan.look_closer(outcomes));
            };
            let unread = plan.unread(&standing, *rank, room, outcomes);
            Ok(vec![unread, plan.look_at(standing.clone(), nth + 1)])
        })
    }

    fn unread(&self, standing: &Standing, rank: i64, max: usize, outcomes: &[Outcome]) -> Step {
        let unread = standing.unread(&self.lane, rank, &MESSAGE, max as u64);
        let unread = home::up_to(unread, home::found(outcomes.get(1)));
        Step::read(tree(unread))
    }

    /// Reads the bodies of what is due again, and what else is out of the keys; then leases.
    fn look_closer(self: &Arc<Plan>, outcomes: &[Outcome]) -> Vec<Step> {
        let found = self.found(outcomes);
        let mut steps = Vec::new();
        if !found.due.is_empty() {
            let spots = found.due.iter().map(|out| out.spot);
            let keys = log_of(&self.lane, spots);
            steps.push(Step::read(tree(select(&LOG, &MESSAGE, keys))));
        }
        let dying = found.due.iter().filter(|out| self.is_used_up(out));
        let (lane, of_keys) = (&self.lane, found.keys(self));
        let ids = dying.map(|out| out.id);
        steps.extend(keys::read(lane, &self.group, of_keys, ids));
        let plan = Arc::clone(self);
        steps.push(Step::decide(move |outcomes| {
            let found = plan.found(outcomes);
            let taken = plan.taken(&found);
            let leased = taken.leased.iter().map(|(out, _)| out.clone());
            let rows: Vec<Out> = leased.chain(taken.others).collect();
            let mut steps: Vec<Step> = put_out(&plan.lane, &plan.group, &rows)
                .into_iter()
                .collect();
            if !rows.is_empty() {
                let (from, to) = (&found.cursor, &taken.standing);
                steps.extend(cursor::moved(&plan.lane, &plan.group, from, to));
            }
            Ok(steps)
        }));
        steps
    }

    /// The same looks, without what leases.
    fn glance(self: &Arc<Plan>) -> Step {
        let plan = Arc::clone(self);
        Step::decide(move |outcomes| {
            let standing = cursor::found(outcomes.first()).standing;
            let due = standing.due(&plan.lane, &plan.group, plan.now_us, 1);
            let ranks = plan.ranks.iter();
            let columns = [super::relation::log::ID];
            let home = home::found(outcomes.get(1));
            let unread = ranks
                .map(|rank| home::up_to(standing.unread(&plan.lane, *rank, &columns, 1), home));
            let all = std::iter::once(due).chain(unread);
            Ok(all.map(|select| Step::read(tree(select))).collect())
        })
    }

    /// What the reads so far have found; in the order in which they are made.
    fn found<'a>(&self, outcomes: &'a [Outcome]) -> Found<'a> {
        let mut reads = outcomes.iter();
        let cursor = cursor::found(reads.next());
        // Where the queue is has bounded the reads that follow.
        let mut reads = reads.skip(1);
        let rows = reads.next().map_or(&[][..], rows_of);
        let due: Vec<Out> = rows.iter().filter_map(|row| Out::read(row)).collect();
        let (mut fresh, mut known) = (Vec::new(), due.len());
        for nth in 0..self.ranks.len() {
            // Of a small lease the first is looked at whatever is due.
            if known >= self.max && !(nth == 0 && self.is_small) {
                break;
            }
            let rows = reads.next().map_or(&[][..], rows_of);
            let messages = rows.iter().filter_map(|row| Message::read(row));
            let messages: Vec<_> = messages.take(self.max.saturating_sub(known)).collect();
            known += messages.len();
            fresh.push(messages);
        }
        let mut found = Found {
            cursor,
            due,
            fresh,
            bodies: &[],
            of_keys: Vec::new(),
        };
        if !found.due.is_empty() {
            found.bodies = reads.next().map_or(&[][..], rows_of);
        }
        if !found.keys(self).is_empty() {
            found.of_keys = keys::found(reads);
        }
        found
    }

    /// Decides about what was found.
    fn taken(&self, found: &Found<'_>) -> Taken {
        let mut standing = found.cursor.standing.clone();
        standing.floor_us = self.floor_us(found);
        let due_us = standing.not_below(self.visible_us);
        let lease = |out: Out| out.leased(self.lease, due_us, self.now_us);
        let mut bodies: HashMap<i64, Message> = HashMap::new();
        for (_, message) in found.bodies.iter().filter_map(|row| Message::read(row)) {
            bodies.insert(message.id, message);
        }
        let (mut leased, mut others) = (Vec::new(), Vec::new());
        for out in &found.due {
            if self.is_used_up(out) {
                let dead = Dead {
                    attempts: out.attempt,
                    last: Failure::LeaseRanOut,
                };
                others.push(out.clone().dead(dead.to_string(), self.now_us));
            } else if let Some(message) = bodies.remove(&out.id) {
                leased.push((lease(out.clone()), message));
            }
        }
        let gone: HashSet<i64> = others.iter().map(|out: &Out| out.id).collect();
        let alive = found.of_keys.iter();
        let alive = alive.filter(|out| !gone.contains(&out.id));
        let (mut busy, freed) = keys::busy(alive);
        let at_once = standing.not_below(self.now_us);
        others.extend(keys::next_of(freed, &found.of_keys, at_once, self.now_us));
        for (rank, messages) in self.ranks.iter().zip(&found.fresh) {
            for (spot, message) in messages {
                standing.read.insert(*rank, (spot.position, spot.place));
                let out = Out::first(*spot, message, self.now_us);
                match &message.ordering_key {
                    Some(key) if !busy.insert(key.clone()) => others.push(out.held(self.now_us)),
                    _ => leased.push((lease(out), message.clone())),
                }
            }
        }
        Taken {
            leased,
            others,
            standing,
        }
    }

    /// Up to when everything that was due is dealt with.
    fn floor_us(&self, found: &Found<'_>) -> i64 {
        let before = found.cursor.standing.floor_us;
        let last = found.due.last().and_then(|out| out.due_us);
        match last {
            // There may be more of the same time.
            Some(last) if found.due.len() >= self.max => before.max(last.saturating_sub(1)),
            _ => before.max(self.now_us),
        }
    }

    fn is_used_up(&self, out: &Out) -> bool {
        out.state == State::Leased && out.attempt >= self.attempts_max
    }

    fn leased(&self, taken: Taken) -> Vec<Leased> {
        let each = taken.leased.into_iter().map(|(out, message)| Leased {
            lease: LeaseToken {
                group: self.group.clone(),
                of: Of::Store {
                    id: message.id,
                    lease: self.lease,
                },
            },
            attempt: out.attempt,
            message,
        });
        each.collect()
    }
}

impl Found<'_> {
    /// The keys of which it matters what else is out: those of messages that nobody has had, and
    /// of such as die now.
    fn keys(&self, plan: &Plan) -> Vec<String> {
        let fresh = self.fresh.iter().flatten();
        let fresh = fresh.filter_map(|(_, message)| message.ordering_key.as_ref());
        let dying = self.due.iter().filter(|out| plan.is_used_up(out));
        let dying = dying.filter_map(|out| out.ordering_key.as_ref());
        let keys: HashSet<&String> = fresh.chain(dying).collect();
        let mut keys: Vec<String> = keys.into_iter().cloned().collect();
        // Engines are asked the same each time.
        keys.sort();
        keys
    }
}

/// How many rows reads have found together.
fn count(outcomes: Option<&[Outcome]>) -> usize {
    let reads = outcomes.unwrap_or_default().iter();
    reads.map(|read| rows_of(read).len()).sum()
}
