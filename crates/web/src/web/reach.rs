//! What requests reach of the web tier.

use super::{Policy, Web};
use crate::admin::Admin;
use crate::config::{Limits, Sessions, Streams};
use crate::deadline::Deadline;
use crate::health::Phase;
use crate::idempotency::UnderWay;
use crate::metrics::Metrics;
use crate::queue::{Clock, Waiting};
use crate::stamps::StampHeaders;
use arc_swap::Guard;
use pando_queue::changes::Changes;
use pando_queue::topics::Topics;
use pando_store::Store;
use std::sync::Arc;
use std::time::{Duration, Instant};

impl Web {
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The same for what goes on when the request is answered.
    pub(crate) fn shared_store(&self) -> Arc<Store> {
        Arc::clone(&self.store)
    }

    pub(crate) fn admin(&self) -> &dyn Admin {
        self.admin.as_ref()
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    pub(crate) fn streams(&self) -> &Streams {
        &self.streams
    }

    pub(crate) fn topics(&self) -> &Topics {
        &self.topics
    }

    /// Whose changes can be listened to; `None` in a tier that serves no connections.
    pub(crate) fn changes(&self) -> Option<&Changes> {
        self.changes.as_deref()
    }

    /// Ends what goes on behind its answer: whoever listens is to come back, to another process
    /// or to this one's successor.
    pub(crate) fn end_streams(&self) {
        self.topics.close();
        if let Some(changes) = &self.changes {
            changes.close();
        }
    }

    pub(crate) fn policy(&self) -> Guard<Arc<Policy>> {
        self.policy.load()
    }

    pub(crate) fn under_way(&self) -> &UnderWay {
        &self.under_way
    }

    pub(crate) fn waiting(&self) -> &Waiting {
        &self.waiting
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The end of the time of a request that begins now.
    pub(crate) fn deadline(&self) -> Deadline {
        self.deadline_from(Instant::now())
    }

    pub(super) fn deadline_from(&self, started: Instant) -> Deadline {
        Deadline::after(started, self.limits.request_timeout, self.limits.write_wait)
    }

    pub(crate) fn stamps(&self) -> &StampHeaders {
        &self.stamps
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(crate) fn phase(&self) -> Phase {
        self.life.phase()
    }

    pub(crate) fn drain(&self) {
        self.life.drain();
        self.waiting.close();
    }

    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn auth_required(&self) -> bool {
        self.policy.load().auth_required
    }
}
