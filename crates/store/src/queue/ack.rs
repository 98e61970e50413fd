//! Acknowledging: the message is done, for its group. What all groups have done leaves the log.

use super::cursor::{self, Standing};
use super::keys;
use super::relation::OUT;
use super::row::{COLUMNS, Out, State, delete, delete_log, out_of, put_out};
use super::token::{LeaseToken, Of};
use super::{Gauges, Lane, QueueRules};
use crate::operation::Operation;
use crate::refused;
use crate::relation::{rows_of, select, tree};
use crate::session::Result;
use crate::store::Store;
use pando_model::engine::{Outcome, Step};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Leases that one request may name.
pub const LEASES_MAX: usize = 10_000;

/// What became of leases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Acked {
    /// So many messages were acknowledged.
    pub acked: u64,
    /// So many leases had run out, or were none any more: others may have their messages.
    pub gone: u64,
}

/// Leases of one group.
#[derive(Clone)]
pub(super) struct OfGroup {
    pub lane: Lane,
    pub group: String,
    /// Message and lease.
    pub leases: Vec<(i64, i64)>,
    pub now_us: i64,
}

struct Ack {
    of: OfGroup,
    declared: Vec<String>,
    keeps: bool,
}

impl Store {
    /// Acknowledges leases. Those that have run out change nothing, and are counted.
    pub fn queue_ack(&self, queue: &str, leases: Vec<LeaseToken>) -> Result<Operation<Acked>> {
        let rules = self.queue_rules(queue);
        let groups = self.leases_of_groups(queue, leases)?;
        let gauges = self.gauges();
        let each = groups.into_iter().map(|of| ack(of, rules, gauges));
        let sum = Operation::all(each.collect(), |_| {});
        Ok(sum.map(|all: Vec<Acked>| {
            Ok(all.iter().fold(Acked::default(), |sum, one| Acked {
                acked: sum.acked + one.acked,
                gone: sum.gone + one.gone,
            }))
        }))
    }

    /// Leases by their groups.
    pub(super) fn leases_of_groups(
        &self,
        queue: &str,
        leases: Vec<LeaseToken>,
    ) -> Result<Vec<OfGroup>> {
        let lane = Lane::of(queue)?;
        if leases.is_empty() || leases.len() > LEASES_MAX {
            let message = format!("there are 1 to {LEASES_MAX} leases, not {}", leases.len());
            return Err(refused::malformed(message).into());
        }
        let now_us = self.clock().now_us();
        let mut groups: Vec<OfGroup> = Vec::new();
        for token in leases {
            let place = groups.iter().position(|of| of.group == token.group);
            let place = place.unwrap_or_else(|| {
                groups.push(OfGroup {
                    lane: lane.clone(),
                    group: token.group.clone(),
                    leases: Vec::new(),
                    now_us,
                });
                groups.len() - 1
            });
            if let Of::Store { id, lease } = token.of {
                groups[place].leases.push((id, lease));
            }
        }
        Ok(groups)
    }
}

impl OfGroup {
    /// Reads what is out of the messages.
    pub(super) fn read(&self) -> Step {
        let ids = self.leases.iter().map(|(id, _)| *id);
        read_out(&self.lane, &self.group, ids)
    }

    /// Of what [`OfGroup::read`] has found, what these leases still hold; and how many do not.
    pub(super) fn held(&self, outcome: Option<&Outcome>) -> (Vec<Out>, u64) {
        let rows = outcome.map_or(&[][..], rows_of);
        let rows = rows.iter().filter_map(|row| Out::read(row));
        let mut by_id: HashMap<i64, Out> = rows.map(|out| (out.id, out)).collect();
        let mut held = Vec::with_capacity(by_id.len());
        let mut gone = 0;
        let mut counted = HashSet::new();
        for (id, lease) in &self.leases {
            if !counted.insert((*id, *lease)) {
                continue;
            }
            let is_held = |out: &Out| {
                out.lease == Some(*lease) && out.due_us.is_some_and(|due| due > self.now_us)
            };
            match by_id.get(id).is_some_and(is_held) {
                true => held.extend(by_id.remove(id)),
                false => gone += 1,
            }
        }
        (held, gone)
    }

    /// What became of them, where none is leased any more.
    pub(super) fn settled(&self, outcome: Option<&Outcome>, gauges: &Gauges) -> Acked {
        let (held, gone) = self.held(outcome);
        gauges.settle(&self.lane.name, &self.group, held.len());
        Acked {
            acked: held.len() as u64,
            gone,
        }
    }
}

