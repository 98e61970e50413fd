//! What is told of queues.

use crate::queue::{Counted, Rates};
use pando_store::Store;
use pando_store::queue::Depth;
use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicU64;
use tokio::time::Instant;

/// The label of queues that are not declared: callers name them, so there may be any number.
const OTHERS: &str = "(others)";

/// Counters of this process, and how full the queues are that are declared.
pub(crate) struct QueueMetrics {
    declared: BTreeSet<String>,
    published: Family<Queue, Counter>,
    leased: Family<Queue, Counter>,
    retried: Family<Queue, Counter>,
    acked: Family<Queue, Counter>,
    nacked: Family<Queue, Counter>,
    extended: Family<Queue, Counter>,
    redriven: Family<Queue, Counter>,
    waiting: Gauge,
    rates: Rates,
    depths: Depths,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Queue {
    queue: String,
}

/// Both are declared, so there are as many as the operator has written down.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Group {
    queue: String,
    group: String,
}

/// How full queues are, as groups see them.
#[derive(Default)]
struct Depths {
    measured: Mutex<BTreeMap<(String, String), Depth>>,
    ready: Family<Group, Gauge>,
    in_flight: Family<Group, Gauge>,
    delayed: Family<Group, Gauge>,
    scheduled: Family<Group, Gauge>,
    dead: Family<Group, Gauge>,
    oldest_age: Family<Group, Gauge<f64, AtomicU64>>,
}

impl QueueMetrics {
    pub(super) fn new(store: &Store, registry: &mut Registry) -> QueueMetrics {
        let metrics = QueueMetrics {
            declared: store.config().queues.declared.keys().cloned().collect(),
            published: Family::default(),
            leased: Family::default(),
            retried: Family::default(),
            acked: Family::default(),
            nacked: Family::default(),
            extended: Family::default(),
            redriven: Family::default(),
            waiting: Gauge::default(),
            rates: Rates::default(),
            depths: Depths::default(),
        };
        metrics.depths.register(registry);
        let all = [
            ("published", "Messages published", &metrics.published),
            ("leased", "Messages leased", &metrics.leased),
            (
                "retried",
                "Messages leased for the second time or later",
                &metrics.retried,
            ),
            ("acked", "Messages acknowledged", &metrics.acked),
            ("nacked", "Messages given back", &metrics.nacked),
            ("extended", "Leases extended", &metrics.extended),
            (
                "redriven",
                "Dead letters given another chance",
                &metrics.redriven,
            ),
        ];
        for (name, help, family) in all {
            let help = format!("{help} through this process");
            registry.register(name, help, Family::clone(family));
        }
        registry.register(
            "waiting",
            "Leases that wait for a message in this process",
            metrics.waiting.clone(),
        );
        metrics
    }

    /// How many wait now, and what was measured last.
    pub(super) fn take(&self, waiting: usize, now_us: i64) {
        self.waiting.set(super::gauge(waiting as u64));
        self.depths.take(now_us);
    }

    /// Keeps what was measured of a group of a declared queue; `None` where it could not be.
    pub(crate) fn keep(&self, queue: &str, group: &str, depth: Option<Depth>) {
        let key = (queue.to_owned(), group.to_owned());
        let mut measured = self.depths.measured.lock();
        match depth {
            Some(depth) => measured.insert(key, depth),
            None => measured.remove(&key),
        };
    }

    /// How fast queues go.
    pub(crate) fn rates(&self) -> &Rates {
        &self.rates
    }

    /// Counts messages.
    pub(crate) fn count(&self, what: Counted, queue: &str, messages: u64) {
        let family = match what {
            Counted::Published => &self.published,
            Counted::Leased => &self.leased,
            Counted::Retried => &self.retried,
            Counted::Acked => &self.acked,
            Counted::Nacked => &self.nacked,
            Counted::Extended => &self.extended,
            Counted::Redriven => &self.redriven,
            Counted::Replayed => return,
        };
        self.rates.count(what, queue, messages, Instant::now());
        let queue = match self.declared.contains(queue) {
            true => queue,
            false => OTHERS,
        };
        let labels = Queue {
            queue: queue.to_owned(),
        };
        family.get_or_create(&labels).inc_by(messages);
    }
}

impl Depths {
    fn register(&self, registry: &mut Registry) {
        let all = [
            ("ready", "Messages that nobody has had", &self.ready),
            ("in_flight", "Messages that are leased", &self.in_flight),
            (
                "delayed",
                "Messages that wait for another try, or for another of their ordering key",
                &self.delayed,
            ),
            (
                "scheduled",
                "Messages whose time has not come",
                &self.scheduled,
            ),
            ("dead", "Dead letters", &self.dead),
        ];
        for (name, help, family) in all {
            let help = format!("{help}, of declared queues, up to some seconds ago");
            registry.register(name, help, Family::clone(family));
        }
        registry.register_with_unit(
            "oldest_age",
            "Since when the oldest message that nobody has had waits; 0 where there is none",
            Unit::Seconds,
            Family::clone(&self.oldest_age),
        );
    }

    fn take(&self, now_us: i64) {
        for family in [
            &self.ready,
            &self.in_flight,
            &self.delayed,
            &self.scheduled,
            &self.dead,
        ] {
            family.clear();
        }
        self.oldest_age.clear();
        for ((queue, group), depth) in self.measured.lock().iter() {
            let labels = Group {
                queue: queue.clone(),
                group: group.clone(),
            };
            for (family, count) in [
                (&self.ready, depth.ready),
                (&self.in_flight, depth.in_flight),
                (&self.delayed, depth.waiting),
                (&self.scheduled, depth.scheduled),
                (&self.dead, depth.dead),
            ] {
                family.get_or_create(&labels).set(super::gauge(count));
            }
            let age = depth.oldest_us.map_or(0.0, |oldest_us| {
                now_us.saturating_sub(oldest_us).max(0) as f64 / 1e6
            });
            self.oldest_age.get_or_create(&labels).set(age);
        }
    }
}
