//! Whether the store is known to fail at the moment.

use std::sync::atomic::{AtomicI64, Ordering};

/// So long a failure is taken for what goes on, unless the store has answered since.
const LASTS_US: i64 = 10_000_000;

/// When the store last failed, in microseconds since 1970.
#[derive(Debug)]
pub(super) struct Outage(AtomicI64);

impl Default for Outage {
    fn default() -> Outage {
        Outage(AtomicI64::new(i64::MIN))
    }
}

impl Outage {
    pub(super) fn saw_failure(&self, now_us: i64) {
        self.0.store(now_us, Ordering::Relaxed);
    }

    pub(super) fn saw_answer(&self) {
        self.0.store(i64::MIN, Ordering::Relaxed);
    }

    /// Whether it failed just now, and has not answered since.
    pub(super) fn lasts(&self, now_us: i64) -> bool {
        let failed_at_us = self.0.load(Ordering::Relaxed);
        now_us.saturating_sub(failed_at_us) < LASTS_US
    }
}
