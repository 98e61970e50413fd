//! How many workers a queue should have, and why.
//!
//! ```text
//! wanted = max(arrival × service ÷ utilisation, backlog × service ÷ drain_target)
//! ```
//!
//! The first term is Little's law (1961): so many are busy on average at that arrival; and
//! `utilisation` leaves room for arrivals that are not even. The second empties what waits within
//! `drain_target`. Both go by how long a message takes, which may be wrong or not known yet; so
//! there is a third, the **boost**, that goes by what was promised: when the oldest message that
//! could be leased is older than its objective and all workers are busy, there are to be more than
//! now, by the same ratio, up to twice.
//!
//! **Up at once, down slowly.** An arrival is measured over a few seconds
//! ([`ScalingConfig::window`]), so that a step is followed within ten. Fewer are wanted only if
//! none of the decisions of the last [`ScalingConfig::down_after`] wanted more (the stabilisation
//! window of Kubernetes' HorizontalPodAutoscaler), then a share of them at a time; and no further
//! step is taken while a worker of the last one still has a lease. The surplus is told to take no
//! more leases, and goes once it has none ([`Decision::drain`]). Nobody is stopped with a message
//! in hand.
//!
//! **Caps.** Never more than the store has headroom for: workers that wait for the store only make
//! it slower. That cap acts at once, by draining too. And never outside of `workers_min` and
//! `workers_max`, of which the first is stronger than the headroom, so that a queue goes on.
//!
//! A worker here is a place that has one message at a time; a process with a concurrency of eight
//! is eight. Nothing is started or stopped here. Whoever does it asks at an interval, a second or
//! so, and logs the [`Decision`].

mod arrival;
mod config;
mod reason;

pub use config::ScalingConfig;
pub use reason::{Ceiling, Decision, Demand, Reason};

use crate::config::{ConfigError, micros};
use arrival::Arrival;
use pando_model::clock::Clock;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// What is seen of a queue and its workers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Messages that have become visible since the queue was made; it never goes down.
    pub arrived: u64,
    /// Messages that could be leased now: neither delayed, nor held up by their ordering key.
    pub backlog: u64,
    /// How old the oldest of those is, from when it became visible.
    pub oldest: Duration,
    /// How long a worker has a message, on average of late; `None` while none was finished.
    pub service: Option<Duration>,
    /// Workers that take leases.
    pub workers: u32,
    /// Of these, how many have one.
    pub busy: u32,
    /// Workers that take no more leases, and still have one.
    pub draining: u32,
    /// How many workers the store has room for, where that is known.
    pub headroom: Option<u32>,
}

/// Decides for one queue.
#[derive(Debug)]
pub struct Scaler {
    config: ScalingConfig,
    clock: Arc<dyn Clock>,
    arrival: Arrival,
    /// What was wanted of late: when, and how many; only what none behind it exceeds.
    wanted: VecDeque<(i64, u32)>,
    /// When there were last fewer.
    down_at_us: Option<i64>,
    seen_us: i64,
}

impl Scaler {
    /// One that has seen nothing yet.
    pub fn new(config: ScalingConfig, clock: Arc<dyn Clock>) -> Result<Scaler, ConfigError> {
        config.validate()?;
        Ok(Scaler {
            arrival: Arrival::over(micros(config.window)),
            config,
            clock,
            wanted: VecDeque::new(),
            down_at_us: None,
            seen_us: i64::MIN,
        })
    }