/// Reads what a group has out of some messages.
pub(super) fn read_out(lane: &Lane, group: &str, ids: impl Iterator<Item = i64>) -> Step {
    Step::read(tree(select(&OUT, &COLUMNS, out_of(lane, group, ids))))
}

/// The ordering keys of messages, each once.
pub(super) fn keys_of(out: &[Out]) -> Vec<String> {
    let mut keys: Vec<String> = out
        .iter()
        .filter_map(|out| out.ordering_key.clone())
        .collect();
    keys.sort();
    keys.dedup();
    keys
}

fn ack(of: OfGroup, rules: &QueueRules, gauges: &Gauges) -> Operation<Acked> {
    let ack = Arc::new(Ack {
        declared: rules.groups.clone(),
        keeps: rules.retention.is_some(),
        of,
    });
    let steps = vec![ack.of.read(), cursor::read_groups(&ack.of.lane), ack.look()];
    let gauges = gauges.clone();
    Operation::writing(ack.of.lane.reach(), steps, move |outcomes| {
        Ok(ack.of.settled(outcomes.first(), &gauges))
    })
}

impl Ack {
    /// The other groups, for which the log may still be needed.
    fn others(&self, outcomes: &[Outcome]) -> Vec<String> {
        let mut others = cursor::groups(outcomes.get(1), &self.declared);
        others.retain(|name| *name != self.of.group);
        others
    }

    /// Reads what these messages mean to others, then deletes them.
    fn look(self: &Arc<Ack>) -> Step {
        let ack = Arc::clone(self);
        Step::decide(move |outcomes| {
            let (held, _) = ack.of.held(outcomes.first());
            if held.is_empty() {
                return Ok(Vec::new());
            }
            let of = &ack.of;
            let mut steps = Vec::new();
            if !ack.keeps {
                for other in ack.others(outcomes) {
                    let ids = held.iter().map(|out| out.id);
                    steps.push(cursor::read(&of.lane, &other));
                    steps.push(read_out(&of.lane, &other, ids));
                }
            }
            let keys = keys_of(&held);
            if !keys.is_empty() {
                let ids = held.iter().map(|out| out.id);
                steps.push(cursor::read(&of.lane, &of.group));
                steps.extend(keys::read(&of.lane, &of.group, keys, ids));
            }
            steps.push(ack.done());
            Ok(steps)
        })
    }

    fn done(self: &Arc<Ack>) -> Step {
        let ack = Arc::clone(self);
        Step::decide(move |outcomes| {
            let of = &ack.of;
            let (held, _) = of.held(outcomes.first());
            let mut reads = outcomes.iter().skip(2);
            let mut done: Vec<&Out> = held.iter().collect();
            if ack.keeps {
                done.clear();
            } else {
                for _ in ack.others(outcomes) {
                    let standing = cursor::found(reads.next()).standing;
                    let rows = reads.next().map_or(&[][..], rows_of);
                    let out = rows.iter().filter_map(|row| Out::read(row));
                    let out: HashSet<i64> = out.map(|out| out.id).collect();
                    done.retain(|one| is_done(&standing, &out, one));
                }
            }
            let mut steps = Vec::new();
            let ids = held.iter().map(|out| out.id);
            steps.push(delete(&OUT, out_of(&of.lane, &of.group, ids)));
            let spots = done.iter().map(|out| out.spot);
            steps.extend(delete_log(&of.lane, spots.collect()));
            let keys = keys_of(&held);
            if !keys.is_empty() {
                let cursor = reads.next();
                steps.extend(freed(of, keys, &keys::found(reads), cursor));
            }
            Ok(steps)
        })
    }
}

/// Whether another group needs a message no more: it has read it, and has it out no more.
fn is_done(standing: &Standing, out: &HashSet<i64>, message: &Out) -> bool {
    let spot = message.spot;
    standing.has_read(spot.rank, spot.position, spot.place) && !out.contains(&message.id)
}

/// Makes the next message of each key due, of what [`keys::read`] and the cursor tell.
pub(super) fn freed(
    of: &OfGroup,
    keys: Vec<String>,
    out: &[Out],
    cursor: Option<&Outcome>,
) -> Option<Step> {
    let still = |key: &String| {
        let own = out
            .iter()
            .filter(|out| out.ordering_key.as_ref() == Some(key));
        let mut ahead = own.filter(|out| matches!(out.state, State::Leased | State::Waiting));
        ahead.all(|out| of.leases.iter().any(|(id, _)| *id == out.id))
    };
    let keys = keys.into_iter().filter(still).collect();
    let due_us = cursor::found(cursor).standing.not_below(of.now_us);
    put_out(
        &of.lane,
        &of.group,
        &keys::next_of(keys, out, due_us, of.now_us),
    )
}
