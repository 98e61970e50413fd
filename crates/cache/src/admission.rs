//! Admission: how many loads may be on the store at once, by the headroom that is measured, so
//! that a cold cache, or one that is down, does not take the store with it.
//!
//! The limit follows how long loads take, as Netflix's concurrency-limits does (`Gradient2Limit`):
//! after each window of answers it becomes `limit × gradient + √limit`, where the gradient is
//! `tolerance × base ÷ mean` within `[½, 1]`; a window in which loads failed takes a tenth off
//! (AIMD). Where a store serves `c` at once in the time `base`, and lets others wait, that comes
//! to rest at about `tolerance × c + √limit`.
//!
//! `base` is what a load takes without a queue. A mean over time drifts up with an overload that
//! lasts, until it is the rule; so it is measured, as BBR does with its ProbeRTT (Cardwell et al.:
//! BBR: Congestion-Based Congestion Control, ACM Queue 14(5), 2016): every
//! [`AdmissionConfig::base_for`] the limit goes down to its least for one window.
//!
//! Who finds no room waits in line, for as long as he says and no longer; the line is bounded.
//! Nothing here keeps a timer: [`Place::admitted`] waits for what is told to it, and whoever waits
//! bounds that by [`Place::deadline_us`].

mod limit;

pub use limit::AdmissionConfig;

use crate::config::ConfigError;
use limit::Limit;
use pando_model::clock::Clock;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// The way to one store.
pub struct Admission {
    config: AdmissionConfig,
    clock: Arc<dyn Clock>,
    inside: Mutex<Inside>,
}

struct Inside {
    limit: Limit,
    under_way: usize,
    line: VecDeque<Waiter>,
}

struct Waiter {
    deadline_us: i64,
    tell: oneshot::Sender<Permit>,
}

/// What is said to one who asks for a load.
#[derive(Debug)]
pub enum Asked {
    /// He may load.
    Admitted(Permit),
    /// He is told when he may.
    InLine(Place),
}

/// A load that was let through. What became of it is to be told; one that is dropped says nothing.
#[derive(Debug)]
#[must_use = "what became of the load is to be told"]
pub struct Permit {
    admission: Arc<Admission>,
    began_us: i64,
    told: Option<bool>,
}

/// A place in line. Dropping it gives it up.
#[derive(Debug)]
pub struct Place {
    told: oneshot::Receiver<Permit>,
    deadline_us: i64,
}

/// No load now. The store was not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    /// All the places in line are taken.
    #[error("the store has no headroom: {waiting} loads wait for {limit} places")]
    LineFull {
        /// How many wait.
        waiting: usize,
        /// How many may load at once.
        limit: usize,
        /// How long those who wait will take.
        retry_after: Duration,
    },
    /// No place was free for as long as he would wait.
    #[error("the store has no headroom: no place was free in time")]
    TooLate,
}

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headroom {
    /// How many may load at once.
    pub limit: usize,
    /// How many do.
    pub under_way: usize,
    /// How many wait.
    pub waiting: usize,
    /// What a load takes without a queue, as far as that is known.
    pub base: Option<Duration>,
}

impl Admission {
    /// A way on which nobody is.
    pub fn new(
        config: AdmissionConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Admission>, ConfigError> {
        config.validate()?;
        let inside = Mutex::new(Inside {
            limit: Limit::new(&config),
            under_way: 0,
            line: VecDeque::new(),
        });
        Ok(Arc::new(Admission {
            config,
            clock,
            inside,
        }))
    }

    /// Asks for a load, and would wait so long for it. First come, first served.
    pub fn ask(self: &Arc<Self>, patience: Duration) -> Result<Asked, NotAdmitted> {
        let now_us = self.clock.now_us();
        let mut inside = self.inside.lock();
        if inside.line.is_empty() && inside.has_room() {
            inside.under_way += 1;
            let under_way = inside.under_way;
            inside.limit.used(under_way);
            return Ok(Asked::Admitted(self.permit(now_us)));
        }
        if inside.line.len() >= self.config.waiting_max {
            // Whoever has left need not be waited for.
            inside.line.retain(|waiter| waiter.waits(now_us));
        }
        if inside.line.len() >= self.config.waiting_max {
            let (waiting, limit) = (inside.line.len(), inside.limit.now());
            return Err(NotAdmitted::LineFull {
                waiting,
                limit,
                retry_after: inside.limit.drains_in(waiting),
            });
        }
        let (tell, told) = oneshot::channel();
        let patience_us = i64::try_from(patience.as_micros()).unwrap_or(i64::MAX);
        let deadline_us = now_us.saturating_add(patience_us);
        inside.line.push_back(Waiter { deadline_us, tell });
        Ok(Asked::InLine(Place { told, deadline_us }))
    }

    /// How it stands.
    pub fn headroom(&self) -> Headroom {
        let inside = self.inside.lock();
        Headroom {
            limit: inside.limit.now(),
            under_way: inside.under_way,
            waiting: inside.line.len(),
            base: inside.limit.base(),
        }
    }

    fn permit(self: &Arc<Self>, now_us: i64) -> Permit {
        Permit {
            admission: Arc::clone(self),
            began_us: now_us,
            told: None,
        }
    }

    /// A load is over: those who stand first in line take the places that are free now.
    fn over(self: &Arc<Self>, began_us: i64, told: Option<bool>) {
        let now_us = self.clock.now_us();
        let mut inside = self.inside.lock();
        inside.under_way -= 1;
        if let Some(is_answered) = told {
            inside.limit.observe(now_us, began_us, is_answered);
        }
        let mut next = Vec::new();
        while inside.has_room()
            && let Some(waiter) = inside.line.pop_front()
        {
            if waiter.waits(now_us) {
                inside.under_way += 1;
                next.push(waiter);
            }
        }
        let under_way = inside.under_way;
        inside.limit.used(under_way);
        drop(inside);
        for waiter in next {
            // Who left meanwhile hands the permit back, and with it the place to the next one.
            let _ = waiter.tell.send(self.permit(now_us));
        }
    }
}

impl Permit {
    /// The store answered; by a refusal too. How long it took is taken into account.
    pub fn succeeded(mut self) {
        self.told = Some(true);
    }

    /// The store did not answer, or not in time.
    pub fn failed(mut self) {
        self.told = Some(false);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.admission.over(self.began_us, self.told);
    }
}

impl Place {
    /// Waits for a place that is free. It may wait beyond the deadline: whoever calls it keeps
    /// the timer, and drops this at the end of his patience.
    pub async fn admitted(self) -> Result<Permit, NotAdmitted> {
        self.told.await.map_err(|_| NotAdmitted::TooLate)
    }

    /// When he who waits will not any more, in microseconds since 1970.
    pub fn deadline_us(&self) -> i64 {
        self.deadline_us
    }
}

impl Inside {
    fn has_room(&self) -> bool {
        self.under_way < self.limit.now()
    }
}

impl Waiter {
    /// Dropping one that does not tells it that it was too late.
    fn waits(&self, now_us: i64) -> bool {
        !self.tell.is_closed() && now_us < self.deadline_us
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission")
            .field("config", &self.config)
            .field("headroom", &self.headroom())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
