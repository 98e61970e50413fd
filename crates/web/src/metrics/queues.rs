//! What is told of queues.

use crate::queue::Counted;
use pando_store::Store;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::collections::BTreeSet;

/// The label of queues that are not declared: callers name them, so there may be any number.
const OTHERS: &str = "(others)";

/// Counters of this process.
pub(crate) struct QueueMetrics {
    declared: BTreeSet<String>,
    published: Family<Queue, Counter>,
    leased: Family<Queue, Counter>,
    acked: Family<Queue, Counter>,
    nacked: Family<Queue, Counter>,
    extended: Family<Queue, Counter>,
    redriven: Family<Queue, Counter>,
    waiting: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Queue {
    queue: String,
}

impl QueueMetrics {
    pub(super) fn new(store: &Store, registry: &mut Registry) -> QueueMetrics {
        let metrics = QueueMetrics {
            declared: store.config().queues.declared.keys().cloned().collect(),
            published: Family::default(),
            leased: Family::default(),
            acked: Family::default(),
            nacked: Family::default(),
            extended: Family::default(),
            redriven: Family::default(),
            waiting: Gauge::default(),
        };
        let all = [
            ("published", "Messages published", &metrics.published),
            ("leased", "Messages leased", &metrics.leased),
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

    /// How many wait now.
    pub(super) fn take(&self, waiting: usize) {
        self.waiting.set(super::gauge(waiting as u64));
    }

    /// Counts messages.
    pub(crate) fn count(&self, what: Counted, queue: &str, messages: u64) {
        let family = match what {
            Counted::Published => &self.published,
            Counted::Leased => &self.leased,
            Counted::Acked => &self.acked,
            Counted::Nacked => &self.nacked,
            Counted::Extended => &self.extended,
            Counted::Redriven => &self.redriven,
            Counted::Replayed => return,
        };
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
