//! What `/metrics` tells of the workers of this process, by name. Names are those of the
//! configuration.

use pando_model::working::WorkerReport;
use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use std::fmt::Error;
use std::sync::Arc;

/// Read from the workers when they are asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct WorkerMetrics(Arc<Mutex<Vec<WorkerReport>>>);

type Count = (&'static str, &'static str, fn(&WorkerReport) -> u64);

const GAUGES: [Count; 4] = [
    ("wanted", "Places for messages that there are to be", |of| {
        u64::from(of.wanted)
    }),
    ("busy", "Messages that are worked on", |of| {
        u64::from(of.busy)
    }),
    ("max", "Places that there may be at most", |of| {
        u64::from(of.max)
    }),
    (
        "backlog",
        "Messages that nobody of the group has had",
        |of| of.backlog,
    ),
];
const COUNTERS: [Count; 6] = [
    ("begun", "Attempts that were begun", |of| of.begun),
    ("handled", "Attempts that succeeded", |of| of.handled),
    (
        "failed",
        "Attempts that failed, and are made again if any are left",
        |of| of.failed,
    ),
    (
        "dead",
        "Attempts after which the worker gave its message up",
        |of| of.dead,
    ),
    (
        "released",
        "Messages that were given back because the process stops",
        |of| of.released,
    ),
    (
        "gone",
        "Leases that ran out before they were settled",
        |of| of.gone,
    ),
];

impl WorkerMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("worker");
        registry.register_collector(Box::new(self.clone()));
    }

    pub(super) fn take(&self, reports: Vec<WorkerReport>) {
        *self.0.lock() = reports;
    }
}

impl Collector for WorkerMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let reports = self.0.lock();
        if reports.is_empty() {
            return Ok(());
        }
        for (name, help, value) in GAUGES {
            let mut gauges = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for report in reports.iter() {
                let labels = [("worker", report.name.as_str())];
                let gauge = ConstGauge::new(super::gauge(value(report)));
                gauge.encode(gauges.encode_family(&labels)?)?;
            }
        }
        for (name, help, value) in COUNTERS {
            let mut counters = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for report in reports.iter() {
                let labels = [("worker", report.name.as_str())];
                let counter = ConstCounter::new(value(report));
                counter.encode(counters.encode_family(&labels)?)?;
            }
        }
        let help = "How long attempts took";
        let seconds = Some(&Unit::Seconds);
        let mut took =
            encoder.encode_descriptor("attempt", help, seconds, MetricType::Histogram)?;
        for report in reports.iter() {
            let labels = [("worker", report.name.as_str())];
            let classes = report.took.classes.iter();
            let count = classes.map(|(_, count)| count).sum();
            let mut histogram = took.encode_family(&labels)?;
            histogram.encode_histogram::<NoLabelSet>(
                report.took.sum_seconds,
                count,
                &report.took.classes,
                None,
            )?;
        }
        Ok(())
    }
}
