//! What `/metrics` tells of the application's listeners, by name and phase. Names are those of the
//! configuration.

use pando_queue::listeners::ListenerReport;
use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::registry::{Registry, Unit};
use std::fmt::Error;
use std::sync::Arc;

/// Read from the listeners when they are asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct CalledMetrics(Arc<Mutex<Vec<ListenerReport>>>);

type Count = (&'static str, &'static str, fn(&ListenerReport) -> u64);

const COUNTERS: [Count; 4] = [
    ("calls", "Calls that were made", |of| of.calls),
    ("vetoes", "Writes that were refused by it", |of| of.vetoes),
    ("failures", "Calls that failed or took too long", |of| {
        of.failures
    }),
    (
        "dropped",
        "Calls that were not made, as too many were under way",
        |of| of.dropped,
    ),
];

impl CalledMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("listener");
        registry.register_collector(Box::new(self.clone()));
    }

    pub(super) fn take(&self, reports: Vec<ListenerReport>) {
        *self.0.lock() = reports;
    }
}

impl Collector for CalledMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let reports = self.0.lock();
        if reports.is_empty() {
            return Ok(());
        }
        let labels = |of: &ListenerReport| {
            [
                ("listener", of.name.clone()),
                ("phase", of.phase.name().to_owned()),
            ]
        };
        for (name, help, value) in COUNTERS {
            let mut counters = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for report in reports.iter() {
                let counter = ConstCounter::new(value(report));
                counter.encode(counters.encode_family(&labels(report))?)?;
            }
        }
        let (help, seconds) = ("How long calls took, all together", Some(&Unit::Seconds));
        let mut took = encoder.encode_descriptor("took", help, seconds, MetricType::Counter)?;
        for report in reports.iter() {
            let counter = ConstCounter::new(report.took.as_secs_f64());
            counter.encode(took.encode_family(&labels(report))?)?;
        }
        Ok(())
    }
}
