//! Giving a message back, and keeping it for longer.

use super::Gauges;
use super::ack::{Acked, OfGroup, freed, keys_of};
use super::cursor;
use super::keys;
use super::lease::checked_visibility;
use super::relation::{OUT, out};
use super::row::{Out, out_of, put_out};
use super::token::LeaseToken;
use crate::operation::Operation;
use crate::refused;
use crate::session::Result;
use crate::store::Store;
use pando_model::engine::{Outcome, Step};
use pando_model::plan::{Change, Update};
use pando_model::value::Value;
use pando_queue::{Backoff, Failure, Next};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::sync::Arc;
use std::time::Duration;

/// Bytes of an error that are kept.
const ERROR_BYTES_MAX: usize = 4 << 10;
/// Longer waits than that are a slip of the pen.
const DELAY_MAX: Duration = Duration::from_secs(366 * 86_400);

/// How messages are given back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nack {
    /// When they can be leased again, instead of what backoff says.
    pub delay: Option<Duration>,
    /// What went wrong: kept with a dead letter.
    pub error: Option<String>,
}

impl Nack {
    /// The same with as much of its error as is kept; refused where its delay is too long.
    pub(super) fn checked(self) -> Result<Nack> {
        if self.delay.is_some_and(|delay| delay > DELAY_MAX) {
            return Err(refused::unprocessable("delay is 366 days at most").into());
        }
        Ok(Nack {
            delay: self.delay,
            error: self.error.map(kept),
        })
    }
}

/// What is to become of messages that are given back.
#[derive(Clone)]
enum How {
    /// Another attempt, if there is one left.
    Failed(Nack),
    /// None, whatever is left.
    Buried(String),
    /// The same one again.
    Unused,
}

struct GivingBack {
    of: OfGroup,
    how: How,
    backoff: Backoff,
    seed: u64,
}

impl Store {
    /// Gives leased messages back; those whose attempts are used up are dead letters then.
    pub fn queue_nack(
        &self,
        queue: &str,
        leases: Vec<LeaseToken>,
        nack: Nack,
    ) -> Result<Operation<Acked>> {
        self.give_back(queue, leases, &How::Failed(nack.checked()?))
    }

    /// Makes leased messages dead letters at once: no further attempt could succeed.
    pub fn queue_bury(
        &self,
        queue: &str,
        leases: Vec<LeaseToken>,
        error: String,
    ) -> Result<Operation<Acked>> {
        self.give_back(queue, leases, &How::Buried(kept(error)))
    }

    /// Gives leased messages back that nobody worked on: they can be leased at once, and the attempt
    /// does not count.
    pub fn queue_unlease(&self, queue: &str, leases: Vec<LeaseToken>) -> Result<Operation<Acked>> {
        self.give_back(queue, leases, &How::Unused)
    }

    fn give_back(
        &self,
        queue: &str,
        leases: Vec<LeaseToken>,
        how: &How,
    ) -> Result<Operation<Acked>> {
        let rules = self.queue_rules(queue);
        let groups = self.leases_of_groups(queue, leases)?;
        let each = groups.into_iter().map(|of| {
            // Chance that is the same whenever the transaction is carried out again.
            let seed = of.leases.first().map_or(0, |(id, lease)| id ^ lease);
            let back = GivingBack {
                seed: seed.cast_unsigned(),
                of,
                how: how.clone(),
                backoff: rules.backoff.clone(),
            };
            give_back(back, self.gauges().clone())
        });
        Ok(sum(Operation::all(each.collect(), |_| {})))
    }

    /// Keeps leased messages for `visibility` from now on.
    pub fn queue_extend(
        &self,
        queue: &str,
        leases: Vec<LeaseToken>,
        visibility: Option<Duration>,
    ) -> Result<Operation<Acked>> {
        let visibility = visibility.unwrap_or(self.queue_rules(queue).visibility);
        let visibility_us = checked_visibility(visibility)?;
        let groups = self.leases_of_groups(queue, leases)?;
        let each = groups.into_iter().map(|of| extend(of, visibility_us));
        Ok(sum(Operation::all(each.collect(), |_| {})))
    }
}

fn sum(all: Operation<Vec<Acked>>) -> Operation<Acked> {
    all.map(|all| {
        Ok(all.iter().fold(Acked::default(), |sum, one| Acked {
            acked: sum.acked + one.acked,
            gone: sum.gone + one.gone,
        }))
    })
}

