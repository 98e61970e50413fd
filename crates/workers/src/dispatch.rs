//! The dispatcher of a worker: leases as many messages as there is room for, and hands each to a
//! place of its own. Nothing is leased that is not begun at once, so no message waits here while
//! somebody else could have it.

use crate::handler::{Job, Verdict};
use crate::rate::Bucket;
use crate::settle::Finished;
use crate::source::{Delivery, SourceError};
use crate::worker::Worker;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// How long is waited for a message before it is looked whether there is something else to do.
const WAIT: Duration = Duration::from_secs(10);
/// How long is waited where there should have been a message and was none, and after a failure;
/// doubled each time.
pub(crate) const PAUSE: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_millis(250);
const PAUSE_AFTER_FAILURE_MAX: Duration = Duration::from_secs(5);

/// When a worker is to stop: not yet, or now, with so long for what was begun.
pub(crate) type Stopping = watch::Receiver<Option<Instant>>;

/// See the module.
pub(crate) struct Dispatcher {
    pub(crate) worker: Arc<Worker>,
    pub(crate) wanted: watch::Receiver<u32>,
    pub(crate) stopping: Stopping,
    pub(crate) finished: mpsc::Sender<Finished>,
    pub(crate) bucket: Option<Bucket>,
    pub(crate) running: JoinSet<()>,
    pub(crate) pause: Duration,
}

impl Dispatcher {
    /// Works until it is told to stop, then until what was begun is over or its time is.
    pub(crate) async fn run(mut self) {
        while self.stopping.borrow().is_none() {
            while self.running.try_join_next().is_some() {}
            self.turn().await;
        }
        let until = self.stopping.borrow().unwrap_or_else(Instant::now);
        let all = async { while self.running.join_next().await.is_some() {} };
        if timeout_at(until, all).await.is_err() {
            self.running.shutdown().await;
        }
    }

    /// One lease, or a wait for what stands in its way.
    async fn turn(&mut self) {
        let wanted = *self.wanted.borrow_and_update() as usize;
        let free = wanted.saturating_sub(self.running.len());
        if free == 0 {
            tokio::select! {
                _ = self.running.join_next(), if !self.running.is_empty() => {}
                _ = self.wanted.changed() => {}
                _ = self.stopping.changed() => {}
            }
            return;
        }
        let now_us = self.worker.clock.now_us();
        let may = self.bucket.as_mut().map(|bucket| bucket.whole(now_us));
        let max = may.map_or(free, |may| may.min(free));
        if max == 0 {
            let next = self.bucket.as_ref().map_or(PAUSE, Bucket::next);
            return self.rest(next).await;
        }
        match self.lease(max).await {
            None => {}
            Some(Err(error)) => self.fail(&error).await,
            Some(Ok(deliveries)) if deliveries.is_empty() => {
                self.worker.stats.told.lock().trouble = None;
                self.idle().await;
            }
            Some(Ok(deliveries)) => {
                self.worker.stats.told.lock().trouble = None;
                self.pause = PAUSE;
                let is_short = deliveries.len() < max;
                self.begin(deliveries);
                if is_short {
                    self.wait().await;
                }
            }
        }
    }

    /// Leases. It is let come to its end when the worker is to stop: what it leased can be given
    /// back then.
    async fn lease(
        &mut self,
        max: usize,
    ) -> Option<crate::source::Result<Vec<(Delivery, Instant)>>> {
        let worker = Arc::clone(&self.worker);
        let asked = Instant::now();
        let visibility = worker.visibility();
        let lease = worker.source.lease(&worker.place, max, visibility);
        let mut stopping = self.stopping.clone();
        let until = async {
            let until = stopping.wait_for(Option::is_some).await.map(|until| *until);
            // Where nobody is left who could say until when it is over now.
            if let Ok(Some(until)) = until {
                tokio::time::sleep_until(until).await;
            }
        };
        tokio::select! {
            leased = lease => {
                Some(leased.map(|all| all.into_iter().map(|one| (one, asked)).collect()))
            }
            () = until => None,
        }
    }

