//! What `/metrics` tells of what goes on beside requests, by the names that it has in the code.

use pando_store::tasks::Tasks;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::registry::Registry;
use std::fmt::Error;

/// Read when it is asked for.
#[derive(Debug)]
struct TaskMetrics(Tasks);

pub(super) fn register(tasks: &Tasks, registry: &mut Registry) {
    registry.register_collector(Box::new(TaskMetrics(tasks.clone())));
}

impl Collector for TaskMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let reports = self.0.reports();
        if reports.is_empty() {
            return Ok(());
        }
        let help = "How often a task was begun anew, as it panicked";
        let mut restarts =
            encoder.encode_descriptor("task_restarts", help, None, MetricType::Counter)?;
        for report in &reports {
            let counter = ConstCounter::new(report.restarts);
            counter.encode(restarts.encode_family(&[("task", report.name)])?)?;
        }
        Ok(())
    }
}
