//! One worker: what its tasks share, and how they begin and end.

use crate::complaint::Complaints;
use crate::config::WorkerConfig;
use crate::dispatch::{Dispatcher, Stopping};
use crate::hand::Hand;
use crate::handler::Handler;
use crate::rate::Bucket;
use crate::settle::{self, BATCH};
use crate::source::{Back, Place, Source};
use crate::stats::Stats;
use crate::{follow, keep};
use pando_model::clock::Clock;
use pando_model::working::WorkerReport;
use pando_queue::{ConfigError, Scaler};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, timeout_at};

/// What the tasks of a worker share.
pub(crate) struct Worker {
    pub(crate) config: WorkerConfig,
    pub(crate) name: Arc<str>,
    pub(crate) place: Arc<Place>,
    pub(crate) source: Arc<dyn Source>,
    pub(crate) handler: Arc<dyn Handler>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) hand: Hand,
    pub(crate) stats: Stats,
    pub(crate) complaints: Complaints,
}

/// A worker that runs.
pub(crate) struct Running {
    worker: Arc<Worker>,
    wanted: watch::Receiver<u32>,
    dispatcher: JoinHandle<()>,
    settler: JoinHandle<()>,
    others: [JoinHandle<()>; 2],
}

/// What came of a worker's end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stopped {
    /// Messages that were given back, as their time was up.
    pub released: u64,
    /// Leases that could not be settled: their messages come again when these have run out.
    pub left: u64,
}

/// Once attempts are over or cut off, so long is tried to settle them.
const SETTLED_WITHIN: Duration = Duration::from_secs(2);

impl Worker {
    /// How long a lease lasts.
    pub(crate) fn visibility(&self) -> Duration {
        let own = self.config.visibility;
        own.unwrap_or_else(|| self.source.visibility(&self.place))
    }

    /// How many messages are worked on.
    pub(crate) fn busy(&self) -> u32 {
        u32::try_from(self.hand.working()).unwrap_or(u32::MAX)
    }

    /// Logs that there were failures that were not logged.
    pub(crate) fn tell_kept_back(&self, kept_back: u64) {
        tracing::warn!(
            worker = &*self.name,
            queue = self.place.queue,
            kept_back,
            "more attempts failed"
        );
    }
}

impl Running {
    /// Starts its tasks.
    pub(crate) fn start(worker: Worker, stopping: Stopping) -> Result<Running, ConfigError> {
        worker.config.validate()?;
        let scaling = worker.config.scaling.clone();
        let scaler = Scaler::new(scaling.clone(), Arc::clone(&worker.clock))?;
        let worker = Arc::new(worker);
        let (wanting, wanted) = watch::channel(scaling.workers_min);
        // As many as there are places: each waits for room before it gives up its own.
        let room = (scaling.workers_max as usize).clamp(16, BATCH);
        let (finished, receiver) = mpsc::channel(room);
        let now_us = worker.clock.now_us();
        let dispatcher = Dispatcher {
            worker: Arc::clone(&worker),
            wanted: wanted.clone(),
            stopping,
            finished,
            bucket: worker.config.rate.map(|rate| Bucket::of(rate, now_us)),
            running: JoinSet::new(),
            pause: crate::dispatch::PAUSE,
        };
        Ok(Running {
            dispatcher: tokio::spawn(dispatcher.run()),
            settler: tokio::spawn(settle::run(Arc::clone(&worker), receiver)),
            others: [
                tokio::spawn(keep::run(Arc::clone(&worker))),
                tokio::spawn(follow::run(Arc::clone(&worker), scaler, wanting)),
            ],
            worker,
            wanted,
        })
    }

    /// Waits for its end, which somebody else has asked for: what was begun is over at `until`, or
    /// cut off; then what can be settled is.
    pub(crate) async fn stopped(mut self, until: Instant) -> Stopped {
        let [keeping, following] = &self.others;
        following.abort();
        // It ends at `until` by itself; a handler that does not yield is not waited for.
        let last = until + SETTLED_WITHIN;
        let _ = timeout_at(last, &mut self.dispatcher).await;
        self.dispatcher.abort();
        if timeout_at(last, &mut self.settler).await.is_err() {
            self.settler.abort();
        }
        let unused = self.worker.hand.unfinished();
        let mut released = 0;
        for tickets in unused.chunks(BATCH) {
            let given_back = settle::settle(&self.worker, tickets, Some(&Back::Unused));
            match timeout_at(last, given_back).await {
                Ok(()) => released += tickets.len() as u64,
                Err(_) => break,
            }
        }
        keeping.abort();
        match self.worker.complaints.left() {
            0 => {}
            kept_back => self.worker.tell_kept_back(kept_back),
        }
        self.worker.stats.released.fetch_add(released, Relaxed);
        Stopped {
            released,
            left: self.worker.hand.len() as u64,
        }
    }

    pub(crate) fn report(&self) -> WorkerReport {
        let worker = &self.worker;
        let stats = &worker.stats;
        let told = stats.told.lock().clone();
        let scaling = &worker.config.scaling;
        WorkerReport {
            name: worker.config.name.clone(),
            queue: worker.place.queue.clone(),
            group: worker.place.group.clone(),
            handler: worker.handler.describe(),
            min: scaling.workers_min,
            max: scaling.workers_max,
            wanted: *self.wanted.borrow(),
            busy: worker.busy(),
            begun: stats.begun.load(Relaxed),
            handled: stats.handled.load(Relaxed),
            failed: stats.failed.load(Relaxed),
            dead: stats.dead.load(Relaxed),
            released: stats.released.load(Relaxed),
            gone: stats.gone.load(Relaxed),
            took: stats.took(),
            service: stats.service(),
            backlog: told.backlog,
            oldest: told.oldest,
            reason: told.reason,
            changes: told.changes.into_iter().collect(),
            trouble: told.trouble,
            last_error: told.last_error,
        }
    }
}
