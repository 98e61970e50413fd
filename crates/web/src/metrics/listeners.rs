//! What `/metrics` tells of topics and of the change feed: of all of them together, as their names
//! are the callers'.

use super::gauge;
use pando_queue::changes::ChangesReport;
use pando_queue::topics::TopicsReport;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use std::sync::atomic::Ordering;

/// Read when they are asked for.
#[derive(Default)]
pub(super) struct ListenerMetrics {
    topics: Gauge,
    topic_subscribers: Gauge,
    ring: Gauge,
    published: Counter,
    delivered: Counter,
    lagged: Counter,
    change_subscribers: Gauge,
    changes_delivered: Counter,
    changes_lagged: Counter,
}

impl ListenerMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        let topics = registry.sub_registry_with_prefix("topics");
        topics.register(
            "active",
            "Topics that somebody listens to, or that are kept for those who come back",
            self.topics.clone(),
        );
        topics.register("subscribers", "Who listens", self.topic_subscribers.clone());
        topics.register_with_unit("ring", "What is kept", Unit::Bytes, self.ring.clone());
        topics.register(
            "published",
            "Messages published here",
            self.published.clone(),
        );
        topics.register(
            "delivered",
            "Messages given to subscribers, each counted",
            self.delivered.clone(),
        );
        topics.register(
            "lagged",
            "How often a subscriber was told of a gap",
            self.lagged.clone(),
        );
        let changes = registry.sub_registry_with_prefix("changes");
        changes.register(
            "subscribers",
            "Who listens",
            self.change_subscribers.clone(),
        );
        changes.register(
            "delivered",
            "Changes given to subscribers, each counted",
            self.changes_delivered.clone(),
        );
        changes.register(
            "lagged",
            "How often a subscriber was told of a gap",
            self.changes_lagged.clone(),
        );
    }

    pub(super) fn take(&self, topics: TopicsReport, changes: ChangesReport) {
        self.topics.set(gauge(topics.topics as u64));
        self.topic_subscribers.set(gauge(topics.subscribers as u64));
        self.ring.set(gauge(topics.ring_bytes as u64));
        self.change_subscribers
            .set(gauge(changes.subscribers as u64));
        for (counter, count) in [
            (&self.published, topics.published),
            (&self.delivered, topics.delivered),
            (&self.lagged, topics.gaps),
            (&self.changes_delivered, changes.delivered),
            (&self.changes_lagged, changes.gaps),
        ] {
            counter.inner().store(count, Ordering::Relaxed);
        }
    }
}
