//! Following the load: once a second it is looked how much there is to do, and decided how many
//! places for messages there are to be.

use crate::source::Backlog;
use crate::worker::Worker;
use pando_model::working::Change;
use pando_queue::{Decision, Load, Scaler};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

/// How often is decided.
const EVERY: Duration = Duration::from_secs(1);
/// Counting is put off so that it takes no more than a fiftieth of the time …
const COSTS_MAX: u32 = 50;
/// … and by no more than that.
const PUT_OFF_MAX: Duration = Duration::from_secs(10);

/// What has arrived, of what was leased and what is left.
///
/// What others of the group lease is not seen here as having arrived: each process follows what
/// it gets itself, and what is left by all.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    seen: Option<Seen>,
    arrived: u64,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    leased: u64,
    ready: u64,
}

impl Flow {
    /// Counts what is left.
    pub(crate) fn count(&mut self, leased: u64, ready: u64) {
        if let Some(before) = self.seen {
            let came = (leased + ready).saturating_sub(before.leased + before.ready);
            self.arrived += came;
        }
        self.seen = Some(Seen { leased, ready });
    }

    /// How much is left if nothing came since it was counted.
    pub(crate) fn left(&self, leased: u64) -> u64 {
        self.seen.map_or(0, |seen| {
            let since = leased.saturating_sub(seen.leased);
            seen.ready.saturating_sub(since)
        })
    }

    /// How many have arrived, going by what was leased since it was counted: more than was left then
    /// must have come.
    pub(crate) fn arrived(&self, leased: u64) -> u64 {
        self.seen.map_or(0, |seen| {
            let since = leased.saturating_sub(seen.leased);
            self.arrived + since.saturating_sub(seen.ready)
        })
    }
}

/// Decides until it is aborted.
pub(crate) async fn run(worker: Arc<Worker>, mut scaler: Scaler, wanted: watch::Sender<u32>) {
    let mut due = tokio::time::interval(EVERY);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut flow = Flow::default();
    let mut backlog = Backlog::default();
    let mut look_at = Instant::now();
    loop {
        due.tick().await;
        if let Some(kept_back) = worker.complaints.overdue(Instant::now()) {
            worker.tell_kept_back(kept_back);
        }
        if Instant::now() >= look_at {
            let began = Instant::now();
            match worker.source.fetch_backlog(&worker.place).await {
                Ok(found) => {
                    backlog = found;
                    flow.count(worker.stats.leased.load(Relaxed), found.ready);
                }
                Err(error) => {
                    tracing::debug!(worker = &*worker.name, %error, "could not count messages");
                }
            }
            look_at = began + (began.elapsed() * COSTS_MAX).min(PUT_OFF_MAX);
        }
        let now = *wanted.borrow();
        let load = load_of(&worker, &flow, &backlog, now);
        let decision = scaler.decide(&load);
        tell(&worker, &decision, &load);
        wanted.send_if_modified(|wanted| {
            std::mem::replace(wanted, decision.workers) != decision.workers
        });
    }
}

fn load_of(worker: &Worker, flow: &Flow, backlog: &Backlog, workers: u32) -> Load {
    let leased = worker.stats.leased.load(Relaxed);
    let left = flow.left(leased);
    let now_us = worker.clock.now_us();
    let age_us = backlog.oldest_us.map_or(0, |at| now_us.saturating_sub(at));
    let busy = worker.busy();
    // One that takes longer than others did says so before it is over.
    let service = worker.stats.service().max(worker.hand.under_way());
    Load {
        arrived: flow.arrived(leased),
        backlog: left,
        oldest: match left {
            0 => Duration::ZERO,
            _ => Duration::from_micros(u64::try_from(age_us).unwrap_or(0)),
        },
        service,
        workers,
        busy: busy.min(workers),
        draining: busy.saturating_sub(workers),
        headroom: None,
    }
}

/// Logs a change, and keeps why there are so many.
fn tell(worker: &Worker, decision: &Decision, load: &Load) {
    let mut told = worker.stats.told.lock();
    told.backlog = load.backlog;
    told.oldest = load.oldest;
    let reason = decision.to_string();
    if decision.now != decision.workers {
        let (from, to) = (decision.now, decision.workers);
        tracing::info!(
            worker = &*worker.name,
            queue = worker.place.queue,
            from,
            to,
            "{reason}"
        );
        told.change(Change {
            at_us: worker.clock.now_us(),
            from,
            to,
            reason: reason.clone(),
        });
    }
    told.reason = reason;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_before_has_not_arrived_and_what_was_leased_or_is_left_more_has() {
        let mut flow = Flow::default();
        flow.count(0, 1_000);
        assert_eq!((flow.arrived(0), flow.left(0)), (0, 1_000));
        // Leased of what was left.
        assert_eq!((flow.arrived(300), flow.left(300)), (0, 700));
        flow.count(300, 900);
        assert_eq!((flow.arrived(300), flow.left(300)), (200, 900));
        // More than was left.
        assert_eq!((flow.arrived(1_300), flow.left(1_300)), (300, 0));
        flow.count(1_300, 0);
        assert_eq!((flow.arrived(1_300), flow.left(1_300)), (300, 0));
    }

    #[test]
    fn what_others_lease_never_counts_backwards() {
        let mut flow = Flow::default();
        flow.count(0, 1_000);
        flow.count(10, 500);
        assert_eq!(flow.arrived(10), 0);
        flow.count(10, 600);
        assert_eq!(flow.arrived(10), 100);
    }
}