    /// How many workers there should be, now that this is seen.
    pub fn decide(&mut self, load: &Load) -> Decision {
        let now_us = self.clock.now_us();
        if now_us < self.seen_us {
            // The clock was set back: what was measured with it says nothing any more.
            self.arrival.forget();
            self.wanted.clear();
            self.down_at_us = None;
        }
        self.seen_us = now_us;
        let arrival_per_s = self.arrival.observe(now_us, load.arrived);
        let (wanted, demand) = self.demand(load, arrival_per_s);
        // None at all would never find out that there is room again.
        let room = load.headroom.map_or(u32::MAX, |room| room.max(1));
        let bound = room.max(self.config.workers_min);
        let (capped, mut ceiling) = self.capped(wanted, bound);
        if self.wanted.is_empty() {
            // Nobody knows what was wanted before; those that are there were.
            self.remember(now_us, load.workers);
        }
        let highest = self.remember(now_us, capped);
        let now = load.workers;
        let (workers, reason) = if capped > now {
            (capped, Reason::Up(demand))
        } else if capped == now {
            (capped, Reason::Enough(demand))
        } else if now > bound {
            ceiling = Some(Ceiling::Headroom);
            (bound, Reason::Headroom(demand))
        } else if load.draining > 0 {
            let draining = load.draining;
            (now, Reason::Draining { demand, draining })
        } else if highest >= now {
            (now, Reason::WantedOfLate { demand, highest })
        } else if !self.may_step_down(now_us) {
            (now, Reason::SteppedDown(demand))
        } else {
            let step = (f64::from(now) * self.config.down_share).max(1.0) as u32;
            (now.saturating_sub(step).max(highest), Reason::Down(demand))
        };
        if workers < now {
            self.down_at_us = Some(now_us);
        }
        Decision {
            now,
            workers,
            reason,
            ceiling,
        }
    }

    /// How many the formula wants, without any bound.
    fn demand(&self, load: &Load, arrival_per_s: f64) -> (u32, Demand) {
        let ratio = load.oldest.as_secs_f64() / self.config.oldest_objective.as_secs_f64();
        let boosted = match load.workers {
            workers if ratio > 1.0 && load.backlog > 0 && load.busy >= workers => {
                whole(f64::from(workers.max(1)) * ratio.min(BOOST_MAX)).max(workers + 1)
            }
            _ => 0,
        };
        let boost = Demand::Oldest {
            oldest: load.oldest,
            objective: self.config.oldest_objective,
            workers: load.workers,
        };
        let Some(service) = load.service else {
            // One finds out how long it takes.
            let least = load.workers.max(u32::from(load.backlog > 0));
            return match boosted > least {
                true => (boosted, boost),
                false => (least, Demand::Unmeasured),
            };
        };
        let service_s = service.as_secs_f64();
        let by_arrival = whole(arrival_per_s * service_s / self.config.utilisation);
        let target_s = self.config.drain_target.as_secs_f64();
        let by_backlog = whole(load.backlog as f64 * service_s / target_s);
        if boosted > by_arrival.max(by_backlog) {
            (boosted, boost)
        } else if by_backlog > by_arrival {
            let demand = Demand::Backlog {
                backlog: load.backlog,
                service,
                drain_target: self.config.drain_target,
            };
            (by_backlog, demand)
        } else {
            let demand = Demand::Arrival {
                per_s: arrival_per_s,
                service,
                utilisation: self.config.utilisation,
            };
            (by_arrival, demand)
        }
    }

    /// `bound` is the store's headroom, or `workers_min` where that is more.
    fn capped(&self, wanted: u32, bound: u32) -> (u32, Option<Ceiling>) {
        let (least, most) = (self.config.workers_min, self.config.workers_max);
        match wanted {
            _ if wanted > bound && bound < most => (bound, Some(Ceiling::Headroom)),
            _ if wanted > most => (most, Some(Ceiling::Max)),
            _ if wanted < least => (least, Some(Ceiling::Min)),
            _ => (wanted, None),
        }
    }

    /// The most that was wanted of late, now included.
    fn remember(&mut self, now_us: i64, wanted: u32) -> u32 {
        let after_us = now_us.saturating_sub(micros(self.config.down_after));
        while self
            .wanted
            .back()
            .is_some_and(|(_, earlier)| *earlier <= wanted)
        {
            self.wanted.pop_back();
        }
        self.wanted.push_back((now_us, wanted));
        while self
            .wanted
            .front()
            .is_some_and(|(at_us, _)| *at_us <= after_us)
        {
            self.wanted.pop_front();
        }
        self.wanted.front().map_or(wanted, |(_, highest)| *highest)
    }

    fn may_step_down(&self, now_us: i64) -> bool {
        let every_us = micros(self.config.down_every);
        self.down_at_us
            .is_none_or(|at_us| now_us.saturating_sub(at_us) >= every_us)
    }
}

/// The boost doubles at most: it is asked for again in a second.
const BOOST_MAX: f64 = 2.0;

/// Up to the next whole number; what a sum of fractions is off by does not make one more.
fn whole(workers: f64) -> u32 {
    (workers - 1e-9).ceil().clamp(0.0, f64::from(u32::MAX / 4)) as u32
}

#[cfg(test)]
mod tests;