    /// Hands messages to places. When the worker is to stop nothing is begun any more; they are in
    /// hand, and given back with the others.
    fn begin(&mut self, deliveries: Vec<(Delivery, Instant)>) {
        let worker = &self.worker;
        worker
            .stats
            .leased
            .fetch_add(deliveries.len() as u64, Relaxed);
        let is_stopping = self.stopping.borrow().is_some();
        if let Some(bucket) = self.bucket.as_mut().filter(|_| !is_stopping) {
            bucket.take(deliveries.len());
        }
        for (delivery, asked) in deliveries {
            let ticket = worker.hand.take(delivery.lease, asked);
            if is_stopping {
                continue;
            }
            worker.stats.begun.fetch_add(1, Relaxed);
            let job = Job {
                worker: Arc::clone(&worker.name),
                place: Arc::clone(&worker.place),
                attempt: delivery.attempt,
                message: delivery.message,
            };
            let (worker, finished) = (Arc::clone(worker), self.finished.clone());
            self.running.spawn(async move {
                let verdict = attempt(&worker, &job).await;
                // Who aborts this before it is sent finds it unfinished, and gives it back.
                if finished.send(Finished { ticket, verdict }).await.is_ok() {
                    worker.hand.finish(ticket);
                }
            });
        }
    }

    /// There was nothing, though there may have been said to be.
    async fn idle(&mut self) {
        self.rest(self.pause).await;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        self.wait().await;
    }

    async fn wait(&mut self) {
        let worker = &self.worker;
        tokio::select! {
            () = worker.source.wait(&worker.place, WAIT) => {}
            _ = self.stopping.changed() => {}
        }
    }

    async fn fail(&mut self, error: &SourceError) {
        let worker = &self.worker;
        let message = error.to_string();
        let before = worker.stats.told.lock().trouble.replace(message.clone());
        match before {
            None => tracing::warn!(worker = &*worker.name, error = message, "could not lease"),
            Some(_) => tracing::debug!(worker = &*worker.name, error = message, "could not lease"),
        }
        self.rest(self.pause).await;
        self.pause = (self.pause * 2).min(PAUSE_AFTER_FAILURE_MAX);
    }

    /// Waits, unless the worker is to stop.
    async fn rest(&mut self, pause: Duration) {
        tokio::select! {
            () = sleep(pause) => {}
            _ = self.stopping.changed() => {}
        }
    }
}

/// Has a message worked on, for as long as the worker allows.
async fn attempt(worker: &Worker, job: &Job) -> Verdict {
    let began = Instant::now();
    let handling = AssertUnwindSafe(worker.handler.handle(job)).catch_unwind();
    let allowed = worker.config.timeout;
    let verdict = match timeout(allowed, handling).await {
        Ok(Ok(verdict)) => verdict,
        Ok(Err(_)) => Verdict::failed("the handler panicked"),
        Err(_) => Verdict::failed(format!(
            "it took longer than the worker's timeout, {allowed:?}"
        )),
    };
    worker.stats.count(&verdict, began.elapsed());
    complain(worker, job, &verdict);
    verdict
}

/// Logs a failure, unless there was another just now. Neither the message nor what the application
/// said is in it.
fn complain(worker: &Worker, job: &Job, verdict: &Verdict) {
    let (error, told) = match verdict {
        Verdict::Done => return,
        Verdict::Failed { error, .. } => (&error.what, "an attempt failed"),
        Verdict::Dead { error } => (
            &error.what,
            "an attempt failed for good: the message is a dead letter",
        ),
    };
    let Some(kept_back) = worker.complaints.add(Instant::now()) else {
        return;
    };
    tracing::warn!(
        worker = &*worker.name,
        queue = job.place.queue,
        group = job.place.group,
        message_id = job.message.id,
        attempt = job.attempt,
        error,
        kept_back,
        "{told}"
    );
}