/// As much of an error as is kept; a text with U+0000 cannot be stored.
fn kept(error: String) -> String {
    let mut error = error.replace('\0', "\u{FFFD}");
    let mut end = ERROR_BYTES_MAX.min(error.len());
    while !error.is_char_boundary(end) {
        end -= 1;
    }
    error.truncate(end);
    error
}

fn give_back(back: GivingBack, gauges: Gauges) -> Operation<Acked> {
    let back = Arc::new(back);
    let of = &back.of;
    let steps = vec![of.read(), cursor::read(&of.lane, &of.group), back.look()];
    Operation::writing(of.lane.reach(), steps, move |outcomes| {
        Ok(back.of.settled(outcomes.first(), &gauges))
    })
}

impl GivingBack {
    /// What becomes of each, and the keys that wait for another no more.
    fn decided(&self, outcomes: &[Outcome]) -> (Vec<Out>, Vec<String>) {
        let (held, _) = self.of.held(outcomes.first());
        let standing = cursor::found(outcomes.get(1)).standing;
        let mut random = StdRng::seed_from_u64(self.seed);
        let now_us = self.of.now_us;
        let (mut rows, mut dead) = (Vec::new(), Vec::new());
        for out in held {
            let (delay, error) = match &self.how {
                How::Failed(nack) => (nack.delay, nack.error.clone()),
                How::Buried(error) => {
                    let out = out.dead(error.clone(), now_us);
                    dead.push(out.clone());
                    rows.push(out);
                    continue;
                }
                How::Unused => {
                    let at_us = standing.not_below(now_us);
                    rows.push(out.unused(at_us, now_us));
                    continue;
                }
            };
            let failure = Failure::Nacked { delay };
            let next = self
                .backoff
                .after(failure, out.attempt, now_us, &mut random);
            rows.push(match next {
                Next::Visible { at_us } => {
                    let mut out = out.waiting(standing.not_below(at_us), now_us);
                    out.error = error.or(out.error);
                    out
                }
                Next::Dead(why) => {
                    let out = out.dead(error.unwrap_or_else(|| why.to_string()), now_us);
                    dead.push(out.clone());
                    out
                }
            });
        }
        (rows, keys_of(&dead))
    }

    fn look(self: &Arc<GivingBack>) -> Step {
        let back = Arc::clone(self);
        Step::decide(move |outcomes| {
            let of = &back.of;
            let (rows, keys) = back.decided(outcomes);
            let mut steps: Vec<Step> = put_out(&of.lane, &of.group, &rows).into_iter().collect();
            if !keys.is_empty() {
                // The dead are not among what is found.
                let ids = of.leases.iter().map(|(id, _)| *id);
                steps.extend(keys::read(&of.lane, &of.group, keys.clone(), ids));
                let back = Arc::clone(&back);
                steps.push(Step::decide(move |outcomes| {
                    let out = keys::found(outcomes.iter().skip(2));
                    let freed = freed(&back.of, keys.clone(), &out, outcomes.get(1));
                    Ok(freed.into_iter().collect())
                }));
            }
            Ok(steps)
        })
    }
}

fn extend(of: OfGroup, visibility_us: i64) -> Operation<Acked> {
    let own = of.clone();
    let decide = Step::decide(move |outcomes| {
        let (held, _) = own.held(outcomes.first());
        if held.is_empty() {
            return Ok(Vec::new());
        }
        let standing = cursor::found(outcomes.get(1)).standing;
        let due_us = standing.not_below(own.now_us.saturating_add(visibility_us));
        let ids = held.iter().map(|out| out.id);
        Ok(vec![Step::from(Change::Update(Update {
            table: Arc::clone(&OUT),
            filter: out_of(&own.lane, &own.group, ids),
            set: vec![(out::DUE, Value::Timestamp(due_us))],
            max_affected: None,
            returning: None,
        }))])
    });
    let steps = vec![of.read(), cursor::read(&of.lane, &of.group), decide];
    Operation::writing(of.lane.reach(), steps, move |outcomes| {
        let (held, gone) = of.held(outcomes.first());
        Ok(Acked {
            acked: held.len() as u64,
            gone,
        })
    })
}
