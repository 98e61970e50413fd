//! What is counted of a worker.

use crate::handler::Verdict;
use pando_model::working::{Change, Durations};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// From a call within the machine to a job of an hour.
const BOUNDS: [f64; 15] = [
    0.001,
    0.003,
    0.01,
    0.03,
    0.1,
    0.3,
    1.0,
    3.0,
    10.0,
    30.0,
    100.0,
    300.0,
    1_000.0,
    3_600.0,
    f64::INFINITY,
];
/// Of how long a message takes, so much is the last one's doing: the last ten or so count.
const WEIGHT: f64 = 0.1;
/// Changes that are told.
const CHANGES_MAX: usize = 32;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    pub(crate) leased: AtomicU64,
    pub(crate) begun: AtomicU64,
    pub(crate) handled: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) dead: AtomicU64,
    pub(crate) released: AtomicU64,
    pub(crate) gone: AtomicU64,
    took: [AtomicU64; BOUNDS.len()],
    took_us: AtomicU64,
    service_s: Mutex<Option<f64>>,
    pub(crate) told: Mutex<Told>,
}

/// What is told in words.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub(crate) backlog: u64,
    pub(crate) oldest: Duration,
    pub(crate) reason: String,
    pub(crate) changes: VecDeque<Change>,
    pub(crate) trouble: Option<String>,
    pub(crate) last_error: Option<String>,
}

impl Stats {
    /// Counts an attempt.
    pub(crate) fn count(&self, verdict: &Verdict, took: Duration) {
        let (counter, error) = match verdict {
            Verdict::Done => (&self.handled, None),
            Verdict::Failed { error, .. } => (&self.failed, Some(error)),
            Verdict::Dead { error } => (&self.dead, Some(error)),
        };
        counter.fetch_add(1, Relaxed);
        if let Some(error) = error {
            self.told.lock().last_error = Some(error.to_string());
        }
        let seconds = took.as_secs_f64();
        let class = BOUNDS.iter().position(|bound| seconds <= *bound);
        if let Some(class) = class.and_then(|class| self.took.get(class)) {
            class.fetch_add(1, Relaxed);
        }
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.took_us.fetch_add(us, Relaxed);
        let mut service = self.service_s.lock();
        *service = Some(match *service {
            Some(before) => before + (seconds - before) * WEIGHT,
            None => seconds,
        });
    }

    /// How long a message takes, on average of late.
    pub(crate) fn service(&self) -> Option<Duration> {
        let seconds = *self.service_s.lock();
        seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
    }

    pub(crate) fn took(&self) -> Durations {
        let counts = self.took.iter().map(|class| class.load(Relaxed));
        Durations {
            classes: BOUNDS.into_iter().zip(counts).collect(),
            sum_seconds: self.took_us.load(Relaxed) as f64 / 1e6,
        }
    }
}

impl Told {
    pub(crate) fn change(&mut self, change: Change) {
        if self.changes.len() == CHANGES_MAX {
            self.changes.pop_front();
        }
        self.changes.push_back(change);
    }
}
