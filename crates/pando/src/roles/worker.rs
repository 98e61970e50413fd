//! The role `worker`: works on messages, over the store.

use crate::config::Config;
use crate::parts;
use pando_model::working::WorkerReport;
use pando_store::Store;
use pando_workers::Workers;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The workers of this process, once they run.
#[derive(Default)]
pub struct Crew(OnceLock<Workers>);

impl Crew {
    /// Starts them.
    pub fn start(&self, store: &Arc<Store>, config: &Config) -> anyhow::Result<()> {
        let workers = parts::workers::start(store, config)?;
        for worker in workers.report() {
            let (name, queue, group) = (worker.name, worker.queue, worker.group);
            let (handler, max) = (worker.handler, worker.max);
            tracing::info!(worker = name, queue, group, handler, max, "working");
        }
        // They are started once, by the one who serves.
        let _ = self.0.set(workers);
        Ok(())
    }

    /// What is seen of each.
    pub fn report(&self) -> Vec<WorkerReport> {
        self.0.get().map(Workers::report).unwrap_or_default()
    }

    /// Lets what was begun come to its end, for so long; then gives it back.
    pub async fn stop(&self, within: Duration) {
        let Some(workers) = self.0.get() else {
            return;
        };
        let stopped = workers.stop(within).await;
        let (released, left) = (stopped.released, stopped.left);
        if released + left > 0 {
            tracing::warn!(released, left, "messages were cut off, and come again");
        }
    }
}
